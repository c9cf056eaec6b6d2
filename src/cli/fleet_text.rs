//! The fleet as a text.

use std::collections::BTreeMap;

use super::look::{Look, Tone, clean};
use super::status_text::NOBODY;
use super::time::{age, moment};
use crate::admin::pb;

/// Types that get a column of their own whatever the nodes ask for, in the order in which changes are sent.
const TYPES: [&str; 4] = ["CDS", "EDS", "LDS", "RDS"];

/// The nodes as people read them: a row each, and below it what stands in the way of those that are not in sync, and what drains.
pub fn fleet_text(nodes: &[pb::Node], look: &Look) -> String {
    if nodes.is_empty() {
        return format!("{NOBODY}\n");
    }
    let types = columns(nodes);
    let titles: Vec<&str> =
        ["NODE", "CLUSTER", "VERSION", "STREAM"].into_iter().chain(types.iter().copied()).chain(["SINCE"]).collect();
    let mut table = look.table(&titles, &["NODE", "CLUSTER", "VERSION", "STREAM"]);
    for node in nodes {
        let held = hold(node);
        let mut row = vec![
            look.cell(Tone::Strong, clean(&node.id)),
            look.cell(Tone::Plain, clean(&node.cluster)),
            look.cell(Tone::Plain, version(node)),
            look.cell(Tone::Plain, streams(node)),
        ];
        row.extend(types.iter().map(|name| held.get(name).map_or(look.cell(Tone::Dim, "-"), |held| held.cell(look))));
        row.push(look.cell(Tone::Dim, moment(node.since).map(|since| age(look.now, since)).unwrap_or_default()));
        table.add_row(row);
    }
    let mut parts = vec![summary(nodes), table.trim_fmt()];
    let reasons: Vec<String> = nodes.iter().flat_map(|node| reasons(node, look)).collect();
    if !reasons.is_empty() {
        parts.push(reasons.join("\n"));
    }
    parts.join("\n\n") + "\n"
}

fn summary(nodes: &[pb::Node]) -> String {
    let in_sync = nodes.iter().filter(|node| node.in_sync).count();
    format!("{in_sync} of {} {} in sync", nodes.len(), if nodes.len() == 1 { "node" } else { "nodes" })
}

fn columns(nodes: &[pb::Node]) -> Vec<&str> {
    let mut columns = TYPES.to_vec();
    for state in nodes.iter().flat_map(types) {
        if !columns.contains(&state.r#type.as_str()) {
            columns.push(&state.r#type);
        }
    }
    columns
}

fn types(node: &pb::Node) -> impl Iterator<Item = &pb::TypeState> {
    node.streams.iter().flat_map(|stream| &stream.types)
}

/// What a node holds of a type; of several streams the worst counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Held {
    InSync,
    Sent,
    Waiting,
    Rejected,
}

impl Held {
    fn of(state: &pb::TypeState) -> Held {
        match state {
            pb::TypeState { rejected: Some(_), .. } => Held::Rejected,
            pb::TypeState { in_sync: true, .. } => Held::InSync,
            pb::TypeState { waiting, .. } if !waiting.is_empty() && !drains(state) => Held::Waiting,
            _ => Held::Sent,
        }
    }

    fn cell(self, look: &Look) -> comfy_table::Cell {
        match self {
            Held::InSync => look.cell(Tone::Good, "in sync"),
            Held::Sent => look.cell(Tone::Caution, "sent"),
            Held::Waiting => look.cell(Tone::Caution, "waiting"),
            Held::Rejected => look.cell(Tone::Bad, "rejected"),
        }
    }
}

/// Whether what is waited for is the end of requests on clusters that lead nowhere any more: a note and no fault.
fn drains(state: &pb::TypeState) -> bool {
    state.r#type == "CDS" && !state.waiting.is_empty()
}

fn hold(node: &pb::Node) -> BTreeMap<&str, Held> {
    let mut held = BTreeMap::new();
    for state in types(node) {
        let worst = held.entry(state.r#type.as_str()).or_insert(Held::InSync);
        *worst = Held::of(state).max(*worst);
    }
    held
}

fn version(node: &pb::Node) -> String {
    let version = clean(&node.version);
    // Every Envoy says `envoy`; other clients are worth telling apart.
    match node.user_agent.as_str() {
        "" | "envoy" => version,
        other => format!("{} {version}", clean(other)).trim_end().to_owned(),
    }
}

fn streams(node: &pb::Node) -> String {
    let mut words: Vec<String> = Vec::new();
    for stream in &node.streams {
        let variant = match stream.variant() {
            pb::Variant::Delta => "delta",
            pb::Variant::Sotw => "sotw",
            pb::Variant::Unspecified => "unknown",
        };
        let word = format!("{variant} {}", if stream.aggregated { "ADS" } else { "typed" });
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(", ")
}

fn reasons(node: &pb::Node, look: &Look) -> Vec<String> {
    let reason = |state: &pb::TypeState| match (&state.rejected, state.waiting.as_str()) {
        (Some(rejected), _) => {
            let ago = moment(rejected.at).map(|at| format!(" {} ago", age(look.now, at))).unwrap_or_default();
            let what = if rejected.resources.is_empty() { String::new() } else { format!(" ({})", some(&rejected.resources)) };
            Some((Tone::Bad, format!("rejected{ago}{what}: {}", clean(&rejected.text))))
        }
        (None, "") => None,
        (None, note) if drains(state) => Some((Tone::Dim, clean(note))),
        (None, waiting) => Some((Tone::Caution, clean(waiting))),
    };
    let line = |state: &pb::TypeState| {
        let (tone, text) = reason(state)?;
        Some(format!("{}: {} {}", clean(&node.id), state.r#type, look.paint(tone, &text)))
    };
    types(node).filter_map(line).collect()
}

/// A few of many names.
fn some(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(3).map(|name| clean(name)).collect();
    match names.len() {
        0..=3 => shown.join(", "),
        count => format!("{} and {} more", shown.join(", "), count - 3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(rejected: bool, waiting: &str, in_sync: bool) -> pb::TypeState {
        let rejected = rejected.then(pb::Rejection::default);
        pb::TypeState { r#type: "EDS".into(), rejected, waiting: waiting.into(), in_sync, ..pb::TypeState::default() }
    }

    #[test]
    fn the_worst_of_several_streams_counts() {
        let stream = |state| pb::Stream { types: vec![state], ..pb::Stream::default() };
        let node =
            |states: Vec<pb::TypeState>| pb::Node { streams: states.into_iter().map(stream).collect(), ..Default::default() };
        let of = |states| hold(&node(states))["EDS"];
        assert_eq!(of(vec![state(false, "", true)]), Held::InSync);
        assert_eq!(of(vec![state(false, "", true), state(false, "", false)]), Held::Sent);
        assert_eq!(of(vec![state(false, "x", false), state(false, "", true)]), Held::Waiting);
        assert_eq!(of(vec![state(true, "", false), state(false, "x", false)]), Held::Rejected);
    }

    #[test]
    fn many_names_are_not_all_told() {
        let names: Vec<String> = ["a", "b", "c", "d", "e"].map(String::from).to_vec();
        assert_eq!(some(&names), "a, b, c and 2 more");
        assert_eq!(some(&names[..3]), "a, b, c");
    }
}
