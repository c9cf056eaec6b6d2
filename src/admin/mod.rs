//! `tidegate.admin.v1`: what a running server says of itself, over gRPC.
//!
//! Owns: the generated messages ([`pb`]), the service over the two things it reads (the published [`ServerStatus`] and the
//! [`Board`]) and the [`Desk`] to which it passes orders on, Envoy's client status API over the live streams ([`ClientStatus`]), and the descriptors for reflection
//! and JSON. Called by: `serve` mounts it, `cli` is its client. Holds no state.
//!
//! [`ServerStatus`]: crate::control::ServerStatus
//! [`Board`]: crate::xds::Board
//! [`Desk`]: crate::control::Desk

mod convert;
mod csds;
mod history;
mod json;
mod known;
mod nodes;
mod order;
mod reflection;
mod rollout;
mod service;
mod updates;

/// The messages and the service of `proto/tidegate/admin/v1/admin.proto`, as generated.
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub mod pb {
    tonic::include_proto!("tidegate.admin.v1");
}

pub use csds::ClientStatus;
pub use json::{history_entry_json, nodes_json, order_json, status_json};
pub use reflection::{descriptor_set, reflection};
pub use service::Admin;
