//! The wire: requests decoded as far as they matter, responses assembled from bytes that exist already.
//!
//! The messages are those of `envoy/service/discovery/v3/discovery.proto`, trimmed: prost skips what is not named here without
//! copying it. That matters most for the node. A real Envoy's is 61 kB, nearly all of it a list of extensions, and with Envoy's
//! default settings it comes with every request, each ACK included; it is kept as a slice of the read buffer and looked into once.

use std::collections::HashMap;

use bytes::{BufMut as _, Bytes, BytesMut};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

use super::board::Variant;
use super::channel::nonce_text;
use super::request::{DeltaRequest, Request, Response, SotwRequest};
use crate::snapshot::{Locality, Node, Resource};

/// `DiscoveryRequest` and `DeltaDiscoveryRequest`, decoded.
#[derive(Debug)]
pub struct Incoming {
    /// The node, still encoded, if it was sent.
    pub node: Option<Bytes>,
    /// The type asked for; empty on a typed service, where it is implied.
    pub type_url: String,
    /// The rest.
    pub request: Request,
}

#[derive(Clone, PartialEq, Message)]
struct SotwMessage {
    #[prost(string, tag = "1")]
    version_info: String,
    #[prost(bytes = "bytes", optional, tag = "2")]
    node: Option<Bytes>,
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
    #[prost(bytes = "bytes", optional, tag = "1")]
    node: Option<Bytes>,
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

/// The node's id alone, for requests after the first.
#[derive(Clone, PartialEq, Message)]
struct NodeIdMessage {
    #[prost(string, tag = "1")]
    id: String,
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

/// Decodes a request of the variant.
///
/// # Errors
/// The bytes are not such a message.
pub fn decode_request(variant: Variant, bytes: Bytes) -> Result<Incoming, prost::DecodeError> {
    match variant {
        Variant::Sotw => SotwMessage::decode(bytes).map(|message| Incoming {
            node: message.node,
            type_url: message.type_url,
            request: Request::Sotw(SotwRequest {
                version: message.version_info,
                nonce: message.response_nonce,
                names: message.resource_names,
                error: message.error_detail.map(|status| status.message),
            }),
        }),
        Variant::Delta => DeltaMessage::decode(bytes).map(|message| Incoming {
            node: message.node,
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

/// Decodes a node's id alone.
///
/// # Errors
/// The bytes are not a node.
pub fn decode_node_id(bytes: Bytes) -> Result<String, prost::DecodeError> {
    NodeIdMessage::decode(bytes).map(|message| message.id)
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

/// Encodes a response for the variant, as a whole gRPC message: `DiscoveryResponse` or `DeltaDiscoveryResponse`.
pub fn encode_response(variant: Variant, response: &Response, control_plane: &str) -> Bytes {
    let mut out = match variant {
        Variant::Sotw => {
            let body: usize = response.resources.iter().map(|resource| field_len(resource.any.len())).sum();
            let mut out = start(body + 256);
            put(1, response.version.as_str().as_bytes(), &mut out);
            response.resources.iter().for_each(|resource| put(2, &resource.any, &mut out));
            put(4, response.kind.type_url().as_bytes(), &mut out);
            put(5, nonce_text(response.nonce).as_bytes(), &mut out);
            put_control_plane(6, control_plane, &mut out);
            out
        }
        Variant::Delta => {
            let body: usize = response.resources.iter().map(|resource| field_len(resource_len(resource))).sum();
            let gone: usize = response.removed.iter().map(|name| field_len(name.len())).sum();
            let mut out = start(body + gone + 256);
            put(1, response.version.as_str().as_bytes(), &mut out);
            response.resources.iter().for_each(|resource| put_resource(resource, &mut out));
            put(4, response.kind.type_url().as_bytes(), &mut out);
            put(5, nonce_text(response.nonce).as_bytes(), &mut out);
            response.removed.iter().for_each(|name| put(6, name.as_bytes(), &mut out));
            put_control_plane(7, control_plane, &mut out);
            out
        }
    };
    finish(&mut out)
}

/// Encodes the delta answer to a type that is not served: these names do not exist.
pub fn encode_foreign(type_url: &str, nonce: u64, names: &[String]) -> Bytes {
    let mut out = start(256);
    put(4, type_url.as_bytes(), &mut out);
    put(5, nonce_text(nonce).as_bytes(), &mut out);
    names.iter().for_each(|name| put(6, name.as_bytes(), &mut out));
    finish(&mut out)
}

fn start(capacity: usize) -> BytesMut {
    let mut out = BytesMut::with_capacity(GRPC_PREFIX + capacity);
    out.put_bytes(0, GRPC_PREFIX);
    out
}

fn finish(out: &mut BytesMut) -> Bytes {
    let len = u32::try_from(out.len() - GRPC_PREFIX).expect("a response is far below 4 GiB");
    out[1..GRPC_PREFIX].copy_from_slice(&len.to_be_bytes());
    out.split().freeze()
}

/// Length of a length-delimited field with a tag below 16.
fn field_len(len: usize) -> usize {
    1 + encoded_len_varint(len as u64) + len
}

fn put(tag: u32, bytes: &[u8], out: &mut BytesMut) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.put_slice(bytes);
}

fn resource_len(resource: &Resource) -> usize {
    field_len(resource.version.as_str().len()) + field_len(resource.any.len()) + field_len(resource.name.len())
}

/// `Resource { version = 1, resource = 2, name = 3 }` as field 2.
fn put_resource(resource: &Resource, out: &mut BytesMut) {
    encode_key(2, WireType::LengthDelimited, out);
    encode_varint(resource_len(resource) as u64, out);
    put(1, resource.version.as_str().as_bytes(), out);
    put(2, &resource.any, out);
    put(3, resource.name.as_bytes(), out);
}

/// `ControlPlane { identifier = 1 }`.
fn put_control_plane(tag: u32, identifier: &str, out: &mut BytesMut) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(field_len(identifier.len()) as u64, out);
    put(1, identifier.as_bytes(), out);
}
