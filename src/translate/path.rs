//! Where in the space of paths a route stands: under its service's path, and where its rule's path tests say.

use envoy_types::pb::envoy::config::route::v3::HeaderMatcher;
use envoy_types::pb::envoy::config::route::v3::header_matcher::HeaderMatchSpecifier;
pub(super) use envoy_types::pb::envoy::config::route::v3::route_match::PathSpecifier;
use envoy_types::pb::envoy::r#type::matcher::v3::string_matcher::MatchPattern;

use super::matching::Condition;
use super::part::Part;
use super::pb::{regex, string};
use crate::model::{Match, Subject, Test};

/// The path as a part of `:path`, which has the query string too.
pub(super) const PATH: Part = Part { name: "path", end: '?', first: true };

/// A place, and what it does not say yet.
pub(super) struct Place<'a> {
    /// The one path condition a route match has room for. It looks at the path without the query string.
    pub specifier: PathSpecifier,
    /// What the specifier does not say of the service's path.
    pub conditions: Vec<Condition>,
    /// The matches that the specifier does not say.
    pub rest: Vec<&'a Match>,
}

/// Says as much as possible by the path specifier, which is cheaper than a regular expression and the only one that takes users'
/// expressions as they are. The service's path separates at slashes: `/cart` is not asked for `/cartoons`.
pub(super) fn place<'a>(service_path: &str, alternative: &'a [Match]) -> Place<'a> {
    let said = alternative.iter().position(|condition| specifier_of(service_path, condition).is_some());
    let rest = alternative.iter().enumerate().filter(|(i, _)| Some(*i) != said).map(|(_, condition)| condition).collect();
    match said.and_then(|i| specifier_of(service_path, &alternative[i])) {
        Some(specifier @ PathSpecifier::SafeRegex(_)) if service_path != "/" => {
            Place { specifier, conditions: vec![under(service_path)], rest }
        }
        Some(specifier) => Place { specifier, conditions: vec![], rest },
        None => Place { specifier: service(service_path), conditions: vec![], rest },
    }
}

/// Everything under a service's path.
fn service(path: &str) -> PathSpecifier {
    if path.ends_with('/') { PathSpecifier::Prefix(path.to_owned()) } else { PathSpecifier::PathSeparatedPrefix(path.to_owned()) }
}

/// The specifier that says this condition, if it also implies the service's path or leaves room to say that otherwise.
fn specifier_of(service_path: &str, condition: &Match) -> Option<PathSpecifier> {
    if condition.subject != Subject::Path || condition.invert {
        return None;
    }
    let inside = if service_path.ends_with('/') { service_path.to_owned() } else { format!("{service_path}/") };
    match &condition.test {
        Test::Exact(path) if path.starts_with(&inside) || path == service_path => Some(PathSpecifier::Path(path.clone())),
        Test::Prefix(path) if path.starts_with(&inside) => Some(PathSpecifier::Prefix(path.clone())),
        Test::Regex(pattern) => Some(PathSpecifier::SafeRegex(regex(pattern))),
        _ => None,
    }
}

/// "Under the service's path" as a condition on `:path`, for when the specifier is taken.
fn under(service_path: &str) -> Condition {
    let escaped = regex::escape(service_path);
    let below = if service_path.ends_with('/') { format!("{escaped}.*") } else { format!(r"{escaped}(?:[/?].*)?") };
    Condition::Header(HeaderMatcher {
        name: ":path".to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(string(MatchPattern::SafeRegex(regex(below))))),
        ..HeaderMatcher::default()
    })
}
