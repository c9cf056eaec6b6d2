//! What the fleet is served: resources encoded once, with versions that are hashes of their content.
//!
//! Owns: the resource as the wire needs it, the view of one group of nodes, and the snapshot that has a view for every node.
//! Called by: `control` (publishes), `xds` (serves). A version depends on canonical bytes alone, so a restart, another replica or a
//! touched file change nothing on the wire.
//!
//! A view is made from the one that the same nodes were served before, for the price of the services that changed: `content` tells
//! which, `group_view` makes the changes of `layout` (services on hosts) and `whole` (the RouteConfiguration over all) into `edits`, and
//! `view` applies them to maps that share what did not change. A view that is made from nothing is made in the same way from an empty one.

mod content;
mod derived;
mod edits;
mod group_view;
mod host;
mod layout;
mod resource;
mod service;
#[allow(clippy::module_inception)]
mod snapshot;
mod transport;
mod view;
mod whole;

pub use crate::model::{Locality, Node, Refusal, Shown};
pub use crate::translate::{Kind, ROUTES, XdsVariant, cluster_name};
pub use derived::{Names, Serial};
pub use resource::{Resource, Version};
pub use service::{Service, Services};
pub use snapshot::{Membership, Snapshot};
pub use transport::Transport;
pub use view::{TypeView, View};

#[cfg(test)]
mod edits_tests;
#[cfg(test)]
mod tests;
