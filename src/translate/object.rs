//! What translation yields.

use bytes::Bytes;
use prost::{Message, Name};

use super::{Kind, canonical};

/// One Envoy resource, encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its kind.
    pub kind: Kind,
    /// Its name within the kind.
    pub name: String,
    /// The message's canonical encoding: equal messages have equal bytes, on every machine and in every run.
    pub bytes: Vec<u8>,
    /// Names it refers to, sorted, each once: a route's clusters, a listener's route configurations, a cluster's endpoints.
    pub refs: Vec<String>,
}

impl Object {
    /// Encodes a message.
    pub(super) fn new<M: Message + Name>(kind: Kind, name: &str, message: &M, refs: Vec<String>) -> Object {
        debug_assert_eq!(M::type_url(), kind.type_url());
        Object { kind, name: name.to_owned(), bytes: canonical::encode(message), refs }
    }

    /// Whether it says that there is no virtual host of that name.
    pub fn is_absent(&self) -> bool {
        self.kind == Kind::VirtualHost && self.bytes.is_empty()
    }
}

/// What one release becomes. It depends on that release and its traffic alone, so it is made again only when they change.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceObjects {
    /// The service.
    pub service: String,
    /// The fleets that get it; none means every node.
    pub fleets: Vec<String>,
    /// Its clusters, one a version, in file order, and their endpoints under the same names.
    pub objects: Vec<Object>,
    /// Host names it answers to, and that of a preview.
    pub hosts: Vec<String>,
    /// The one of them that is for a preview, which clients without a proxy do not get.
    pub preview: Option<String>,
    /// Path prefix it answers under.
    pub path: String,
    /// Its routes, to be put under each of the hosts, in order: `envoy.config.route.v3.Route` messages in canonical encoding, so that
    /// a RouteConfiguration over many services is put together from them without building or encoding a route again.
    pub routes: Vec<Bytes>,
    /// The same routes as gRPC clients without a proxy take them, without preview and copies; `None` if they cannot be given this service.
    pub proxyless_routes: Option<Vec<Bytes>>,
    /// The clusters that the routes send to, sorted, each once.
    pub route_refs: Vec<String>,
    /// Those that the routes for clients without a proxy send to, likewise.
    pub proxyless_refs: Vec<String>,
}
