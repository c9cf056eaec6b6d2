//! What the model says of a rule and a request is what Envoy does with the routes that are made of the rule: the model's answer beside
//! Envoy's matching, written down here after its documentation, for whatever conditions and requests come up.

use envoy_types::pb::envoy::config::route::v3::header_matcher::HeaderMatchSpecifier;
use envoy_types::pb::envoy::config::route::v3::query_parameter_matcher::QueryParameterMatchSpecifier;
use envoy_types::pb::envoy::config::route::v3::{HeaderMatcher, QueryParameterMatcher, RouteMatch};
use envoy_types::pb::envoy::r#type::matcher::v3::StringMatcher;
use envoy_types::pb::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use proptest::prelude::*;

use super::matching::route_matches;
use super::path::PathSpecifier;
use crate::model::{Match, Request, Subject, Test};

/// A request as Envoy has it: all of it headers, each once.
#[derive(Debug, Clone)]
struct Wire {
    method: String,
    path: String,
    headers: Vec<(&'static str, String)>,
}

impl Wire {
    fn header(&self, name: &str) -> Option<&str> {
        match name {
            ":method" => Some(&self.method),
            ":path" => Some(&self.path),
            name => self.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str()),
        }
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let (_, query) = self.path.split_once('?')?;
        query.split('&').map(|part| part.split_once('=').unwrap_or((part, ""))).find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    fn request(&self) -> Request {
        let bare = Request::new(&self.method, "h", &self.path);
        self.headers.iter().fold(bare, |request, (name, value)| request.with_header(name, value))
    }
}

fn whole(pattern: &str, value: &str) -> bool {
    regex::Regex::new(&format!("^(?:{pattern})$")).expect("an expression").is_match(value)
}

fn text_matches(matcher: &StringMatcher, value: &str) -> bool {
    match matcher.match_pattern.as_ref().expect("a pattern") {
        MatchPattern::Exact(text) => value == text,
        MatchPattern::Prefix(text) => value.starts_with(text.as_str()),
        MatchPattern::Suffix(text) => value.ends_with(text.as_str()),
        MatchPattern::Contains(text) => value.contains(text.as_str()),
        MatchPattern::SafeRegex(regex) => whole(&regex.regex, value),
        MatchPattern::Custom(_) => panic!("nothing makes these"),
    }
}

fn header_matches(matcher: &HeaderMatcher, wire: &Wire) -> bool {
    let found = wire.header(&matcher.name);
    match matcher.header_match_specifier.as_ref().expect("a specifier") {
        HeaderMatchSpecifier::PresentMatch(present) => (found.is_some() == *present) != matcher.invert_match,
        HeaderMatchSpecifier::StringMatch(text) => match found.or(matcher.treat_missing_header_as_empty.then_some("")) {
            Some(value) => text_matches(text, value) != matcher.invert_match,
            None => false,
        },
        other => panic!("nothing makes {other:?}"),
    }
}

fn parameter_matches(matcher: &QueryParameterMatcher, wire: &Wire) -> bool {
    let found = wire.parameter(&matcher.name);
    match matcher.query_parameter_match_specifier.as_ref().expect("a specifier") {
        QueryParameterMatchSpecifier::PresentMatch(present) => found.is_some() == *present,
        QueryParameterMatchSpecifier::StringMatch(text) => found.is_some_and(|value| text_matches(text, value)),
    }
}

fn path_matches(specifier: &PathSpecifier, wire: &Wire) -> bool {
    let path = wire.path.split('?').next().unwrap_or_default();
    match specifier {
        PathSpecifier::Prefix(prefix) => path.starts_with(prefix.as_str()),
        PathSpecifier::PathSeparatedPrefix(prefix) => {
            path.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
        PathSpecifier::Path(exact) => path == exact,
        PathSpecifier::SafeRegex(regex) => whole(&regex.regex, path),
        other => panic!("nothing makes {other:?}"),
    }
}

fn route_takes(route: &RouteMatch, wire: &Wire) -> bool {
    path_matches(route.path_specifier.as_ref().expect("a path"), wire)
        && route.headers.iter().all(|header| header_matches(header, wire))
        && route.query_parameters.iter().all(|parameter| parameter_matches(parameter, wire))
}

fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(texts).prop_map(str::to_owned)
}

fn tests() -> impl Strategy<Value = Test> {
    const TEXTS: &[&str] = &["", "a", "b", "ab", "a.b", "/a", "/a/b", "GET", "a=b"];
    const PATTERNS: &[&str] = &["a+", "^a", "^a$|^b", "a|b", ".*", "", "[^b]*", "/a/.*", "a$", r"\S+", "(?:a|/a)b?", "G.T"];
    prop_oneof![
        one_of(TEXTS).prop_map(Test::Exact),
        prop::collection::vec(one_of(TEXTS), 1..4).prop_map(Test::In),
        one_of(TEXTS).prop_map(Test::Prefix),
        one_of(TEXTS).prop_map(Test::Suffix),
        one_of(TEXTS).prop_map(Test::Contains),
        one_of(PATTERNS).prop_map(Test::Regex),
        Just(Test::Present),
    ]
}

fn subjects() -> impl Strategy<Value = Subject> {
    const NAMES: &[&str] = &["x", "y"];
    prop_oneof![
        one_of(&["x", "y", "cookie"]).prop_map(Subject::Header),
        one_of(NAMES).prop_map(Subject::Cookie),
        one_of(NAMES).prop_map(Subject::Query),
        Just(Subject::Path),
        Just(Subject::Method),
    ]
}

fn conditions() -> impl Strategy<Value = Match> {
    (subjects(), tests(), any::<bool>()).prop_map(|(subject, test, invert)| Match { subject, test, invert })
}

/// `x=a` and the like, put together by what separates them.
fn pairs(between: &'static str) -> impl Strategy<Value = String> {
    const PAIRS: &[&str] = &["x=", "x=a", "x=b", "x=ab", "x=a=b", "y=a", "y=aa", "y=b", "x", "y", "xx=a", ""];
    prop::collection::vec(one_of(PAIRS), 0..4).prop_map(move |pairs| pairs.join(between))
}

fn wires() -> impl Strategy<Value = Wire> {
    let value = || prop::option::of(one_of(&["", "a", "b", "ab", "aa", "a.b", "a,b"]));
    let cookie = prop::option::of(prop_oneof![pairs("; "), pairs(";")]);
    let path = one_of(&["/", "/a", "/a/", "/ab", "/a/b", "/a/b/c", "/b"]);
    let query = prop::option::of(pairs("&"));
    let methods = one_of(&["GET", "POST"]);
    (methods, path, query, value(), value(), cookie).prop_map(|(method, path, query, x, y, cookie)| Wire {
        method,
        path: query.map_or(path.clone(), |query| format!("{path}?{query}")),
        headers: [("x", x), ("y", y), ("cookie", cookie.map(|text| text.trim().to_owned()))]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_model_answers_as_envoy_does(
        own in one_of(&["/", "/a", "/a/"]),
        alternative in prop::collection::vec(conditions(), 1..3),
        wire in wires(),
    ) {
        let Ok(routes) = route_matches(&own, &alternative) else { return Ok(()) };
        let request = wire.request();
        let under = route_matches(&own, &[]).expect("a path").iter().any(|route| route_takes(route, &wire));
        let said = under && alternative.iter().all(|condition| condition.holds(&request));
        prop_assert_eq!(said, routes.iter().any(|route| route_takes(route, &wire)), "{:#?}", routes);
    }
}
