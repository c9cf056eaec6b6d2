//! A timeline for programs.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::timeline::{Ended, Entry, Timeline, Waiting};
use super::world::after;

/// A timeline as JSON: moments in RFC 3339, lengths of time in milliseconds under names that end in `_ms`.
pub fn to_json(timeline: &Timeline) -> Value {
    let summary = &timeline.summary;
    let why = match &summary.ended {
        Ended::Off(why) | Ended::Waits(why) | Ended::Limit(why) => Some(why),
        Ended::Done | Ended::Round => None,
    };
    let rollback =
        summary.rollback.map(|way| json!({"from_ms": ms(way.at), "takes_ms": way.takes.map(ms), "in_waves": way.in_waves}));
    json!({
        "service": timeline.service,
        "stable": timeline.stable,
        "candidate": timeline.candidate,
        "strategy": timeline.strategy,
        "steps": timeline.steps.iter().map(|step| json!({"text": step.text, "share": step.share.to_string()})).collect::<Vec<_>>(),
        "scenario": timeline.scenario.0,
        "makes_no_difference": timeline.no_matter,
        "nodes": timeline.fleet.0,
        "start": timeline.start.to_string(),
        "entries": timeline.entries.iter().map(|each| entry(timeline.start, each)).collect::<Vec<_>>(),
        "summary": {
            "full_ms": summary.full.map(ms),
            "total_ms": ms(summary.total),
            "rollback": rollback,
            "keep_stable_ms": summary.keep_stable.map(ms),
            "ended": summary.ended.as_str(),
            "why": why,
        },
    })
}

fn entry(start: Timestamp, entry: &Entry) -> Value {
    json!({
        "at": after(start, entry.offset).to_string(),
        "offset_ms": ms(entry.offset),
        "event": entry.what.map(|what| json!(what)),
        "step": entry.step.map(|(step, _)| step),
        "steps": entry.step.map(|(_, steps)| steps),
        "share": entry.share.to_string(),
        "text": entry.text,
        "by": entry.by,
        "waits": entry.waits.iter().map(waiting).collect::<Vec<_>>(),
    })
}

fn waiting(wait: &Waiting) -> Value {
    json!({"text": wait.text, "from_ms": ms(wait.from), "until_ms": wait.until.map(ms), "lasted_ms": wait.lasted.map(ms)})
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
