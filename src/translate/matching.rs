//! From the matches of a rule to Envoy's route matches.
//!
//! Everything is said in terms that the oldest supported Envoy knows. `RouteMatch.cookies` is not: a 1.36 drops the field without a
//! word, and a route whose only condition it was would match every request. Cookies are matched as a part of the `cookie` header.
//!
//! What is absent never satisfies a test, so its inversion holds. Envoy's inverted header match does not hold for an absent header
//! unless the absent header counts as empty, and then the test must not hold for the empty text.

use envoy_types::pb::envoy::config::route::v3::header_matcher::HeaderMatchSpecifier;
use envoy_types::pb::envoy::config::route::v3::query_parameter_matcher::QueryParameterMatchSpecifier;
use envoy_types::pb::envoy::config::route::v3::{HeaderMatcher, QueryParameterMatcher, RouteMatch};
use envoy_types::pb::envoy::r#type::matcher::v3::{StringMatcher, string_matcher::MatchPattern};

use super::expression;
use super::part::{Part, Unsayable, accepts_empty, one_of};
use super::path::{self, PATH};
use super::pb::{regex, string};
use crate::model::{MAX_PROGRAM_STEPS, Match, Subject, Test, program_steps};

const COOKIE: Part = Part { name: "cookie", end: ';', first: false };
const PARAMETER: Part = Part { name: "query parameter", end: '&', first: false };

/// One condition of a route match.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    /// On a header.
    Header(HeaderMatcher),
    /// On a query parameter.
    Query(QueryParameterMatcher),
}

impl Condition {
    /// The expression in it and its size, if it is too large for Envoy.
    fn too_large(&self) -> Option<(&str, usize)> {
        let matcher = match self {
            Condition::Header(header) => match &header.header_match_specifier {
                Some(HeaderMatchSpecifier::StringMatch(matcher)) => matcher,
                _ => return None,
            },
            Condition::Query(parameter) => match &parameter.query_parameter_match_specifier {
                Some(QueryParameterMatchSpecifier::StringMatch(matcher)) => matcher,
                _ => return None,
            },
        };
        let Some(MatchPattern::SafeRegex(matcher)) = &matcher.match_pattern else { return None };
        let steps = program_steps(&matcher.regex)?;
        (steps > MAX_PROGRAM_STEPS).then_some((&matcher.regex, steps))
    }
}

/// Ways in which something can hold: any one list, with all of its conditions. No list: it never holds. An empty list: it always does.
type Ways = Vec<Vec<Condition>>;

/// The route matches that stand for one alternative of a rule under a service's path: usually one, and none if no request can satisfy
/// it.
pub(super) fn route_matches(service_path: &str, alternative: &[Match]) -> Result<Vec<RouteMatch>, Unsayable> {
    alternative.iter().try_for_each(sound)?;
    let path::Place { specifier, conditions, rest } = path::place(service_path, alternative);
    let mut ways: Ways = vec![conditions];
    for condition in rest {
        ways = both(&ways, &ways_of(condition)?);
    }
    match ways.iter().flatten().find_map(Condition::too_large) {
        Some((expression, steps)) => Err(Unsayable::TooLarge { expression: expression.to_owned(), steps }),
        None => Ok(ways.into_iter().map(|conditions| route_match(specifier.clone(), conditions)).collect()),
    }
}

/// A route match for one host alone, whatever the case and the port that a request names it with: one match without a port, one with.
/// Neither is an expression, as Envoy takes none of a host's greatest length.
pub(super) fn for_authority(place: &RouteMatch, host: &str) -> [RouteMatch; 2] {
    [MatchPattern::Exact(host.to_owned()), MatchPattern::Prefix(format!("{host}:"))].map(|pattern| {
        let whatever_case = StringMatcher { ignore_case: true, ..string(pattern) };
        let mut place = place.clone();
        place.headers.push(matcher(":authority", HeaderMatchSpecifier::StringMatch(whatever_case)));
        place
    })
}

/// The ways in which two things hold together.
fn both(some: &Ways, others: &Ways) -> Ways {
    some.iter().flat_map(|one| others.iter().map(|other| [one.as_slice(), other].concat())).collect()
}

/// Refuses what Envoy would refuse, which its validation rules do not tell of expressions.
fn sound(condition: &Match) -> Result<(), Unsayable> {
    let Test::Regex(pattern) = &condition.test else { return Ok(()) };
    expression::fault(pattern).map_or(Ok(()), |fault| Err(Unsayable::Regex { pattern: pattern.clone(), fault }))
}

fn route_match(specifier: path::PathSpecifier, conditions: Vec<Condition>) -> RouteMatch {
    let mut made = RouteMatch { path_specifier: Some(specifier), ..RouteMatch::default() };
    for condition in conditions {
        match condition {
            Condition::Header(header) => made.headers.push(header),
            Condition::Query(parameter) => made.query_parameters.push(parameter),
        }
    }
    made
}

/// The ways in which a match holds. One of many values is one expression, or each value for itself if that is too large for Envoy.
fn ways_of(condition: &Match) -> Result<Ways, Unsayable> {
    let ways = said(condition)?;
    let Test::In(texts) = &condition.test else { return Ok(ways) };
    if !ways.iter().flatten().any(|condition| condition.too_large().is_some()) {
        return Ok(ways);
    }
    let exactly = |text: &String| said(&Match { test: Test::Exact(text.clone()), ..condition.clone() });
    let each = texts.iter().map(exactly).collect::<Result<Vec<Ways>, Unsayable>>()?;
    Ok(if condition.invert { each.iter().fold(vec![vec![]], |all, one| both(&all, one)) } else { each.concat() })
}

