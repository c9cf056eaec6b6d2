//! The wire: requests decoded as far as they matter, responses assembled from bytes that exist already.
//!
//! The messages are those of `envoy/service/discovery/v3/discovery.proto`, trimmed: prost skips what is not named here without
//! copying it. That matters most for the node. A real Envoy's is 61 kB, nearly all of it a list of extensions, and with Envoy's
//! default settings it comes with every request, each ACK included; it is kept as a slice of the read buffer and looked into once.

use std::collections::HashMap;

use bytes::{Buf as _, BufMut as _, Bytes};
use prost::Message;
use prost::encoding::{
    DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, encoded_len_varint, skip_field,
};

use super::board::Variant;
use super::channel::nonce_text;
use super::inbound::Chunks;
use super::limits::TooMuch;
use super::request::{DeltaRequest, Request, Response, SotwRequest};
use crate::snapshot::{Locality, Node, Resource, Serial};

/// `DiscoveryRequest` and `DeltaDiscoveryRequest`, decoded.
#[derive(Debug)]
pub(super) struct Incoming {
    /// The node, if it was sent.
    pub node: Option<Told>,
    /// The type asked for; empty on a typed service, where it is implied.
    pub type_url: String,
    /// The rest.
    pub request: Request,
}

/// What a request says of its node.
#[derive(Debug)]
pub(super) enum Told {
    /// All of it, still encoded: so it is taken from the first request.
    Node(Bytes),
    /// Its id: the rest was said before.
    Id(String),
}

