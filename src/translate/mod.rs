//! From releases to Envoy's messages: the only place that builds them.
//!
//! Owns: which Envoy resources a release becomes, their checking against Envoy's own validation rules, their canonical bytes, and
//! their printing as YAML. Called by: `control` through `snapshot`, `cli render`. Does no I/O. What it returns is plain: a kind, a
//! name, canonical bytes and the names it refers to, so nobody behind it needs Envoy's types.

mod kind;
mod object;

pub use kind::Kind;
pub use object::{Object, ServiceObjects};

use std::collections::BTreeSet;

use crate::model::{Config, Release, Split};

/// What one release becomes under a split.
pub fn service(_release: &Release, _split: &Split) -> ServiceObjects {
    todo!()
}

/// What a group of nodes gets beside the services' own clusters and endpoints: the RouteConfiguration `tidegate` over the
/// services given, and the listeners of the fleets given.
pub fn fleet(_services: &[&ServiceObjects], _config: &Config, _fleets: &BTreeSet<String>) -> Vec<Object> {
    todo!()
}
