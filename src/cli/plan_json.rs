//! What `tidegate plan` prints for programs: docs/operations.md has the fields.

use std::time::Duration;

use serde_json::{Value, json};

use crate::forecast::{Back, Change, Changed, Forecast, Length, Outlook, Position, Waves};
use crate::model::Share;
use crate::rollout::{Rung, RungState};

/// What would change, as an object. Each field is always there; one that says nothing is null or empty.
pub fn json(forecast: &Forecast, diff: bool) -> Value {
    json!({
        "changes": !forecast.is_empty(),
        "services": forecast.services.iter().map(service).collect::<Vec<_>>(),
        "unchanged": forecast.unchanged,
        "config": forecast.config,
        "resources": forecast.resources.iter().map(|changed| resource(changed, diff)).collect::<Vec<_>>(),
        "nodes": forecast.nodes,
    })
}

fn service(outlook: &Outlook) -> Value {
    let (change, why, help) = match &outlook.change {
        Change::New => ("new", None, None),
        Change::Changed => ("changed", None, None),
        Change::Gone => ("gone", None, None),
        Change::Refused { why, help } => ("refused", Some(why), help.as_ref()),
    };
    json!({
        "service": outlook.service,
        "file": outlook.file,
        "change": change,
        "why": why,
        "help": help,
        "parts": outlook.parts,
        "before": outlook.before.as_ref().map(position),
        "after": outlook.after.as_ref().map(position),
        "rollout": outlook.rollout,
        "until_full": outlook.length.as_ref().map(length),
        "way_back": outlook.back.as_ref().map(way_back),
        "fleets": outlook.fleets,
        "nodes": outlook.nodes,
    })
}

fn position(at: &Position) -> Value {
    let shares = at.split.shares().iter().map(|(version, share)| json!({"version": version, "share": self::share(*share)}));
    json!({
        "stable": at.stable,
        "candidate": at.candidate,
        "split": shares.collect::<Vec<_>>(),
        "steps": at.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

fn share(share: Share) -> Value {
    json!({"thousandths": share.thousandths(), "text": share.to_string()})
}

fn step(step: &Rung) -> Value {
    let state = match step.state {
        RungState::Over => "over",
        RungState::UnderWay => "under_way",
        RungState::ToCome => "to_come",
    };
    json!({"text": step.text, "share": share(step.share), "state": state})
}

fn millis(time: Duration) -> Value {
    json!(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

fn length(length: &Length) -> Value {
    json!({
        "time_ms": millis(length.time),
        "approvals": length.approvals,
        "hooks": length.hooks,
        "waves": length.waves.as_ref().map(waves),
        "watched_ms": length.watched.map(millis),
        "kept_ms": length.kept.map(millis),
        "window": length.window.as_ref().map(|window| json!({"open": window.open, "until": window.until})),
        "checks": length.checks,
        "held": length.held,
    })
}

fn waves(waves: &Waves) -> Value {
    json!({"count": waves.count, "drain_ms": millis(waves.drain), "upgrade": waves.upgrade})
}

fn way_back(back: &Back) -> Value {
    let (by, there) = match back {
        Back::Push { by } => (by, None),
        Back::Waves { by, waves } => (by, Some(waves)),
    };
    json!({"by": by, "waves": there.map(waves), "at_most_ms": millis(back.at_most())})
}

fn resource(changed: &Changed, diff: bool) -> Value {
    json!({
        "kind": changed.kind.short(),
        "name": changed.name,
        "on_request": changed.on_request,
        "change": changed.what.as_str(),
        "diff": diff.then(|| changed.diff()),
    })
}
