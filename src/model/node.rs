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

/// The first Envoy, by major and minor version, that asks for the scopes of a listener whenever it is given one.
const SCOPES_SINCE: (u32, u32) = (1, 38);

impl Node {
    /// Whether it can be given listeners with scoped routes. An Envoy before 1.38 asks for the scopes of those alone that it is given
    /// before it has started; with any that comes or becomes scoped later, it answers 404 to everything
    /// (`ScopedRoutesConfigProviderManager` waited on the server's initialization and not on the listener's, envoyproxy/envoy#43392).
    pub fn takes_scopes(&self) -> bool {
        let mut numbers = self.version.split('.').map(|part| part.parse::<u32>().ok());
        let version = numbers.next().flatten().zip(numbers.next().flatten());
        version.is_some_and(|version| version >= SCOPES_SINCE)
    }
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

#[cfg(test)]
mod tests {
    use super::Node;

    #[test]
    fn scopes_are_for_envoys_that_ask_for_them() {
        for (version, want) in
            [("1.36.2", false), ("1.37.9", false), ("1.38.0", true), ("1.40.0", true), ("2.0.0", true), ("1", false), ("", false)]
        {
            assert_eq!(Node { version: version.into(), ..Node::default() }.takes_scopes(), want, "{version}");
        }
    }
}
