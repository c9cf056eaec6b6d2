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

/// A message without its node, and of the node, in the field given, what is wanted.
fn decode<M: Message + Default>(mut from: Chunks, node_tag: u32, first: bool) -> Result<(Option<Told>, M), Unreadable> {
    let (mut node, mut message, mut fields) = (None, M::default(), 0);
    while from.has_remaining() {
        fields += 1;
        if fields > FIELDS {
            return Err(TooMuch::Fields(FIELDS).into());
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
pub fn encode_foreign(type_url: &str, nonce: u64, names: &[String]) -> Bytes {
    let mut out = vec![0; GRPC_PREFIX];
    put(4, type_url.as_bytes(), &mut out);
    put(5, nonce_text(nonce).as_bytes(), &mut out);
    names.iter().for_each(|name| put(6, name.as_bytes(), &mut out));
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
