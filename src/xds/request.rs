//! What clients say and servers answer, in the terms of both protocol variants.

use std::collections::HashMap;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

use super::board::Variant;
use super::subscription::Name;
use crate::snapshot::{Kind, Resource, TypeView, Version};

/// A request of one type on one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// State of the world.
    Sotw(SotwRequest),
    /// Incremental.
    Delta(DeltaRequest),
}

/// `DiscoveryRequest`, without node and type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SotwRequest {
    /// Version that the client holds. Told, never trusted: answers depend on what was sent.
    pub version: String,
    /// Nonce of the response that this answers; empty when it answers none.
    pub nonce: String,
    /// All names wanted.
    pub names: Vec<String>,
    /// Text of `error_detail`; its presence alone makes a NACK, whatever code it has.
    pub error: Option<String>,
}

/// `DeltaDiscoveryRequest`, without node and type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeltaRequest {
    /// Nonce of the response that this answers; empty when it answers none.
    pub nonce: String,
    /// Names wanted from now on.
    pub subscribe: Vec<String>,
    /// Names not wanted any more.
    pub unsubscribe: Vec<String>,
    /// On the first request of a type: what the client holds, name to version.
    pub initial: HashMap<String, String>,
    /// Text of `error_detail`.
    pub error: Option<String>,
}

impl Request {
    /// Nonce of the response that this answers; empty when it answers none.
    pub fn nonce(&self) -> &str {
        match self {
            Request::Sotw(request) => &request.nonce,
            Request::Delta(request) => &request.nonce,
        }
    }

    /// Text of `error_detail`.
    pub fn error(&self) -> Option<&str> {
        match self {
            Request::Sotw(request) => request.error.as_deref(),
            Request::Delta(request) => request.error.as_deref(),
        }
    }
}

/// A response of one type, to be encoded for the variant of its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Type.
    pub kind: Kind,
    /// Unique on the stream, and growing within the type. Streams that are sent the same may have the same.
    pub nonce: u64,
    /// Tells this response from others that are made of the same view.
    pub identity: u128,
    /// Version of everything there is of this type for this client.
    pub version: Version,
    /// What of this type there is for the client; what is made of it can be shared by all that are sent the same.
    pub view: Arc<TypeView>,
    /// Resources.
    pub resources: Resources,
    /// Names that are gone or do not exist; delta alone has them.
    pub removed: Vec<Name>,
}

/// Tells one response that is made of a view from another, by all that will be in it but the nonce. Types of which there is nothing
/// share their view, so the type is a part of it.
pub fn identity(kind: Kind, variant: Variant, version: &Version, resources: &Resources, removed: &[Name]) -> u128 {
    let mut all = Vec::with_capacity(256);
    let mut text = |text: &str| {
        all.extend_from_slice(&(text.len() as u64).to_le_bytes());
        all.extend_from_slice(text.as_bytes());
    };
    text(kind.short());
    text(if variant == Variant::Delta { "delta" } else { "sotw" });
    text(version.as_str());
    match resources {
        Resources::Whole(_) => text("all"),
        Resources::Some(some) => some.iter().for_each(|resource| {
            text(&resource.name);
            text(resource.version.as_str());
        }),
    }
    text("removed");
    removed.iter().for_each(|name| text(name));
    xxh3_128(&all)
}

/// What a response carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resources {
    /// All of a view.
    Whole(Arc<TypeView>),
    /// These, by name.
    Some(Vec<Arc<Resource>>),
}

impl Default for Resources {
    fn default() -> Self {
        Resources::Some(Vec::new())
    }
}

impl Resources {
    /// One after the other, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Resource>> {
        let (whole, some) = match self {
            Resources::Whole(view) => (Some(view), &[][..]),
            Resources::Some(some) => (None, some.as_slice()),
        };
        whole.into_iter().flat_map(|view| view.iter().map(|(_, resource)| resource)).chain(some)
    }

    /// The resource of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<Resource>> {
        match self {
            Resources::Whole(view) => view.get(name),
            Resources::Some(some) => {
                let at = some.binary_search_by(|resource| resource.name.as_ref().cmp(name)).ok()?;
                some.get(at)
            }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Resources::Whole(view) => view.len(),
            Resources::Some(some) => some.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
