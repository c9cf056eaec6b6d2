//! One resource, encoded once for all streams.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};
use xxhash_rust::xxh3::xxh3_128;

use crate::translate::{self, Kind, Object};

/// A version: a hash of canonical content. Equal content has an equal version on every server and in every run.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(Arc<str>);

impl Version {
    /// The version of these bytes.
    pub fn of(bytes: &[u8]) -> Version {
        Version(format!("{:032x}", xxh3_128(bytes)).into())
    }

    /// A version as a client told it.
    pub fn told(text: &str) -> Version {
        Version(text.into())
    }

    /// Its text on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0.get(..8).unwrap_or(&self.0))
    }
}

/// One resource as streams serve it. Its bytes exist once, however many streams send them.
#[derive(Debug, PartialEq, Eq)]
pub struct Resource {
    /// Kind.
    pub kind: Kind,
    /// Name within the kind.
    pub name: Arc<str>,
    /// Hash of the content.
    pub version: Version,
    /// The `google.protobuf.Any` that both protocol variants carry, encoded; empty for a virtual host that does not exist.
    pub any: Bytes,
    /// Names it refers to, sorted: a route's clusters, a listener's route configurations, a cluster's endpoints.
    pub refs: Arc<[Arc<str>]>,
}

impl Resource {
    /// Encodes a translated object.
    pub fn new(object: &Object) -> Resource {
        let refs = object.refs.iter().map(|name| name.as_str().into()).collect();
        let made = Resource::of_bytes(object.kind, &object.name, &object.bytes, refs);
        if object.is_absent() { Resource { any: Bytes::new(), ..made } } else { made }
    }

    /// A resource of this content, in canonical encoding, that refers to these names, sorted.
    pub(super) fn of_bytes(kind: Kind, name: &str, bytes: &[u8], refs: Arc<[Arc<str>]>) -> Resource {
        Resource { kind, name: name.into(), version: Version::of(bytes), any: encode_any(kind.type_url(), bytes), refs }
    }

    /// What a name that nothing stands behind is answered with, for the kinds in which absence cannot be said otherwise.
    pub fn stand_in(kind: Kind, name: &str) -> Option<Resource> {
        translate::stand_in(kind, name).as_ref().map(Resource::new)
    }
}

/// `google.protobuf.Any { type_url = 1, value = 2 }`.
fn encode_any(type_url: &str, value: &[u8]) -> Bytes {
    let field = |len: usize| 1 + encoded_len_varint(len as u64) + len;
    let mut out = Vec::with_capacity(field(type_url.len()) + field(value.len()));
    for (tag, bytes) in [(1, type_url.as_bytes()), (2, value)] {
        encode_key(tag, WireType::LengthDelimited, &mut out);
        encode_varint(bytes.len() as u64, &mut out);
        out.extend_from_slice(bytes);
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message as _;

    #[test]
    fn any_decodes_to_what_went_in() {
        let any = prost_types::Any::decode(encode_any("t/x", b"abc")).unwrap();
        assert_eq!((any.type_url.as_str(), any.value.as_slice()), ("t/x", &b"abc"[..]));
    }

    #[test]
    fn version_depends_on_content_alone() {
        let object = |bytes: &[u8]| Object { kind: Kind::Cluster, name: "a/1".into(), bytes: bytes.to_vec(), refs: vec![] };
        assert_eq!(Resource::new(&object(b"x")).version, Resource::new(&object(b"x")).version);
        assert_ne!(Resource::new(&object(b"x")).version, Resource::new(&object(b"y")).version);
    }
}
