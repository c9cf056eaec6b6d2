//! Single values: text, names, words, numbers, shares, durations.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::fields::wrong_kind;
use crate::model::notes::Notes;
use crate::model::words::{quoted, suggestion};
use crate::model::yaml::{Node, Scalar};
use crate::model::{DurationError, Share, ShareError, code, parse_duration};

/// Longest name of a service, version, rule, fleet or listener, in characters.
const LONGEST_NAME: usize = 128;

/// A scalar of whatever kind; `what` names it in sentences.
pub(super) fn any_scalar<'n>(notes: &mut Notes, node: &'n Node, what: &str) -> Option<&'n Scalar> {
    let Some(scalar) = node.scalar() else { return wrong_kind(notes, node, &format!("{what} is a text")) };
    if let Some(found) = scalar.text.chars().find(|c| c.is_control()) {
        let title = format!("{what} holds a control character, U+{:04X}", u32::from(found));
        notes.error(code::CONTROL_CHARACTER, &node.span, title).help("take it out");
        return None;
    }
    Some(scalar)
}

/// Text that is wanted as such: a plain `NO` or `null`, which others read as something else, has to be quoted, and an empty text
/// is refused.
pub(super) fn text<'n>(notes: &mut Notes, node: &'n Node, what: &str) -> Option<&'n str> {
    let scalar = any_scalar(notes, node, what)?;
    if scalar.is_word() {
        let title = format!("{what} is a text, and {} without quotes is not one in YAML", quoted(&scalar.text));
        notes.error(code::QUOTE_IT, &node.span, title).help(format!("quote it: \"{}\"", scalar.text));
        return None;
    }
    if scalar.text.trim().is_empty() {
        notes.error(code::NOTHING_IN_IT, &node.span, format!("{what} is empty")).help("give it a value or take it out");
        return None;
    }
    Some(&scalar.text)
}

/// A name: letters, digits, `.`, `_` and `-`, taken from the text as it stands, so that `1.10` and `NO` are names.
pub(super) fn name<'n>(notes: &mut Notes, node: &'n Node, what: &str) -> Option<&'n str> {
    let scalar = any_scalar(notes, node, what)?;
    is_name(notes, &scalar.text, &node.span, what).then_some(&scalar.text)
}

/// Whether a text is a name; if not, it is noted.
pub(super) fn is_name(notes: &mut Notes, text: &str, span: &crate::model::yaml::Span, what: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let title = if text.is_empty() {
        format!("{what} is empty")
    } else if text.chars().count() > LONGEST_NAME {
        format!("{what} has {} characters, and {LONGEST_NAME} is the most", text.chars().count())
    } else if let Some(found) = text.chars().find(|c| !allowed(*c)) {
        format!("{what} holds {}", quoted(&found.to_string()))
    } else {
        return true;
    };
    notes.error(code::NOT_A_NAME, span, title).help("a name is made of letters, digits, `.`, `_` and `-`");
    false
}

/// One of a few words.
pub(super) fn word<T: Copy>(notes: &mut Notes, node: &Node, what: &str, words: &[(&str, T)]) -> Option<T> {
    let scalar = any_scalar(notes, node, what)?;
    let found = words.iter().find(|(word, _)| *word == scalar.text).map(|(_, value)| *value);
    if found.is_none() {
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let help = suggestion(&scalar.text, &names, "one of");
        notes.error(code::UNKNOWN_WORD, &node.span, format!("{what} cannot be {}", quoted(&scalar.text))).maybe_help(help);
    }
    found
}

/// `true` or `false`.
pub(super) fn boolean(notes: &mut Notes, node: &Node, what: &str) -> Option<bool> {
    let scalar = any_scalar(notes, node, what)?;
    match scalar.text.as_str() {
        "true" | "True" | "TRUE" if scalar.plain => Some(true),
        "false" | "False" | "FALSE" if scalar.plain => Some(false),
        other => {
            let title = format!("{what} cannot be {}", quoted(other));
            notes.error(code::UNKNOWN_WORD, &node.span, title).help("write `true` or `false`, without quotes");
            None
        }
    }
}

