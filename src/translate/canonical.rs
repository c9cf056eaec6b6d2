//! Canonical encoding: equal messages have equal bytes.
//!
//! The maps of the message types are hash maps, so that encoding equal values gives their entries in another order each time, inside
//! of `Any` too. Here fields are put in the order of their numbers and map entries in the order of their bytes, all the way down.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field};
use prost::{Message, Name};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use super::descriptors;

const JUST_ENCODED: &str = "bytes that were just encoded are well formed";
const ANY: &str = "google.protobuf.Any";

/// Encodes a message canonically.
pub(super) fn encode<M: Message + Name>(message: &M) -> Vec<u8> {
    let bytes = message.encode_to_vec();
    match descriptors::message(&M::full_name()) {
        Some(descriptor) => canonical(&descriptor, &bytes),
        None => bytes,
    }
}

/// One field as it stands in an encoded message.
struct Field<'a> {
    tag: u32,
    wire: WireType,
    /// Key and value.
    whole: &'a [u8],
    /// What a length-delimited field holds; of others, the value.
    content: &'a [u8],
}

/// Splits an encoded message into its fields.
fn fields(mut rest: &[u8]) -> Vec<Field<'_>> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let start = rest;
        let (tag, wire) = decode_key(&mut rest).expect(JUST_ENCODED);
        let mut content = rest;
        skip_field(wire, tag, &mut rest, DecodeContext::default()).expect(JUST_ENCODED);
        content = &content[..content.len() - rest.len()];
        if wire == WireType::LengthDelimited {
            decode_varint(&mut content).expect(JUST_ENCODED);
        }
        found.push(Field { tag, wire, whole: &start[..start.len() - rest.len()], content });
    }
    found
}

fn canonical(message: &MessageDescriptor, bytes: &[u8]) -> Vec<u8> {
    let fields = fields(bytes);
    if message.full_name() == ANY {
        return canonical_any(&fields);
    }
    let mut parts: Vec<(u32, bool, Vec<u8>)> = fields.iter().map(|field| part(message, field)).collect();
    // The sort is stable: elements of a list keep their order, entries of a map get the order of their bytes.
    parts.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| if a.1 && b.1 { a.2.cmp(&b.2) } else { std::cmp::Ordering::Equal }));
    parts.into_iter().flat_map(|(_, _, bytes)| bytes).collect()
}

/// A field's number, whether it is a map entry, and its canonical bytes.
fn part(message: &MessageDescriptor, field: &Field<'_>) -> (u32, bool, Vec<u8>) {
    let descriptor = message.get_field(field.tag);
    let is_map = descriptor.as_ref().is_some_and(FieldDescriptor::is_map);
    let bytes = match descriptor.map(|descriptor| descriptor.kind()) {
        Some(Kind::Message(inner)) if field.wire == WireType::LengthDelimited => {
            delimited(field.tag, &canonical(&inner, field.content))
        }
        _ => field.whole.to_vec(),
    };
    (field.tag, is_map, bytes)
}

/// `Any { type_url = 1, value = 2 }`, the value canonical if its type is known.
fn canonical_any(fields: &[Field<'_>]) -> Vec<u8> {
    let content = |tag| fields.iter().find(|field| field.tag == tag).map_or(&[][..], |field| field.content);
    let (type_url, value) = (content(1), content(2));
    let inner = std::str::from_utf8(type_url).ok().and_then(descriptors::message_of);
    let value = inner.map_or_else(|| value.to_vec(), |inner| canonical(&inner, value));
    let parts = [(1, type_url), (2, value.as_slice())];
    parts.into_iter().filter(|(_, bytes)| !bytes.is_empty()).flat_map(|(tag, bytes)| delimited(tag, bytes)).collect()
}

fn delimited(tag: u32, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 6);
    encode_key(tag, WireType::LengthDelimited, &mut out);
    encode_varint(content.len() as u64, &mut out);
    out.extend_from_slice(content);
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use envoy_types::pb::envoy::config::cluster::v3::Cluster;
    use envoy_types::pb::envoy::config::core::v3::{Metadata, Node};
    use envoy_types::pb::google::protobuf::{Struct, Value, value};
    use envoy_types::util::pack_any;

    use super::*;

    /// Maps in maps, and maps in an `Any` in a map: built anew each time, so each hash map has an order of its own.
    fn cluster() -> Cluster {
        let text = |text: String| Value { kind: Some(value::Kind::StringValue(text)) };
        let fields = || Struct { fields: (0..9).map(|i| (format!("k{i}"), text(format!("v{i}")))).collect() };
        let metadata =
            || Metadata { filter_metadata: (0..9).map(|i| (format!("f{i}"), fields())).collect(), ..Metadata::default() };
        let any = |i: i32| pack_any(Node { id: i.to_string(), metadata: Some(fields()), ..Node::default() });
        Cluster {
            name: "c".into(),
            metadata: Some(metadata()),
            typed_extension_protocol_options: (0..9).map(|i| (format!("e{i}"), any(i))).collect(),
            ..Cluster::default()
        }
    }

    #[test]
    fn equal_messages_have_equal_bytes() {
        let plain: BTreeSet<Vec<u8>> = (0..50).map(|_| cluster().encode_to_vec()).collect();
        assert!(plain.len() > 1, "without care the encodings differ, else this test proves nothing");
        let canonical: BTreeSet<Vec<u8>> = (0..50).map(|_| encode(&cluster())).collect();
        assert_eq!(canonical.len(), 1);
    }

    #[test]
    fn nothing_is_lost() {
        assert_eq!(Cluster::decode(encode(&cluster()).as_slice()).unwrap().name, "c");
        let node = Node { id: "n".into(), client_features: vec!["z".into(), "a".into()], ..Node::default() };
        assert_eq!(Node::decode(encode(&node).as_slice()).unwrap(), node, "lists keep their order");
        assert_eq!(Cluster::decode(encode(&cluster()).as_slice()).unwrap().metadata, cluster().metadata);
    }
}
