//! What the fleet is served: resources encoded once, with versions that are hashes of their content.
//!
//! Owns: the resource as the wire needs it, the view of one group of nodes, and the snapshot that has a view for every node.
//! Called by: `control` (publishes), `xds` (serves). A version depends on canonical bytes alone, so a restart, another replica or a
//! touched file change nothing on the wire.

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
pub use crate::translate::{Kind, XdsVariant, cluster_name};
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