#[derive(Clone, PartialEq, Message)]
struct SotwMessage {
    #[prost(string, tag = "1")]
    version_info: String,
    #[prost(string, repeated, tag = "3")]
    resource_names: Vec<String>,
    #[prost(string, tag = "4")]
    type_url: String,
    #[prost(string, tag = "5")]
    response_nonce: String,
    #[prost(message, optional, tag = "6")]
    error_detail: Option<ErrorMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct DeltaMessage {
    #[prost(string, tag = "2")]
    type_url: String,
    #[prost(string, repeated, tag = "3")]
    subscribe: Vec<String>,
    #[prost(string, repeated, tag = "4")]
    unsubscribe: Vec<String>,
    #[prost(map = "string, string", tag = "5")]
    initial: HashMap<String, String>,
    #[prost(string, tag = "6")]
    response_nonce: String,
    #[prost(message, optional, tag = "7")]
    error_detail: Option<ErrorMessage>,
}

/// `google.rpc.Status` without its details.
#[derive(Clone, PartialEq, Message)]
struct ErrorMessage {
    #[prost(string, tag = "2")]
    message: String,
}

/// `envoy.config.core.v3.Node` without its extensions.
#[derive(Clone, PartialEq, Message)]
struct NodeMessage {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    cluster: String,
    #[prost(message, optional, tag = "3")]
    metadata: Option<prost_types::Struct>,
    #[prost(message, optional, tag = "4")]
    locality: Option<LocalityMessage>,
    #[prost(string, tag = "6")]
    user_agent_name: String,
    #[prost(string, tag = "7")]
    user_agent_version: String,
    #[prost(message, optional, tag = "8")]
    build: Option<BuildMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct LocalityMessage {
    #[prost(string, tag = "1")]
    region: String,
    #[prost(string, tag = "2")]
    zone: String,
    #[prost(string, tag = "3")]
    sub_zone: String,
}

#[derive(Clone, PartialEq, Message)]
struct BuildMessage {
    #[prost(message, optional, tag = "1")]
    version: Option<SemanticVersion>,
}

#[derive(Clone, PartialEq, Message)]
struct SemanticVersion {
    #[prost(uint32, tag = "1")]
    major: u32,
    #[prost(uint32, tag = "2")]
    minor: u32,
    #[prost(uint32, tag = "3")]
    patch: u32,
}

/// Why bytes are not the message that they should be.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    /// They are no such message.
    #[error("{0}")]
    Malformed(String),
    /// They may be one, but ask for more than anybody may.
    #[error(transparent)]
    TooMuch(#[from] TooMuch),
}

/// Most fields of one request: a node that reconnects names what it holds and what it asks for. Each would become a string of its
/// own, many times as large as the shortest field.
const FIELDS: usize = 500_000;

impl From<prost::DecodeError> for Unreadable {
    fn from(error: prost::DecodeError) -> Unreadable {
        Unreadable::Malformed(error.to_string())
    }
}

/// Decodes a request of the variant; `first` says that it is the first of its stream.
///
/// # Errors
/// The bytes are not such a message.
pub(super) fn decode_request(variant: Variant, message: Chunks, first: bool) -> Result<Incoming, Unreadable> {
    match variant {
        Variant::Sotw => decode::<SotwMessage>(message, 2, first).map(|(node, message)| Incoming {
            node,
            type_url: message.type_url,
            request: Request::Sotw(SotwRequest {
                version: message.version_info,
                nonce: message.response_nonce,
                names: message.resource_names,
                error: message.error_detail.map(|status| status.message),
            }),
        }),
        Variant::Delta => decode::<DeltaMessage>(message, 1, first).map(|(node, message)| Incoming {
            node,
            type_url: message.type_url,
            request: Request::Delta(DeltaRequest {
                nonce: message.response_nonce,
                subscribe: message.subscribe,
                unsubscribe: message.unsubscribe,
                initial: message.initial,
                error: message.error_detail.map(|status| status.message),
            }),
        }),
    }
}

/// A message that consists of texts mostly.
trait Texts: Message + Default {
    /// Takes in a text, if the field of that number is one.
    fn put(&mut self, tag: u32, text: &str) -> bool;
}

impl Texts for SotwMessage {
    fn put(&mut self, tag: u32, text: &str) -> bool {
        match tag {
            1 => self.version_info = text.to_owned(),
            3 => self.resource_names.push(text.to_owned()),
            4 => self.type_url = text.to_owned(),
            5 => self.response_nonce = text.to_owned(),
            _ => return false,
        }
        true
    }
}

impl Texts for DeltaMessage {
    fn put(&mut self, tag: u32, text: &str) -> bool {
        match tag {
            2 => self.type_url = text.to_owned(),
            3 => self.subscribe.push(text.to_owned()),
            4 => self.unsubscribe.push(text.to_owned()),
            5 => match entry(text) {
                Some((name, version)) => drop(self.initial.insert(name.to_owned(), version.to_owned())),
                None => return false,
            },
            6 => self.response_nonce = text.to_owned(),
            _ => return false,
        }
        true
    }
}

/// An entry of a map, in the order in which everybody writes it. If its texts are short, their lengths are ASCII, and it is a text itself.
fn entry(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = field(text, "\x0a")?;
    let (version, rest) = field(rest, "\x12")?;
    rest.is_empty().then_some((name, version))
}

/// A short text in the field with this key, and what follows it.
fn field<'a>(text: &'a str, key: &str) -> Option<(&'a str, &'a str)> {
    let rest = text.strip_prefix(key)?;
    let len = usize::from(*rest.as_bytes().first()?);
    rest.get(1..)?.split_at_checked(len)
}

/// A message without its node, and of the node, in the field given, what is wanted.
fn decode<M: Texts>(mut from: Chunks, node_tag: u32, first: bool) -> Result<(Option<Told>, M), Unreadable> {
    let (mut node, mut message, mut fields) = (None, M::default(), 0);
    while from.has_remaining() {
        fields += 1;
        if fields > FIELDS {
            return Err(TooMuch::Fields(FIELDS).into());
        }
        if from.take_text(|tag, text| message.put(tag, text)) {
            continue;
        }
        let (tag, wire) = decode_key(&mut from)?;
        if tag == node_tag && wire == WireType::LengthDelimited {
            let len = decode_varint(&mut from)? as usize;
            if len > from.remaining() {
                return Err(Unreadable::Malformed("the node is longer than its request".into()));
            }
            node = Some(if first { Told::Node(from.copy_to_bytes(len)) } else { Told::Id(take_id(&mut from, len)?) });
        } else {
            message.merge_field(tag, wire, &mut from, DecodeContext::default())?;
        }
    }
    Ok((node, message))
}

/// The id of a node of so many bytes, which stands first in it; the rest is stepped over.
fn take_id(from: &mut Chunks, len: usize) -> Result<String, Unreadable> {
    let (mut id, end) = (String::new(), from.remaining() - len);
    while id.is_empty() && from.remaining() > end {
        let take = |tag, text: &str| {
            id.push_str(if tag == 1 { text } else { "" });
            tag == 1
        };
        if from.take_text(take) {
            continue;
        }
        let (tag, wire) = decode_key(from)?;
        match tag {
            1 => prost::encoding::string::merge(wire, &mut id, from, DecodeContext::default())?,
            _ => skip_field(wire, tag, from, DecodeContext::default())?,
        }
    }
    // A field that reaches beyond the node is a fault of the client, and the rest cannot be told from the node any more.
    let rest = from
        .remaining()
        .checked_sub(end)
        .ok_or_else(|| Unreadable::Malformed("a field reaches beyond the end of the node".into()))?;
    from.advance(rest);
    Ok(id)
}

/// Decodes a node.
///
/// # Errors
/// The bytes are not such a message.
pub fn decode_node(bytes: Bytes) -> Result<Node, prost::DecodeError> {
    let message = NodeMessage::decode(bytes)?;
    let locality = message.locality.unwrap_or_default();
    let built = message.build.and_then(|build| build.version).map(|v| format!("{}.{}.{}", v.major, v.minor, v.patch));
    Ok(Node {
        id: message.id,
        cluster: message.cluster,
        locality: Locality { region: locality.region, zone: locality.zone, sub_zone: locality.sub_zone },
        metadata: message.metadata.map_or(serde_json::Value::Null, json_object),
        user_agent: message.user_agent_name,
        version: built.unwrap_or(message.user_agent_version),
    })
}

fn json_object(message: prost_types::Struct) -> serde_json::Value {
    serde_json::Value::Object(message.fields.into_iter().map(|(key, value)| (key, json(value))).collect())
}

fn json(value: prost_types::Value) -> serde_json::Value {
    use prost_types::value::Kind;
    match value.kind {
        None | Some(Kind::NullValue(_)) => serde_json::Value::Null,
        Some(Kind::BoolValue(value)) => value.into(),
        Some(Kind::StringValue(value)) => value.into(),
        // Struct knows doubles alone; whole ones are meant as integers.
        Some(Kind::NumberValue(value)) if value.fract() == 0.0 && value.abs() < 9e15 => (value as i64).into(),
        Some(Kind::NumberValue(value)) => value.into(),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(json).collect(),
        Some(Kind::StructValue(value)) => json_object(value),
    }
}

/// Length of the prefix of a gRPC message: a flag and four bytes of length.
const GRPC_PREFIX: usize = 5;

/// Encodes a response for the variant, `DiscoveryResponse` or `DeltaDiscoveryResponse`, as one gRPC message. Streams that are sent the
/// same under the same nonce share it.
pub fn encode_response(variant: Variant, response: &Response, control_plane: &str) -> Bytes {
    response.view.body(response.identity, Serial(response.nonce), || made(variant, response, control_plane))
}

fn made(variant: Variant, response: &Response, control_plane: &str) -> Bytes {
    let mut out = Vec::with_capacity(response.resources.iter().map(|resource| resource.any.len() + 128).sum::<usize>() + 256);
    out.put_bytes(0, GRPC_PREFIX);
    for resource in response.resources.iter() {
        match variant {
            Variant::Sotw => put(2, &resource.any, &mut out),
            Variant::Delta => put_resource(resource, &mut out),
        }
    }
    put(1, response.version.as_str().as_bytes(), &mut out);
    put(4, response.kind.type_url().as_bytes(), &mut out);
    response.removed.iter().for_each(|name| put(6, name.as_bytes(), &mut out));
    put_control_plane(if variant == Variant::Delta { 7 } else { 6 }, control_plane, &mut out);
    put(5, nonce_text(response.nonce).as_bytes(), &mut out);
    finish(out)
}

/// Writes the length of the message in front.
fn finish(mut out: Vec<u8>) -> Bytes {
    let len = u32::try_from(out.len() - GRPC_PREFIX).expect("a response is far below 4 GiB");
    out[1..GRPC_PREFIX].copy_from_slice(&len.to_be_bytes());
    out.into()
}

/// Encodes the delta answer to a type that is not served: these names do not exist.
pub fn encode_foreign(type_url: &str, nonce: u64, names: &[String], control_plane: &str) -> Bytes {
    let mut out = vec![0; GRPC_PREFIX];
    put(4, type_url.as_bytes(), &mut out);
    put(5, nonce_text(nonce).as_bytes(), &mut out);
    names.iter().for_each(|name| put(6, name.as_bytes(), &mut out));
    put_control_plane(7, control_plane, &mut out);
    finish(out)
}

/// Length of a length-delimited field with a tag below 16.
fn field_len(len: usize) -> usize {
    1 + encoded_len_varint(len as u64) + len
}

fn put_key(tag: u32, len: usize, out: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(len as u64, out);
}

fn put(tag: u32, bytes: &[u8], out: &mut Vec<u8>) {
    put_key(tag, bytes.len(), out);
    out.put_slice(bytes);
}

/// `Resource { version = 1, resource = 2, name = 3, aliases = 4 }` in field 2. What does not exist has an alias in place of its body:
/// a virtual host is known by that.
fn put_resource(resource: &Resource, out: &mut Vec<u8>) {
    let (version, name) = (resource.version.as_str().as_bytes(), resource.name.as_bytes());
    let (tag, body) = if resource.any.is_empty() { (4, name) } else { (2, resource.any.as_ref()) };
    put_key(2, field_len(version.len()) + field_len(body.len()) + field_len(name.len()), out);
    put(1, version, out);
    put(3, name, out);
    put(tag, body, out);
}

/// `ControlPlane { identifier = 1 }`.
fn put_control_plane(tag: u32, identifier: &str, out: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(field_len(identifier.len()) as u64, out);
    put(1, identifier.as_bytes(), out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Kind;

    /// A request with short texts and long ones, with a node that has fields after its id.
    fn request(variant: Variant) -> Vec<u8> {
        let names = vec!["a".to_owned(), "b".repeat(127), "c".repeat(128), String::new()];
        let (type_url, response_nonce) = (Kind::Endpoints.type_url().to_owned(), "1f".to_owned());
        let error_detail = Some(ErrorMessage { message: "no".into() });
        let mut out = Vec::new();
        match variant {
            Variant::Sotw => {
                SotwMessage { version_info: "7".into(), resource_names: names, type_url, response_nonce, error_detail }
                    .encode(&mut out)
            }
            Variant::Delta => {
                let initial = HashMap::from([("held".repeat(2), "1".to_owned())]);
                let (subscribe, unsubscribe) = (names, vec!["d".to_owned()]);
                DeltaMessage { type_url, subscribe, unsubscribe, initial, response_nonce, error_detail }.encode(&mut out)
            }
        }
        .unwrap();
        let node =
            NodeMessage { id: "node".into(), cluster: "fleet".into(), user_agent_name: "é".repeat(70), ..Default::default() };
        put(if variant == Variant::Sotw { 2 } else { 1 }, &node.encode_to_vec(), &mut out);
        out
    }

    fn decoded(variant: Variant, parts: &[&[u8]]) -> String {
        let parts = parts.iter().map(|part| Bytes::copy_from_slice(part));
        format!("{:?}", decode_request(variant, parts.collect(), false))
    }

    #[test]
    fn a_request_says_the_same_however_it_is_cut() {
        for variant in [Variant::Sotw, Variant::Delta] {
            let request = request(variant);
            let whole = decoded(variant, &[&request]);
            for word in [
                "\"7\"",
                "\"heldheld\": \"1\"",
                "\"1f\"",
                "ClusterLoadAssignment",
                "Id(\"node\")",
                &"b".repeat(127),
                &"c".repeat(128),
                "\"no\"",
                "\"\"",
            ] {
                let other = if variant == Variant::Sotw { "held" } else { "\"7\"" };
                assert!(whole.contains(word) || word.contains(other), "{word} is not in {whole}");
            }
            for at in 0..request.len() {
                assert_eq!(decoded(variant, &[&request[..at], &request[at..]]), whole, "{at}");
            }
        }
    }

    /// Envoy, gRPC and ztunnel each have a code of their own for it, and ztunnel's is none.
    #[test]
    fn c2_an_error_detail_without_code_or_text_is_a_nack() {
        let error = |variant, bytes: &'static [u8]| {
            let incoming = decode_request(variant, Bytes::from_static(bytes).into(), false).unwrap();
            incoming.request.error().map(str::to_owned)
        };
        assert_eq!(error(Variant::Sotw, b"\x32\x00"), Some(String::new()));
        assert_eq!(error(Variant::Delta, b"\x3a\x00"), Some(String::new()));
        assert_eq!(error(Variant::Sotw, b"\x32\x02\x08\x0d"), Some(String::new()), "a code, and no text");
        assert_eq!([error(Variant::Sotw, b""), error(Variant::Delta, b"")], [None, None]);
    }

    #[test]
    fn o5_every_answer_says_which_server_it_is_from() {
        let body = encode_foreign("made.up/Type", 7, &["x".to_owned()], "tidegate/1/here");
        let field = b"\x3a\x11\x0a\x0ftidegate/1/here";
        assert!(body.windows(field.len()).any(|part| part == field), "{body:?}");
    }

    #[test]
    fn what_is_no_text_and_what_reaches_too_far_are_faults() {
        let fault = |bytes: &[u8]| decoded(Variant::Sotw, &[bytes]).contains("Malformed");
        assert!(fault(b"\x0a\x02\xff\xff"), "a version that is no UTF-8");
        assert!(fault(b"\x0a\x03ab"), "a version longer than the request");
        assert!(fault(b"\x12\x02\x0a\x03abc"), "an id longer than its node");
        assert!(!fault(b"\x12\x05\x0a\x03abc"));
    }
}
