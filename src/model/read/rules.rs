//! `rules`.

use super::condition;
use super::fields::{Fields, items};
use super::scalar::name;
use super::versions::Versions;
use crate::model::document::Places;
use crate::model::notes::Notes;
use crate::model::words::quoted;
use crate::model::yaml::{Node, Span};
use crate::model::{Rule, code, cover};

/// Reads all rules, and warns of those that never come to their turn.
///
/// `path` is the service's own.
pub(super) fn read(notes: &mut Notes, versions: &Versions, places: &mut Places, path: &str, node: &Node) -> Option<Vec<Rule>> {
    let items = items(notes, node, "`rules`")?;
    let mut named: Vec<(String, Span)> = Vec::new();
    let mut rules = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let rule = rule(notes, versions, at, item, &mut named);
        rules.push(rule.map(|rule| (rule, item.span.clone())));
    }
    warn_of_covered(notes, &rules, path);
    places.rules = rules.iter().flatten().map(|(rule, span)| (rule.name.clone(), notes.label(span, String::new()).span)).collect();
    rules.into_iter().map(|rule| rule.map(|(rule, _)| rule)).collect()
}

fn rule(notes: &mut Notes, versions: &Versions, at: usize, node: &Node, named: &mut Vec<(String, Span)>) -> Option<Rule> {
    let fields = Fields::of(notes, node, "a rule", &["name", "when", "send"])?;
    let given = match fields.get("name") {
        Some(node) => rule_name(notes, node, named),
        None => Some(format!("rule-{}", at + 1)),
    };
    let when = fields.need(notes, "when", "{header: {x-canary: \"always\"}}");
    let alternatives = when.and_then(|when| condition::read(notes, when, "`when`"));
    let send = fields.need(notes, "send", "v2");
    let send = send.and_then(|send| versions.send(notes, send, "`send`"));
    Some(Rule { name: given?, alternatives: alternatives?, send: send? })
}

fn rule_name(notes: &mut Notes, node: &Node, named: &mut Vec<(String, Span)>) -> Option<String> {
    let name = name(notes, node, "the rule's name")?.to_owned();
    if let Some((_, first)) = named.iter().find(|(other, _)| *other == name) {
        notes
            .error(code::LISTED_TWICE, &node.span, format!("two rules are named {}", quoted(&name)))
            .also(first, "first here")
            .help("give this one another name, or none");
        return None;
    }
    named.push((name.clone(), node.span.clone()));
    Some(name)
}

/// Rules that could not be read cover nothing and are covered by nothing.
fn warn_of_covered(notes: &mut Notes, rules: &[Option<(Rule, Span)>], path: &str) {
    let read: Vec<&(Rule, Span)> = rules.iter().flatten().collect();
    for (at, (rule, span)) in read.iter().enumerate() {
        if cover::is_outside(rule, path) {
            notes
                .warning(code::RULE_OUTSIDE, span, format!("rule {} is never reached", quoted(&rule.name)))
                .label(format!("the service is asked for nothing outside of its own path, {}", quoted(path)))
                .help("a rule's paths are whole paths, beginning with the service's own: correct it, or take it out");
            continue;
        }
        let earlier: Vec<&Rule> = read[..at].iter().map(|(rule, _)| rule).collect();
        let Some(by) = cover::covering(rule, &earlier, path) else { continue };
        let title = format!("rule {} is never reached", quoted(&rule.name));
        let mut draft = notes
            .warning(code::COVERED_RULE, span, title)
            .label("every request that it matches is taken before")
            .help("put it before the other, make it narrower, or take it out");
        for index in by {
            draft = draft.also(&read[index].1, format!("by {}", quoted(&earlier[index].name)));
        }
    }
}
