//! Matching a value of a node's metadata.

use envoy_types::pb::envoy::r#type::matcher::v3::value_matcher::MatchPattern;
use envoy_types::pb::envoy::r#type::matcher::v3::{ValueMatcher, double_matcher, list_matcher};
use serde_json::Value;

use super::matching::{BadMatcher, Text};

/// What a value must be.
#[derive(Debug)]
pub(super) enum Check {
    /// Null.
    Null,
    /// This number.
    Number(f64),
    /// A number from the first to below the second.
    Range(f64, f64),
    /// A text.
    Text(Text),
    /// This truth value.
    Bool(bool),
    /// There, and neither a list nor an object; or, if false, not there.
    Present(bool),
    /// A list, one of whose elements is this.
    OneOf(Box<Check>),
    /// Any of these.
    Any(Vec<Check>),
}

impl Check {
    /// Reads a matcher of values.
    pub fn new(told: ValueMatcher) -> Result<Check, BadMatcher> {
        Ok(match told.match_pattern.ok_or(BadMatcher::Missing("value"))? {
            MatchPattern::NullMatch(_) => Check::Null,
            MatchPattern::DoubleMatch(number) => match number.match_pattern.ok_or(BadMatcher::Missing("number"))? {
                double_matcher::MatchPattern::Exact(number) => Check::Number(number),
                double_matcher::MatchPattern::Range(range) => Check::Range(range.start, range.end),
            },
            MatchPattern::StringMatch(text) => Check::Text(Text::new(text)?),
            MatchPattern::BoolMatch(truth) => Check::Bool(truth),
            MatchPattern::PresentMatch(present) => Check::Present(present),
            MatchPattern::ListMatch(list) => {
                let list_matcher::MatchPattern::OneOf(element) = list.match_pattern.ok_or(BadMatcher::Missing("element"))?;
                Check::OneOf(Box::new(Check::new(*element)?))
            }
            MatchPattern::OrMatch(any) => Check::Any(any.value_matchers.into_iter().map(Check::new).collect::<Result<_, _>>()?),
        })
    }

    /// Whether the value, if there is one, is such.
    pub fn matches(&self, value: Option<&Value>) -> bool {
        match self {
            Check::Null => value == Some(&Value::Null),
            Check::Number(want) => value.and_then(Value::as_f64) == Some(*want),
            Check::Range(from, to) => value.and_then(Value::as_f64).is_some_and(|number| (*from..*to).contains(&number)),
            Check::Text(want) => value.and_then(Value::as_str).is_some_and(|text| want.matches(text)),
            Check::Bool(want) => value.and_then(Value::as_bool) == Some(*want),
            Check::Present(want) => !value.is_some_and(|value| value.is_object() || value.is_array()) && value.is_some() == *want,
            Check::OneOf(want) => {
                value.and_then(Value::as_array).is_some_and(|list| list.iter().any(|one| want.matches(Some(one))))
            }
            Check::Any(checks) => checks.iter().any(|check| check.matches(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_matched_by_what_they_are() {
        let any = || Check::Any(vec![Check::Number(1.0), Check::Null]);
        for (check, yes, no) in [
            (Check::Null, Some(json!(null)), Some(json!(0))),
            (Check::Number(2.0), Some(json!(2)), Some(json!("2"))),
            (Check::Range(1.0, 2.0), Some(json!(1)), Some(json!(2))),
            (Check::Bool(true), Some(json!(true)), Some(json!(false))),
            (Check::Present(true), Some(json!("x")), Some(json!({}))),
            (Check::Present(false), None, Some(json!([]))),
            (Check::OneOf(Box::new(Check::Number(3.0))), Some(json!([1, 3])), Some(json!(3))),
            (any(), Some(json!(1)), None),
        ] {
            assert!(check.matches(yes.as_ref()) && !check.matches(no.as_ref()), "{check:?}");
        }
    }
}
