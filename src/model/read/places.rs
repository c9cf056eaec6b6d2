//! Where the parts of a plan stand.

use super::fields::Fields;
use crate::model::document::Places;
use crate::model::notes::Notes;
use crate::model::preview::PREVIEW_RULE;
use crate::model::yaml::{Entry, Node, Span, Value};
use crate::model::{Plan, Strategy, code};

/// Keys of a release whose parts can be asked for.
const PARTS: [&str; 11] = [
    "candidate",
    "canary",
    "blue_green",
    "rolling",
    "ab_test",
    "approvers",
    "checks",
    "on_failure",
    "on_new_candidate",
    "windows",
    "hold",
];

/// Notes the place of each part of a plan by its keys: `candidate`, `canary.steps[1]`, `then[0].blue_green.before[2]`. What follows a
/// strategy is a list, also where it is written as the one thing.
pub(super) fn of_plan(notes: &Notes, places: &mut Places, release: &Fields<'_>, plan: &Plan) {
    places.strategy = plan.strategy.key();
    for entry in PARTS.iter().filter_map(|key| release.entry(key)) {
        of_entry(notes, places, entry.key.text.clone(), entry);
    }
    if let Some(then) = release.entry("then") {
        note(notes, places, "then".to_owned(), &then.key.span);
        let alone = matches!(then.value.value, Value::Map(_));
        below(notes, places, if alone { "then[0]" } else { "then" }, &then.value);
    }
    places.preview = preview(places, plan);
}

fn of_entry(notes: &Notes, places: &mut Places, key: String, entry: &Entry) {
    let span = if entry.value.scalar().is_some() { &entry.value.span } else { &entry.key.span };
    note(notes, places, key.clone(), span);
    below(notes, places, &key, &entry.value);
}

fn below(notes: &Notes, places: &mut Places, above: &str, node: &Node) {
    match &node.value {
        Value::Map(entries) => {
            entries.iter().for_each(|entry| of_entry(notes, places, format!("{above}.{}", entry.key.text), entry));
        }
        Value::List(items) => {
            for (at, item) in items.iter().enumerate() {
                let key = format!("{above}[{at}]");
                note(notes, places, key.clone(), &item.span);
                below(notes, places, &key, item);
            }
        }
        Value::Scalar(_) | Value::Broken => {}
    }
}

fn note(notes: &Notes, places: &mut Places, key: String, span: &Span) {
    places.plan.push((key, notes.label(span, String::new()).span));
}

/// Notes the rule that a preview's header becomes among the others, whose names it must not have.
pub(super) fn of_preview_rule(notes: &mut Notes, places: &mut Places) {
    let Some((_, at)) = places.plan.iter().find(|(key, _)| key.ends_with("blue_green.preview.header")) else { return };
    if let Some((_, own)) = places.rules.iter().find(|(name, _)| name == PREVIEW_RULE) {
        notes
            .error(code::LISTED_TWICE, own, format!("two rules are named `{PREVIEW_RULE}`"))
            .also(at, "this one sends to the candidate, and is named so by itself")
            .help("give the rule another name");
    }
    places.rules.push((PREVIEW_RULE.to_owned(), at.clone()));
}

/// The host of the plan's preview; the last strategy alone can have one.
fn preview(places: &Places, plan: &Plan) -> Option<(String, Span)> {
    let Some(Strategy::BlueGreen(last)) = plan.strategies().last() else { return None };
    let host = last.preview.as_ref()?.host.clone()?;
    let (_, span) = places.plan.iter().find(|(key, _)| key.ends_with("blue_green.preview.host"))?;
    Some((host, span.clone()))
}
