//! Nodes as they come with requests.

use clap::ValueEnum;
use envoy_types::pb::envoy::config::core::v3::{BuildVersion, Extension, Locality, Node};
use envoy_types::pb::envoy::r#type::v3::SemanticVersion;
use prost::Message as _;

use crate::fields;

/// What clients say of themselves, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NodeStyle {
    /// 60 bytes in every request, as hand-written clients send
    Slim,
    /// An Envoy's 61 kB in every request: its default
    Real,
    /// An Envoy's 61 kB in the first request of a stream alone: what `tidegate bootstrap` makes of it
    First,
}

impl NodeStyle {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            NodeStyle::Slim => "slim",
            NodeStyle::Real => "real",
            NodeStyle::First => "first",
        }
    }
}

/// Extensions that an Envoy 1.40 lists.
const EXTENSIONS: usize = 516;

/// A node of which all but the id is ready.
#[derive(Debug)]
pub struct NodeTemplate {
    style: NodeStyle,
    after_id: Vec<u8>,
}

impl NodeTemplate {
    /// The template of a style.
    pub fn new(style: NodeStyle) -> NodeTemplate {
        let extensions = if style == NodeStyle::Slim { vec![] } else { (0..EXTENSIONS).map(extension).collect() };
        let node = Node {
            cluster: "edge".into(),
            locality: Some(Locality { region: "eu-west-1".into(), zone: "eu-west-1a".into(), sub_zone: String::new() }),
            user_agent_name: "envoy".into(),
            user_agent_version_type: Some(
                envoy_types::pb::envoy::config::core::v3::node::UserAgentVersionType::UserAgentBuildVersion(BuildVersion {
                    version: Some(SemanticVersion { major_number: 1, minor_number: 40, patch: 0 }),
                    metadata: None,
                }),
            ),
            extensions,
            ..Node::default()
        };
        NodeTemplate { style, after_id: node.encode_to_vec() }
    }

    /// Writes the node of a client as a field of a request, if such a request carries it.
    pub fn put(&self, buf: &mut Vec<u8>, tag: u32, client: usize, first: bool) {
        if !first && self.style == NodeStyle::First {
            return;
        }
        let id = format!("envoy-{client:06}");
        // Fields of a message may come in any order and in any number of pieces: key and length of the id are two bytes.
        prost::encoding::encode_key(tag, prost::encoding::WireType::LengthDelimited, buf);
        prost::encoding::encode_varint((2 + id.len() + self.after_id.len()) as u64, buf);
        fields::put(buf, 1, id.as_bytes());
        buf.extend_from_slice(&self.after_id);
    }
}

/// An extension whose text has the length of the usual.
#[allow(deprecated)]
fn extension(number: usize) -> Extension {
    Extension {
        name: format!("envoy.filters.http.synthetic_{number:03}"),
        category: "envoy.filters.http".into(),
        type_urls: vec![format!("envoy.extensions.filters.http.syn.v3.Syn{number:03}")],
        ..Extension::default()
    }
}