fn said(condition: &Match) -> Result<Ways, Unsayable> {
    let test = simplified(&condition.test);
    match &condition.subject {
        Subject::Header(name) => Ok(header(name, &test, condition.invert)),
        Subject::Method => Ok(header(":method", &test, condition.invert)),
        Subject::Cookie(name) => cookie(name, &test, condition.invert),
        Subject::Query(name) if condition.invert => without_parameter(name, &test),
        Subject::Query(name) => Ok(one(Condition::Query(parameter(name, &test)))),
        Subject::Path => path(&test, condition.invert),
    }
}

fn one(condition: Condition) -> Ways {
    vec![vec![condition]]
}

/// Whatever is there begins with, ends with and contains the empty text; Envoy refuses to be asked so.
fn simplified(test: &Test) -> Test {
    match test {
        Test::Prefix(text) | Test::Suffix(text) | Test::Contains(text) if text.is_empty() => Test::Present,
        other => other.clone(),
    }
}

/// How Envoy matches a value; `None` for [`Test::Present`].
fn pattern(test: &Test) -> Option<MatchPattern> {
    Some(match test {
        Test::Exact(text) => MatchPattern::Exact(text.clone()),
        Test::In(texts) => MatchPattern::SafeRegex(regex(one_of(texts.iter().map(|text| regex::escape(text))).unwrap_or_default())),
        Test::Prefix(text) => MatchPattern::Prefix(text.clone()),
        Test::Suffix(text) => MatchPattern::Suffix(text.clone()),
        Test::Contains(text) => MatchPattern::Contains(text.clone()),
        Test::Regex(pattern) => MatchPattern::SafeRegex(regex(pattern)),
        Test::Present => return None,
    })
}

fn matcher(name: &str, specifier: HeaderMatchSpecifier) -> HeaderMatcher {
    HeaderMatcher { name: name.to_owned(), header_match_specifier: Some(specifier), ..HeaderMatcher::default() }
}

fn presence(name: &str, present: bool) -> HeaderMatcher {
    matcher(name, HeaderMatchSpecifier::PresentMatch(present))
}

fn header(name: &str, test: &Test, invert: bool) -> Ways {
    let Some(pattern) = pattern(test) else { return one(Condition::Header(presence(name, !invert))) };
    let matches = matcher(name, HeaderMatchSpecifier::StringMatch(string(pattern)));
    let inverted = |absent_too| HeaderMatcher { invert_match: true, treat_missing_header_as_empty: absent_too, ..matches.clone() };
    match (invert, accepts_empty(test)) {
        (false, _) => one(Condition::Header(matches)),
        (true, _) if is_always_there(name) => one(Condition::Header(inverted(false))),
        (true, false) => one(Condition::Header(inverted(true))),
        // An absent header must hold and an empty one must not, which no single matcher says.
        (true, true) => vec![vec![Condition::Header(presence(name, false))], vec![Condition::Header(inverted(false))]],
    }
}

/// Whether a request cannot be without this header: those that begin with a colon are its first line.
fn is_always_there(name: &str) -> bool {
    name.starts_with(':')
}

/// A match on a whole header that must look, or must not look, like this. The expression never matches the empty text, so an absent
/// header may count as empty.
fn header_regex(name: &str, expression: String, invert: bool) -> HeaderMatcher {
    HeaderMatcher {
        invert_match: invert,
        treat_missing_header_as_empty: invert && !is_always_there(name),
        ..matcher(name, HeaderMatchSpecifier::StringMatch(string(MatchPattern::SafeRegex(regex(expression)))))
    }
}

/// The ways of a test that no value satisfies.
fn unsatisfiable(invert: bool) -> Ways {
    if invert { vec![vec![]] } else { vec![] }
}

fn cookie(name: &str, test: &Test, invert: bool) -> Result<Ways, Unsayable> {
    let Some(value) = COOKIE.satisfying(test)? else { return Ok(unsatisfiable(invert)) };
    let expression = format!("(?:.*;)? *{}={value}(?:;.*)?", regex::escape(name));
    Ok(one(Condition::Header(header_regex("cookie", expression, invert))))
}

fn parameter(name: &str, test: &Test) -> QueryParameterMatcher {
    let specifier = match pattern(test) {
        Some(pattern) => QueryParameterMatchSpecifier::StringMatch(string(pattern)),
        None => QueryParameterMatchSpecifier::PresentMatch(true),
    };
    QueryParameterMatcher { name: name.to_owned(), query_parameter_match_specifier: Some(specifier) }
}

/// The inversion of a match on a query parameter, which Envoy's own matcher for them lacks. It looks at every occurrence of the
/// parameter, where Envoy's looks at the first: with `?a=1&a=2`, neither `a: 2` nor its inversion holds.
fn without_parameter(name: &str, test: &Test) -> Result<Ways, Unsayable> {
    let Some(value) = PARAMETER.satisfying(test)? else { return Ok(unsatisfiable(true)) };
    // A parameter without `=` is there, with the empty value.
    let optional = if accepts_empty(test) { "?" } else { "" };
    let expression = format!(r"[^?]*\?(?:.*&)?{}(?:={value}){optional}(?:&.*)?", regex::escape(name));
    Ok(one(Condition::Header(header_regex(":path", expression, true))))
}

fn path(test: &Test, invert: bool) -> Result<Ways, Unsayable> {
    let Some(value) = PATH.satisfying(test)? else { return Ok(unsatisfiable(invert)) };
    Ok(one(Condition::Header(header_regex(":path", format!(r"{value}(?:\?.*)?"), invert))))
}
