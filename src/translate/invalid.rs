//! What Envoy would refuse.

use super::Kind;

/// A resource, or a part of one, that Envoy would refuse: found before it is sent, by the rules that Envoy's own messages carry, or
/// because what a release asks for cannot be said in Envoy's routes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} {name}: {field}: {reason}", kind.short())]
pub struct Invalid {
    /// The resource's kind.
    pub kind: Kind,
    /// The resource's name.
    pub name: String,
    /// Path of the field within the resource, by Envoy's names: `virtual_hosts[0].routes[2].match.headers[0].name`.
    pub field: String,
    /// The release's own rule that asks for it, by name, if it is one.
    pub rule: Option<String>,
    /// The rule that is broken, in words.
    pub reason: String,
}
