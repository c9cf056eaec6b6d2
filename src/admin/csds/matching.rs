//! Which nodes a request is about.

use envoy_types::pb::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use envoy_types::pb::envoy::r#type::matcher::v3::struct_matcher::path_segment::Segment;
use envoy_types::pb::envoy::r#type::matcher::v3::{NodeMatcher, StringMatcher, StructMatcher};
use regex::{Regex, RegexBuilder};

use super::value::Check;
use crate::snapshot::Node;

/// Largest program of one expression, in bytes.
const MAX_EXPRESSION: usize = 1 << 18;

/// Picks nodes: those that any of the matchers matches, and all of them if there is no matcher.
#[derive(Debug)]
pub(super) struct Matchers(Vec<Matcher>);

/// Matches a node by its id and its metadata together.
#[derive(Debug)]
struct Matcher {
    id: Option<Text>,
    metadata: Vec<(Vec<String>, Check)>,
}

/// A matcher that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadMatcher {
    /// A part that must be there is not.
    #[error("a matcher in node_matchers has no {0}")]
    Missing(&'static str),
    /// Something that Envoy knows and this server does not.
    #[error("{0} cannot be matched here")]
    Unknown(&'static str),
    /// Not an expression.
    #[error("a regular expression in node_matchers: {0}")]
    Expression(#[from] regex::Error),
}

impl Matchers {
    /// Reads the matchers of a request.
    pub fn new(told: Vec<NodeMatcher>) -> Result<Matchers, BadMatcher> {
        told.into_iter().map(Matcher::new).collect::<Result<_, _>>().map(Matchers)
    }

    /// Whether a request is about this node.
    pub fn matches(&self, node: &Node) -> bool {
        self.0.is_empty() || self.0.iter().any(|matcher| matcher.matches(node))
    }
}

impl Matcher {
    fn new(told: NodeMatcher) -> Result<Matcher, BadMatcher> {
        Ok(Matcher {
            id: told.node_id.map(Text::new).transpose()?,
            metadata: told.node_metadatas.into_iter().map(path_and_check).collect::<Result<_, _>>()?,
        })
    }

    fn matches(&self, node: &Node) -> bool {
        let found = |path: &[String]| path.iter().try_fold(&node.metadata, |value, key| value.get(key));
        self.id.as_ref().is_none_or(|id| id.matches(&node.id))
            && self.metadata.iter().all(|(path, check)| check.matches(found(path)))
    }
}

fn path_and_check(told: StructMatcher) -> Result<(Vec<String>, Check), BadMatcher> {
    let path: Option<Vec<String>> = told.path.into_iter().map(|segment| segment.segment.map(|Segment::Key(key)| key)).collect();
    let path = path.filter(|path| !path.is_empty()).ok_or(BadMatcher::Missing("path"))?;
    Ok((path, Check::new(told.value.ok_or(BadMatcher::Missing("value"))?)?))
}

/// Matches a text, all of it unless said otherwise.
#[derive(Debug)]
pub(super) struct Text {
    pattern: Pattern,
    ignore_case: bool,
}

#[derive(Debug)]
enum Pattern {
    Exact(String),
    Prefix(String),
    Suffix(String),
    Contains(String),
    Regex(Regex),
}

impl Text {
    /// Reads a matcher of texts.
    pub fn new(told: StringMatcher) -> Result<Text, BadMatcher> {
        let ignore_case = told.ignore_case;
        let cased = |text: String| if ignore_case { text.to_lowercase() } else { text };
        let pattern = match told.match_pattern.ok_or(BadMatcher::Missing("pattern"))? {
            MatchPattern::Exact(text) => Pattern::Exact(cased(text)),
            MatchPattern::Prefix(text) => Pattern::Prefix(cased(text)),
            MatchPattern::Suffix(text) => Pattern::Suffix(cased(text)),
            MatchPattern::Contains(text) => Pattern::Contains(cased(text)),
            MatchPattern::SafeRegex(told) => Pattern::Regex(expression(&told.regex)?),
            MatchPattern::Custom(_) => return Err(BadMatcher::Unknown("a custom matcher")),
        };
        Ok(Text { pattern, ignore_case })
    }

    /// Whether this text matches. Case counts in an expression always, as it does in Envoy.
    pub fn matches(&self, text: &str) -> bool {
        let cased = if self.ignore_case { text.to_lowercase() } else { text.to_owned() };
        match &self.pattern {
            Pattern::Exact(want) => cased == *want,
            Pattern::Prefix(want) => cased.starts_with(want),
            Pattern::Suffix(want) => cased.ends_with(want),
            Pattern::Contains(want) => cased.contains(want),
            Pattern::Regex(regex) => regex.is_match(text),
        }
    }
}

fn expression(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(&format!("^(?:{text})$")).size_limit(MAX_EXPRESSION).build()
}

#[cfg(test)]
mod tests {
    use envoy_types::pb::envoy::r#type::matcher::v3::struct_matcher::PathSegment;
    use envoy_types::pb::envoy::r#type::matcher::v3::value_matcher;
    use envoy_types::pb::envoy::r#type::matcher::v3::{RegexMatcher, ValueMatcher};

    use super::*;

    fn text(pattern: MatchPattern, ignore_case: bool) -> StringMatcher {
        StringMatcher { match_pattern: Some(pattern), ignore_case }
    }

    fn regex(regex: &str) -> MatchPattern {
        MatchPattern::SafeRegex(RegexMatcher { regex: regex.into(), ..RegexMatcher::default() })
    }

    fn by_id(pattern: MatchPattern) -> NodeMatcher {
        NodeMatcher { node_id: Some(text(pattern, false)), node_metadatas: vec![] }
    }

    fn by_team(path: &[&str], team: &str) -> StructMatcher {
        let path = path.iter().map(|key| PathSegment { segment: Some(Segment::Key((*key).into())) }).collect();
        let value = value_matcher::MatchPattern::StringMatch(text(MatchPattern::Exact(team.into()), false));
        StructMatcher { path, value: Some(ValueMatcher { match_pattern: Some(value) }) }
    }

    fn node(id: &str) -> Node {
        Node { id: id.into(), metadata: serde_json::json!({"owner": {"team": "pay"}}), ..Node::default() }
    }

    #[test]
    fn texts_match_whole_or_in_part() {
        for (pattern, ignore_case, yes, no) in [
            (MatchPattern::Exact("edge-1".into()), false, "edge-1", "edge-11"),
            (MatchPattern::Exact("Edge-1".into()), true, "eDGE-1", "edge-2"),
            (MatchPattern::Prefix("edge-".into()), false, "edge-1", "Edge-1"),
            (MatchPattern::Suffix("-1".into()), false, "edge-1", "edge-12"),
            (MatchPattern::Contains("ge".into()), false, "edge-1", "eddy-1"),
            (regex("edge-[0-9]"), true, "edge-1", "EDGE-1"),
            (regex("a|edge"), false, "edge", "edge-1"),
        ] {
            let matcher = Text::new(text(pattern.clone(), ignore_case)).unwrap();
            assert!(matcher.matches(yes) && !matcher.matches(no), "{pattern:?}");
        }
    }

    #[test]
    fn l2_any_matcher_is_enough_and_none_means_all() {
        let matchers = |told| Matchers::new(told).unwrap();
        assert!(matchers(vec![]).matches(&node("a")));
        let two = matchers(vec![by_id(MatchPattern::Exact("a".into())), by_id(MatchPattern::Prefix("b".into()))]);
        assert!(two.matches(&node("a")) && two.matches(&node("b2")) && !two.matches(&node("c")));
    }

    #[test]
    fn l2_id_and_metadata_of_one_matcher_must_both_match() {
        let both = |team| {
            let matcher =
                NodeMatcher { node_metadatas: vec![by_team(&["owner", "team"], team)], ..by_id(MatchPattern::Prefix("a".into())) };
            Matchers::new(vec![matcher]).unwrap()
        };
        assert!(both("pay").matches(&node("a1")));
        assert!(!both("pay").matches(&node("b1")) && !both("cart").matches(&node("a1")));
        let elsewhere =
            Matchers::new(vec![NodeMatcher { node_id: None, node_metadatas: vec![by_team(&["owner", "x", "y"], "pay")] }]);
        assert!(!elsewhere.unwrap().matches(&node("a1")));
    }

    #[test]
    fn what_cannot_be_matched_is_refused() {
        for bad in [
            NodeMatcher { node_id: Some(StringMatcher::default()), node_metadatas: vec![] },
            by_id(regex("a((")),
            by_id(regex(&"(a{1000}){1000}".repeat(3))),
            NodeMatcher { node_id: None, node_metadatas: vec![by_team(&[], "pay")] },
            NodeMatcher { node_id: None, node_metadatas: vec![StructMatcher { value: None, ..by_team(&["a"], "pay") }] },
        ] {
            assert!(Matchers::new(vec![bad.clone()]).is_err(), "{bad:?}");
        }
    }
}
