//! Conditions: the tree under `when`, multiplied out into alternatives.

use super::fields::{Fields, some_entries, some_items};
use super::http::{cookie_name, header_name, query_name};
use super::test;
use crate::model::notes::Notes;
use crate::model::yaml::{Entry, Node, Span};
use crate::model::{Match, Rule, Subject, code};

const KEYS: [&str; 6] = ["header", "cookie", "query", "path", "method", "any"];

/// Alternatives, in each of which all matches must hold.
pub(super) type Alternatives = Vec<Vec<Match>>;

/// Reads a condition. `what` names it in sentences.
pub(super) fn read(notes: &mut Notes, node: &Node, what: &'static str) -> Option<Alternatives> {
    let fields = Fields::of(notes, node, what, &KEYS)?;
    if fields.entries().is_empty() {
        notes
            .error(code::NOTHING_IN_IT, &node.span, format!("{what} has no condition"))
            .help("to send everything, use `split` instead of a rule");
        return None;
    }
    let mut read = Some(vec![Vec::new()]);
    for entry in fields.entries() {
        let more = condition(notes, entry);
        read = match (read, more) {
            (Some(all), Some(more)) => multiply(notes, &entry.key.span, &all, &more),
            _ => None,
        };
    }
    read
}

fn condition(notes: &mut Notes, entry: &Entry) -> Option<Alternatives> {
    match entry.key.text.as_str() {
        "header" => named(notes, entry, "`header`", |notes, name, span| header_name(notes, name, span).map(Subject::Header)),
        "cookie" => named(notes, entry, "`cookie`", |notes, name, span| cookie_name(notes, name, span).map(Subject::Cookie)),
        "query" => named(notes, entry, "`query`", |notes, name, span| query_name(notes, name, span).map(Subject::Query)),
        "path" => test::read(notes, &Subject::Path, &entry.value).map(|one| vec![vec![one]]),
        "method" => test::read(notes, &Subject::Method, &entry.value).map(|one| vec![vec![one]]),
        "any" => any(notes, entry),
        _ => None,
    }
}

/// Matches by name, all of which must hold: `{x-a: b, x-c: d}`.
pub(super) fn named(
    notes: &mut Notes,
    entry: &Entry,
    what: &str,
    subject: impl Fn(&mut Notes, &str, &Span) -> Option<Subject>,
) -> Option<Alternatives> {
    let entries = some_entries(notes, &entry.value, what)?;
    let mut all = Some(Vec::new());
    for entry in entries {
        let subject = subject(notes, &entry.key.text, &entry.key.span);
        // An unknown subject does not keep the test from being looked at.
        let found = test::read(notes, subject.as_ref().unwrap_or(&Subject::Query(String::new())), &entry.value);
        match (&mut all, subject, found) {
            (Some(all), Some(_), Some(found)) => all.push(found),
            _ => all = None,
        }
    }
    all.map(|all| vec![all])
}

fn any(notes: &mut Notes, entry: &Entry) -> Option<Alternatives> {
    let items = some_items(notes, &entry.value, "`any`")?;
    let mut all = Some(Vec::new());
    for item in items {
        match (&mut all, read(notes, item, "a condition under `any`")) {
            (Some(all), Some(more)) => all.extend(more),
            _ => all = None,
        }
    }
    all.filter(|all| is_small(notes, &entry.key.span, all.len()))
}

fn multiply(notes: &mut Notes, at: &Span, all: &Alternatives, more: &Alternatives) -> Option<Alternatives> {
    if !is_small(notes, at, all.len() * more.len()) {
        return None;
    }
    Some(all.iter().flat_map(|one| more.iter().map(move |other| [one.as_slice(), other].concat())).collect())
}

fn is_small(notes: &mut Notes, at: &Span, count: usize) -> bool {
    let small = count <= Rule::MAX_ALTERNATIVES;
    if !small {
        let title = format!("the condition comes to {count} alternatives, and {} is the most", Rule::MAX_ALTERNATIVES);
        notes.error(code::TOO_MANY_ALTERNATIVES, at, title).help("use `in` for many values of one property, or several rules");
    }
    small
}
