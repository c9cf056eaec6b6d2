//! Fleets: sets of Envoys picked by what they say of themselves.

use super::Node;

/// A named set of Envoys. Every condition that is written must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fleet {
    /// Its name, as releases and listeners refer to it.
    pub name: String,
    /// `node.cluster`, exactly.
    pub node_cluster: Option<String>,
    /// `node.id`, as a pattern in which `*` stands for any text.
    pub node_id: Option<String>,
    /// Region, exactly.
    pub region: Option<String>,
    /// Zone, exactly.
    pub zone: Option<String>,
    /// Sub-zone, exactly.
    pub sub_zone: Option<String>,
    /// `node.metadata` entries, path of keys to the text of a scalar: `(["team", "name"], "payments")`.
    pub metadata: Vec<(Vec<String>, String)>,
    /// Who may be a node of it, as patterns of certificate identities; none leaves that to the port.
    pub identities: Vec<String>,
}

impl Fleet {
    /// Whether a node belongs to this fleet.
    pub fn matches(&self, node: &Node) -> bool {
        let same = |want: &Option<String>, have: &str| want.as_deref().is_none_or(|want| want == have);
        same(&self.node_cluster, &node.cluster)
            && same(&self.region, &node.locality.region)
            && same(&self.zone, &node.locality.zone)
            && same(&self.sub_zone, &node.locality.sub_zone)
            && self.node_id.as_deref().is_none_or(|pattern| glob(pattern, &node.id))
            && self.metadata.iter().all(|(path, want)| metadata_is(&node.metadata, path, want))
    }
}

fn metadata_is(metadata: &serde_json::Value, path: &[String], want: &str) -> bool {
    let found = path.iter().try_fold(metadata, |value, key| value.get(key));
    match found {
        Some(serde_json::Value::String(text)) => text == want,
        Some(serde_json::Value::Bool(value)) => want == if *value { "true" } else { "false" },
        Some(serde_json::Value::Number(value)) => value.to_string() == want,
        _ => false,
    }
}

/// Whether `text` matches `pattern`, in which `*` stands for any text, also none.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glob_matches_prefix_suffix_and_middle() {
        for (pattern, text, want) in [
            ("edge-1", "edge-1", true),
            ("edge-1", "edge-12", false),
            ("edge-*", "edge-12", true),
            ("*-eu", "edge-eu", true),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "a1c2b", false),
            ("*", "", true),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(glob(pattern, text), want, "{pattern} on {text}");
        }
    }

    #[test]
    fn every_condition_must_hold() {
        let node = Node {
            id: "edge-7".into(),
            cluster: "edge".into(),
            metadata: serde_json::json!({"team": {"name": "payments"}, "tier": 1}),
            ..Node::default()
        };
        let mut fleet = Fleet { name: "f".into(), node_cluster: Some("edge".into()), ..Fleet::default() };
        assert!(fleet.matches(&node));
        fleet.metadata = vec![(vec!["team".into(), "name".into()], "payments".into()), (vec!["tier".into()], "1".into())];
        assert!(fleet.matches(&node));
        fleet.node_id = Some("sidecar-*".into());
        assert!(!fleet.matches(&node));
    }
}
