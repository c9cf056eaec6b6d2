//! An Envoy as it presents itself.

/// Who an Envoy says it is, as far as fleets can pick by it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// `node.id`.
    pub id: String,
    /// `node.cluster`.
    pub cluster: String,
    /// `node.locality`.
    pub locality: Locality,
    /// `node.metadata`, as JSON; `Null` when it sent none.
    pub metadata: serde_json::Value,
    /// `node.user_agent_name`, for example `envoy` or `gRPC Python`.
    pub user_agent: String,
    /// `node.user_agent_version` or the build version, for example `1.40.0`; empty when it sent none.
    pub version: String,
}

/// Where a node runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Locality {
    /// Region.
    pub region: String,
    /// Zone.
    pub zone: String,
    /// Part of a zone.
    pub sub_zone: String,
}
