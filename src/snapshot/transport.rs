//! How a node is connected.

use crate::translate::{self, Object, XdsVariant};

/// Name that bootstraps give to the management server; an Envoy on typed services is referred to it by this name.
const MANAGEMENT_SERVER: &str = "xds";

/// Where a node's clusters and listeners take their endpoints and routes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// The aggregated stream they came on.
    Aggregated,
    /// The typed services, in this variant, of the server that the node's bootstrap calls `xds`.
    Typed(XdsVariant),
}

impl Transport {
    /// A resource for nodes that are connected like this.
    pub(super) fn of(self, object: Object) -> Object {
        match self {
            Transport::Aggregated => object,
            Transport::Typed(variant) => translate::typed(&object, variant, MANAGEMENT_SERVER),
        }
    }
}