/// A whole number within bounds.
pub(super) fn number(notes: &mut Notes, node: &Node, what: &str, bounds: RangeInclusive<u32>) -> Option<u32> {
    let scalar = any_scalar(notes, node, what)?;
    let digits = !scalar.text.is_empty() && scalar.text.bytes().all(|b| b.is_ascii_digit());
    let number = digits.then(|| scalar.text.parse::<u32>().unwrap_or(u32::MAX));
    match number {
        Some(number) if bounds.contains(&number) => return Some(number),
        Some(_) => {
            let title = format!("{what} cannot be {}", quoted(&scalar.text));
            let help = format!("write a number from {} to {}", bounds.start(), bounds.end());
            notes.error(code::NOT_A_NUMBER, &node.span, title).help(help);
        }
        None => {
            let title = format!("{what} is a whole number, and {} is none", quoted(&scalar.text));
            notes.error(code::NOT_A_NUMBER, &node.span, title).help("write digits only, for example `5`");
        }
    }
    None
}

/// A number with a point, not infinite.
pub(super) fn decimal(notes: &mut Notes, node: &Node, what: &str) -> Option<f64> {
    let scalar = any_scalar(notes, node, what)?;
    let number = scalar.text.parse::<f64>().ok().filter(|number| number.is_finite());
    if number.is_none() {
        let title = format!("{what} is a number, and {} is none", quoted(&scalar.text));
        notes.error(code::NOT_A_NUMBER, &node.span, title).help("write it as `0.25` or `12`");
    }
    number
}

/// A share.
pub(super) fn share(notes: &mut Notes, node: &Node, what: &str) -> Option<Share> {
    let scalar = any_scalar(notes, node, what)?;
    match scalar.text.parse() {
        Ok(share) => Some(share),
        Err(error) => bad_share(notes, node, what, &scalar.text, error),
    }
}

/// A share above zero.
pub(super) fn some_share(notes: &mut Notes, node: &Node, what: &str) -> Option<Share> {
    let share = share(notes, node, what)?;
    if share == Share::ZERO {
        notes.error(code::NOT_A_SHARE, &node.span, format!("{what} is zero")).help("write a share above zero, or take it out");
        return None;
    }
    Some(share)
}

/// Notes why a text is no share. Gives nothing, for the caller to return.
pub(super) fn bad_share<T>(notes: &mut Notes, node: &Node, what: &str, text: &str, error: ShareError) -> Option<T> {
    let help = match error {
        ShareError::NoUnit => format!("write `{text}%` if per cent is meant: a share always has its unit"),
        ShareError::TooFine => "write at most three digits behind the point".to_owned(),
        ShareError::TooGreat => "a share is at most `100%`".to_owned(),
        ShareError::Malformed if spaceless(text).parse::<Share>().is_ok() => {
            format!("write `{}`, without a space", spaceless(text))
        }
        ShareError::Malformed => "a share is written `5%`, `0.5%` or `33.333%`".to_owned(),
    };
    notes.error(code::NOT_A_SHARE, &node.span, format!("{what}: {} {error}", quoted(text))).help(help);
    None
}

fn spaceless(text: &str) -> String {
    text.split_whitespace().collect()
}

/// A duration above zero.
pub(super) fn duration(notes: &mut Notes, node: &Node, what: &str) -> Option<Duration> {
    let scalar = any_scalar(notes, node, what)?;
    match parse_duration(&scalar.text) {
        Ok(duration) => Some(duration),
        Err(error) => bad_duration(notes, node, what, &scalar.text, error),
    }
}

/// Notes why a text is no duration. Gives nothing, for the caller to return.
pub(super) fn bad_duration<T>(notes: &mut Notes, node: &Node, what: &str, text: &str, error: DurationError) -> Option<T> {
    let help = match error {
        DurationError::NoUnit => format!("write `{text}s` or `{text}m`: a duration always has its unit"),
        DurationError::Zero => "write a duration above zero, or take the key out".to_owned(),
        DurationError::TooLong => "write a shorter one".to_owned(),
        DurationError::Malformed => "a duration is written `400ms`, `30s`, `10m`, `1h30m` or `365d`".to_owned(),
    };
    notes.error(code::NOT_A_DURATION, &node.span, format!("{what}: {} {error}", quoted(text))).help(help);
    None
}
