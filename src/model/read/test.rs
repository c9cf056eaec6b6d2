//! Tests: what a property of a request must satisfy.

use super::fields::{Fields, each, some_items, wrong_kind};
use super::http::{method, path};
use super::regex::{never_begins_with_slash, regex};
use super::scalar::{boolean, text};
use crate::model::notes::Notes;
use crate::model::words::quoted;
use crate::model::yaml::{Entry, Node, Value};
use crate::model::{Match, Subject, Test, code};

const WORDS: [&str; 7] = ["in", "prefix", "suffix", "contains", "regex", "present", "not"];
const FORMS: &str =
    "write a text, or one of {in: […]}, {prefix: …}, {suffix: …}, {contains: …}, {regex: …}, {present: true}, {not: …}";

/// The match on `subject` that a node writes.
pub(super) fn read(notes: &mut Notes, subject: &Subject, node: &Node) -> Option<Match> {
    match &node.value {
        Value::Scalar(scalar) if !scalar.is_nothing() => {
            let exact = value(notes, subject, node, true)?;
            Some(Match { subject: subject.clone(), test: Test::Exact(exact), invert: false })
        }
        Value::Map(_) => long_form(notes, subject, node),
        _ => wrong_kind(notes, node, "a test is a text or a mapping"),
    }
}

fn long_form(notes: &mut Notes, subject: &Subject, node: &Node) -> Option<Match> {
    let fields = Fields::of(notes, node, "a test", &WORDS)?;
    match fields.entries() {
        [one] => word(notes, subject, one),
        [] => {
            notes.error(code::NOTHING_IN_IT, &node.span, "the test is empty").help(FORMS);
            None
        }
        [first, second, ..] => {
            notes
                .error(code::EXCLUDES, &second.key.span, "a test says one thing, and this is a second")
                .also(&first.key.span, "the first")
                .help("for two tests of one property write two rules, or use `regex`");
            None
        }
    }
}

fn word(notes: &mut Notes, subject: &Subject, entry: &Entry) -> Option<Match> {
    let (key, node) = (entry.key.text.as_str(), &entry.value);
    let narrow = match subject {
        Subject::Method => !matches!(key, "in" | "not"),
        Subject::Path => key == "present",
        _ => false,
    };
    if narrow && WORDS.contains(&key) {
        let title = format!("the {subject} cannot be tested by `{key}`");
        let help = if *subject == Subject::Method {
            "write `method: GET` or `method: {in: [GET, HEAD]}`"
        } else {
            "every request has one"
        };
        notes.error(code::UNKNOWN_WORD, &entry.key.span, title).help(help);
        return None;
    }
    let made = |test, invert| Some(Match { subject: subject.clone(), test, invert });
    match key {
        "in" => {
            let items = some_items(notes, node, "`in`")?;
            made(Test::In(each(items, |item| value(notes, subject, item, true))?), false)
        }
        "prefix" => made(Test::Prefix(value(notes, subject, node, true)?), false),
        "suffix" => made(Test::Suffix(value(notes, subject, node, false)?), false),
        "contains" => made(Test::Contains(value(notes, subject, node, false)?), false),
        "regex" => {
            let pattern = regex(notes, node)?;
            if *subject == Subject::Path && never_begins_with_slash(&pattern) {
                warn_of_slash(notes, node, &pattern);
            }
            made(Test::Regex(pattern), false)
        }
        "present" => made(Test::Present, !boolean(notes, node, "`present`")?),
        "not" => read(notes, subject, node).map(|found| Match { invert: !found.invert, ..found }),
        _ => None,
    }
}

fn warn_of_slash(notes: &mut Notes, node: &Node, pattern: &str) {
    notes
        .warning(code::UNASKED_PATH, &node.span, format!("no path matches {}: each begins with `/`", quoted(pattern)))
        .help("an expression is held against the whole path: write `/.*` before what may stand anywhere");
}

/// A text to compare with; `whole` if it stands at the beginning of the property, where paths have their slash.
fn value(notes: &mut Notes, subject: &Subject, node: &Node, whole: bool) -> Option<String> {
    match subject {
        Subject::Path if whole => path(notes, node, "the path to match").map(str::to_owned),
        Subject::Method => method(notes, node),
        _ => text(notes, node, "the value to match").map(str::to_owned),
    }
}
