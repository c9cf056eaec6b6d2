//! `blue_green`.

use std::time::Duration;

use super::condition;
use super::fields::{Fields, each, items, wrong_kind};
use super::hook;
use super::http::{header_name, host, method};
use super::scalar::{any_scalar, bad_duration, bad_share, duration, name, number};
use crate::model::notes::Notes;
use crate::model::words::quoted;
use crate::model::yaml::{Entry, Node, Value};
use crate::model::{BlueGreen, Cutover, Gate, Preview, Share, Subject, code, parse_duration};

/// Methods that change nothing, and are mirrored unless the file says otherwise.
const SAFE: [&str; 3] = ["GET", "HEAD", "OPTIONS"];
const GATES: [&str; 4] = ["healthy", "mirror", "hook", "approval"];
const SENTENCE: &str = "write `100% for 1m`";

/// Reads `blue_green`.
pub(super) fn read(notes: &mut Notes, node: &Node) -> Option<BlueGreen> {
    let fields = Fields::of(notes, node, "`blue_green`", &["preview", "before", "cutover", "after"])?;
    let preview = fields.get("preview").map(|node| preview(notes, node));
    let before = fields.get("before").map(|node| gates(notes, node));
    let cutover = fields.get("cutover").map(|node| cutover(notes, node));
    let after = fields.get("after").map(|node| after(notes, node));
    let (watch, keep_stable) = after.unwrap_or(Some((None, None)))?;
    Some(BlueGreen {
        preview: preview.map_or(Some(None), |preview| preview.map(Some))?,
        before: before.unwrap_or(Some(Vec::new()))?,
        cutover: cutover.unwrap_or(Some(Cutover::default()))?,
        watch,
        keep_stable,
    })
}

fn preview(notes: &mut Notes, node: &Node) -> Option<Preview> {
    let fields = Fields::of(notes, node, "`preview`", &["host", "header"])?;
    let named = fields.get("host").map(|node| preview_host(notes, node));
    let header = fields.entry("header").map(|entry| {
        condition::named(notes, entry, "`header`", |notes, name, span| header_name(notes, name, span).map(Subject::Header))
    });
    if fields.entries().is_empty() {
        fields.need_one_of(notes, &["host", "header"], "host: preview.example.com");
        return None;
    }
    let header = header.unwrap_or(Some(Vec::new()))?;
    Some(Preview { host: named.map_or(Some(None), |host| host.map(Some))?, header: header.into_iter().flatten().collect() })
}

/// A preview is found by its name alone.
fn preview_host(notes: &mut Notes, node: &Node) -> Option<String> {
    let host = host(notes, node)?;
    if host.starts_with('*') {
        let title = format!("a preview's host is a name, and {} is a pattern", quoted(&host));
        notes.error(code::NOT_A_HOST, &node.span, title).help("write one name, for example `preview.example.com`");
        return None;
    }
    Some(host)
}

fn gates(notes: &mut Notes, node: &Node) -> Option<Vec<Gate>> {
    let items = items(notes, node, "`before`")?;
    each(items, |item| gate(notes, item))
}

fn gate(notes: &mut Notes, node: &Node) -> Option<Gate> {
    let fields = Fields::of(notes, node, "a gate", &["healthy", "mirror", "hook", "approval", "methods"])?;
    let mut kinds = fields.entries().iter().filter(|entry| GATES.contains(&entry.key.text.as_str()));
    let Some(kind) = kinds.next() else {
        fields.need_one_of(notes, &GATES, "healthy: 100% for 1m");
        return None;
    };
    let other = kinds.next().or_else(|| fields.entry("methods").filter(|_| kind.key.text != "mirror"));
    if let Some(other) = other {
        let title = format!("{} and {} exclude each other", quoted(&kind.key.text), quoted(&other.key.text));
        notes
            .error(code::EXCLUDES, &other.key.span, title)
            .also(&kind.key.span, "the gate is this")
            .help("each gate is an item of its own; `methods` goes with `mirror`");
        return None;
    }
    match kind.key.text.as_str() {
        "healthy" => held_share(notes, &kind.value, "`healthy`").map(|(share, hold)| Gate::Healthy { share, hold }),
        "mirror" => mirror(notes, kind, fields.get("methods")),
        "hook" => hook::read(notes, &kind.value).map(Gate::Hook),
        _ => approval(notes, &kind.value),
    }
}

fn mirror(notes: &mut Notes, kind: &Entry, methods: Option<&Node>) -> Option<Gate> {
    let held = held_share(notes, &kind.value, "`mirror`");
    let methods = match methods {
        Some(node) => items(notes, node, "`methods`").and_then(|items| each(items, |item| method(notes, item))),
        None => Some(SAFE.map(str::to_owned).to_vec()),
    };
    let (share, hold) = held?;
    Some(Gate::Mirror { share, hold, methods: methods? })
}

/// `10% for 15m`.
fn held_share(notes: &mut Notes, node: &Node, what: &str) -> Option<(Share, Duration)> {
    let text = &any_scalar(notes, node, what)?.text;
    let words: Vec<&str> = text.split_whitespace().collect();
    let [share, "for", time] = words.as_slice() else {
        notes.error(code::BAD_STEP, &node.span, format!("{what} cannot be {}", quoted(text))).help(SENTENCE);
        return None;
    };
    let share = share.parse().or_else(|error| bad_share(notes, node, what, share, error).ok_or(())).ok();
    let time = parse_duration(time).or_else(|error| bad_duration(notes, node, what, time, error).ok_or(())).ok();
    Some((share?, time?))
}

fn approval(notes: &mut Notes, node: &Node) -> Option<Gate> {
    let fields = Fields::of(notes, node, "`approval`", &["from", "count", "within"])?;
    let from = fields.get("from").map(|node| {
        let items = items(notes, node, "`from`")?;
        each(items, |item| name(notes, item, "an approver").map(str::to_owned))
    });
    let count = fields.get("count").map(|node| number(notes, node, "`count`", 1..=100));
    let within = fields.get("within").map(|node| duration(notes, node, "`within`"));
    Some(Gate::Approval {
        from: from.unwrap_or(Some(Vec::new()))?,
        count: count.unwrap_or(Some(1))?,
        within: within.map_or(Some(None), |time| time.map(Some))?,
    })
}

fn cutover(notes: &mut Notes, node: &Node) -> Option<Cutover> {
    let Value::Scalar(scalar) = &node.value else { return wrong_kind(notes, node, "`cutover` is a sentence") };
    let words: Vec<&str> = scalar.text.split_whitespace().collect();
    match words.as_slice() {
        ["at", "once"] => Some(Cutover::AtOnce),
        ["over", time] => match parse_duration(time) {
            Ok(time) => Some(Cutover::Over(time)),
            Err(error) => bad_duration(notes, node, "`cutover`", time, error),
        },
        _ => {
            let title = format!("`cutover` cannot be {}", quoted(&scalar.text));
            notes.error(code::BAD_STEP, &node.span, title).help("write `at once` or `over 2m`");
            None
        }
    }
}

type After = (Option<Duration>, Option<Duration>);

fn after(notes: &mut Notes, node: &Node) -> Option<After> {
    let fields = Fields::of(notes, node, "`after`", &["watch", "keep_stable"])?;
    let watch = fields.get("watch").map(|node| duration(notes, node, "`watch`"));
    let keep = fields.get("keep_stable").map(|node| duration(notes, node, "`keep_stable`"));
    Some((watch.map_or(Some(None), |time| time.map(Some))?, keep.map_or(Some(None), |time| time.map(Some))?))
}
