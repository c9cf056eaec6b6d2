//! One check of one value.

use prost_reflect::{EnumDescriptor, Kind, ReflectMessage, Value};
use regex::Regex;

/// A number of whatever type, or a duration in nanoseconds. An `f64` holds every number that Envoy's rules name, and durations to the
/// nanosecond for a hundred days.
pub(super) type Number = f64;

/// What a value must satisfy.
#[derive(Debug, Clone)]
pub(super) enum Check {
    /// Numbers and durations.
    Greater(Number),
    /// Numbers and durations.
    AtLeast(Number),
    /// Numbers and durations.
    Less(Number),
    /// Numbers and durations.
    AtMost(Number),
    /// Characters of a text, bytes of bytes.
    MinLength(u64),
    /// Characters of a text, bytes of bytes.
    MaxLength(u64),
    /// Bytes of a text.
    MaxBytes(u64),
    /// Some place in a text matches.
    Pattern(Regex),
    /// Texts.
    Prefix(String),
    /// Texts.
    Suffix(String),
    /// Header names and values, by what they may not contain.
    Header { strict: bool, name: bool },
    /// One of the values.
    In(Vec<Value>),
    /// None of the values.
    NotIn(Vec<Value>),
    /// This value.
    Const(Value),
    /// A value that the enumeration has.
    Defined,
    /// Elements of a list, entries of a map.
    MinItems(u64),
    /// Elements of a list.
    MaxItems(u64),
    /// No two elements are equal.
    Unique,
}

impl Check {
    /// What is wrong with a value, as the end of a sentence that begins with the field's name.
    pub(super) fn refuses(&self, value: &Value, kind: &Kind) -> Option<String> {
        let bad = |holds: bool, must: &dyn Fn() -> String| (!holds).then(must);
        match self {
            Check::Greater(limit) => bad(number(value)? > *limit, &|| format!("must be greater than {limit}")),
            Check::AtLeast(limit) => bad(number(value)? >= *limit, &|| format!("must be at least {limit}")),
            Check::Less(limit) => bad(number(value)? < *limit, &|| format!("must be less than {limit}")),
            Check::AtMost(limit) => bad(number(value)? <= *limit, &|| format!("must be at most {limit}")),
            Check::MinLength(limit) => bad(length(value)? >= *limit, &|| match limit {
                1 => "must not be empty".to_owned(),
                limit => format!("must be at least {limit} characters long"),
            }),
            Check::MaxLength(limit) => bad(length(value)? <= *limit, &|| format!("must be at most {limit} characters long")),
            Check::MaxBytes(limit) => {
                bad(value.as_str()?.len() as u64 <= *limit, &|| format!("must be at most {limit} bytes long"))
            }
            Check::Pattern(regex) => bad(regex.is_match(value.as_str()?), &|| format!("must match `{regex}`")),
            Check::Prefix(text) => bad(value.as_str()?.starts_with(text), &|| format!("must begin with `{text}`")),
            Check::Suffix(text) => bad(value.as_str()?.ends_with(text), &|| format!("must end with `{text}`")),
            Check::Header { strict, name } => header(value.as_str()?, *strict, *name),
            Check::In(values) => bad(values.contains(value), &|| "is not one of the values that are allowed".to_owned()),
            Check::NotIn(values) => bad(!values.contains(value), &|| "is a value that is not allowed".to_owned()),
            Check::Const(wanted) => bad(value == wanted, &|| format!("must be {wanted:?}")),
            Check::Defined => bad(defined(value, kind.as_enum()?), &|| "must be a value of its enumeration".to_owned()),
            Check::MinItems(limit) => bad(items(value)? >= *limit, &|| format!("must have at least {}", count(*limit))),
            Check::MaxItems(limit) => bad(items(value)? <= *limit, &|| format!("must have at most {}", count(*limit))),
            Check::Unique => bad(unique(value.as_list()?), &|| "must not have equal items".to_owned()),
        }
    }
}

/// The number a value is: as it stands, in a wrapper message, or in a duration.
pub(super) fn number(value: &Value) -> Option<Number> {
    match value {
        Value::I32(n) => Some((*n).into()),
        Value::U32(n) => Some((*n).into()),
        Value::I64(n) => Some(*n as f64),
        Value::U64(n) => Some(*n as f64),
        Value::F32(n) => Some((*n).into()),
        Value::F64(n) => Some(*n),
        Value::Message(message) if message.descriptor().full_name() == "google.protobuf.Duration" => {
            let part = |name| message.get_field_by_name(name).and_then(|part| number(&part)).unwrap_or_default();
            Some(part("seconds") * 1e9 + part("nanos"))
        }
        _ => None,
    }
}

fn length(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => Some(text.chars().count() as u64),
        Value::Bytes(bytes) => Some(bytes.len() as u64),
        _ => None,
    }
}

fn items(value: &Value) -> Option<u64> {
    match value {
        Value::List(list) => Some(list.len() as u64),
        Value::Map(map) => Some(map.len() as u64),
        _ => None,
    }
}

fn count(limit: u64) -> String {
    if limit == 1 { "1 item".to_owned() } else { format!("{limit} items") }
}

fn unique(list: &[Value]) -> bool {
    list.iter().enumerate().all(|(i, value)| !list[..i].contains(value))
}

fn defined(value: &Value, kind: &EnumDescriptor) -> bool {
    value.as_enum_number().is_some_and(|number| kind.get_value(number).is_some())
}

/// Names and values of headers may not hold NUL and line ends; strict names only the characters of HTTP's tokens, and a colon in
/// front; strict values no control characters but the tab.
fn header(text: &str, strict: bool, name: bool) -> Option<String> {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_|~`".contains(c);
    let control = |c: char| c.is_ascii_control() && c != '\t';
    let rest = if name { text.strip_prefix(':').unwrap_or(text) } else { text };
    let wrong = match (strict, name) {
        (true, true) => rest.chars().find(|c| !token(*c)),
        (true, false) => rest.chars().find(|c| control(*c)),
        (false, _) => rest.chars().find(|c| ['\0', '\n', '\r'].contains(c)),
    };
    wrong.map(|c| format!("must not contain {c:?}"))
}
