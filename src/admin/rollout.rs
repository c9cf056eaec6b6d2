//! Rollouts, as they are told.

use super::convert::{share, timestamp};
use super::pb;
use crate::control::RolloutStatus;
use crate::rollout::{Drained, Instead, Paused, Rung, RungState, View, Wait};

/// The release of a candidate that so many nodes get, and so many of them have acknowledged.
pub(super) fn rollout(rollout: &RolloutStatus, nodes: u32, acked_nodes: u32) -> pb::Rollout {
    let view = &rollout.view;
    let (wave, waves) = view.waves.unwrap_or_default();
    pb::Rollout {
        id: view.id,
        stable: view.stable.clone(),
        candidate: view.candidate.clone(),
        phase: phase(view.phase).into(),
        step: view.step.0,
        steps: view.step.1,
        ladder: view.ladder.iter().map(rung).collect(),
        share: Some(share(view.share)),
        acked_share: Some(share(rollout.acked)),
        nodes,
        acked_nodes,
        waiting: view.wait.as_ref().map(waiting),
        next: view.next.clone(),
        paused: view.paused.as_ref().map(paused),
        why: view.why.clone().unwrap_or_default(),
        drained: view.drained.as_ref().map(|drained| self::drained(drained, view)),
        keep_until: view.keep_until.map(timestamp),
        started: Some(timestamp(view.started)),
        since: Some(timestamp(view.since)),
        wave,
        waves,
        settled: rollout.settled.map(timestamp),
        called_off_by: view.by.as_ref().map(|by| by.name.clone()).unwrap_or_default(),
        claimed: view.by.as_ref().is_some_and(|by| by.claimed),
    }
}

/// A version that serves because a person said so.
pub(super) fn instead(instead: &Instead) -> pb::Instead {
    pb::Instead { version: instead.version.clone(), since: Some(timestamp(instead.since)), actor: instead.by.name.clone() }
}

fn phase(word: &str) -> pb::Phase {
    match word {
        "pending" => pb::Phase::Pending,
        "running" => pb::Phase::Running,
        "stuck" => pb::Phase::Stuck,
        "done" => pb::Phase::Done,
        "off" => pb::Phase::Off,
        "returning" => pb::Phase::Returning,
        _ => pb::Phase::Unspecified,
    }
}

fn rung(rung: &Rung) -> pb::Rung {
    let state = match rung.state {
        RungState::Over => pb::RungState::Over,
        RungState::UnderWay => pb::RungState::UnderWay,
        RungState::ToCome => pb::RungState::ToCome,
    };
    pb::Rung { text: rung.text.clone(), share: Some(share(rung.share)), state: state.into() }
}

fn waiting(wait: &Wait) -> pb::Waiting {
    pb::Waiting { text: wait.text(), until: wait.until().map(timestamp), people: wait.is_for_people() }
}

fn paused(paused: &Paused) -> pb::Paused {
    pb::Paused {
        actor: paused.by.name.clone(),
        claimed: paused.by.claimed,
        reason: paused.reason.clone().unwrap_or_default(),
        at: Some(timestamp(paused.at)),
    }
}

/// Of a release that is done the old version serves no more, of one that was called off the new one.
fn drained(drained: &Drained, view: &View) -> pb::Drained {
    let version = if view.phase == "done" { &view.stable } else { &view.candidate };
    pb::Drained { version: version.clone(), since: Some(timestamp(drained.since)), evidence: drained.evidence.clone() }
}
