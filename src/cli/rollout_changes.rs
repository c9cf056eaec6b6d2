//! What changed of a rollout, a line each.

use super::look::clean;
use super::rollout_text::{actor, position, waits_for};
use crate::admin::pb;

/// The lines that lead from a service as it was, if it was, to what it is.
pub fn rollout(old: Option<&pb::Service>, new: &pb::Service) -> Vec<String> {
    let mut lines = Vec::new();
    let was = old.and_then(|old| old.rollout.as_ref());
    match (was, &new.rollout) {
        (was, Some(now)) => lines.extend(moved(was.filter(|was| was.id == now.id), now)),
        (Some(was), None) => lines.push(format!("the release of {} is over", clean(&was.candidate))),
        (None, None) => {}
    }
    match (old.and_then(|old| old.instead.as_ref()), &new.instead) {
        (None, Some(instead)) => lines.push(format!(
            "{} serves instead of {}, because {} undid it",
            clean(&instead.version),
            clean(&new.stable),
            clean(&instead.actor)
        )),
        (Some(_), None) => lines.push(format!("{} serves again", clean(&new.stable))),
        _ => {}
    }
    lines
}

fn moved(old: Option<&pb::Rollout>, new: &pb::Rollout) -> Vec<String> {
    let mut lines = Vec::new();
    // How much of the fleet has it is a line of its own, once all have.
    let place = |rollout: &pb::Rollout| (rollout.phase, rollout.step, rollout.share.clone(), rollout.why.clone());
    if old.map(place) != Some(place(new)) {
        let asked = pb::Rollout { acked_share: new.share.clone(), ..new.clone() };
        let why = if new.why.is_empty() { String::new() } else { format!(": {}", clean(&new.why)) };
        lines.push(format!("{}{why}", position(&asked)));
    }
    if new.nodes > 0 && new.settled.is_some() && old.is_none_or(|old| old.settled.is_none() || place(old) != place(new)) {
        lines.push(format!("every node has {} {}", clean(&new.candidate), new.share.as_ref().map_or("0%", |share| &share.text)));
    }
    lines.extend(paused(old.and_then(|old| old.paused.as_ref()), new.paused.as_ref()));
    let waits = |rollout: &pb::Rollout| rollout.waiting.as_ref().filter(|_| rollout.paused.is_none()).map(waits_for);
    if let Some(waiting) = new.waiting.as_ref().filter(|_| waits(new).is_some() && old.and_then(waits) != waits(new)) {
        lines.push(format!("waiting: {}", clean(&waiting.text)));
    }
    if let Some(drained) = new.drained.as_ref().filter(|_| old.is_none_or(|old| old.drained.is_none())) {
        lines.push(format!("{} is drained: safe to stop ({})", clean(&drained.version), clean(&drained.evidence)));
    }
    lines
}

fn paused(old: Option<&pb::Paused>, new: Option<&pb::Paused>) -> Option<String> {
    match (old, new) {
        (None, Some(paused)) => {
            let reason = if paused.reason.is_empty() { String::new() } else { format!(": {}", clean(&paused.reason)) };
            Some(format!("paused by {}{reason}", actor(&paused.actor, paused.claimed)))
        }
        (Some(_), None) => Some("not paused any more".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(percent: u32) -> Option<pb::Share> {
        Some(pb::Share { thousandths: percent * 1000, text: format!("{percent}%") })
    }

    fn at(step: u32, percent: u32) -> pb::Rollout {
        pb::Rollout {
            id: 1,
            candidate: "v42".into(),
            phase: pb::Phase::Running.into(),
            step,
            steps: 3,
            share: share(percent),
            acked_share: share(0),
            nodes: 3,
            ..pb::Rollout::default()
        }
    }

    fn waiting(text: &str) -> Option<pb::Waiting> {
        Some(pb::Waiting { text: text.into(), ..pb::Waiting::default() })
    }

    fn of(rollout: pb::Rollout) -> pb::Service {
        pb::Service { stable: "v41".into(), rollout: Some(rollout), ..pb::Service::default() }
    }

    #[test]
    fn steps_acknowledgements_and_waits_are_lines() {
        let sent = of(pb::Rollout { waiting: waiting("1 of 3 nodes have acknowledged it (edge-2: x)"), ..at(1, 5) });
        let first = ["v42 step 1 of 3 · 5%", "waiting: 1 of 3 nodes have acknowledged it (edge-2: x)"];
        assert_eq!(rollout(None, &sent), first);
        let more = of(pb::Rollout { waiting: waiting("2 of 3 nodes have acknowledged it (edge-3: y)"), ..at(1, 5) });
        assert_eq!(rollout(Some(&sent), &more), Vec::<String>::new(), "each node would be a line");
        let settled = Some(prost_types::Timestamp::default());
        let held = of(pb::Rollout { settled, acked_share: share(5), waiting: waiting("the step's time"), ..at(1, 5) });
        assert_eq!(rollout(Some(&more), &held), ["every node has v42 5%", "waiting: the step's time"]);
        assert_eq!(rollout(Some(&held), &of(at(2, 50))), ["v42 step 2 of 3 · 50%"]);
    }

    #[test]
    fn what_people_do_is_a_line() {
        let held = of(pb::Rollout { waiting: waiting("the step's time"), ..at(1, 5) });
        let hand = pb::Paused { actor: "ann".into(), claimed: true, reason: "lunch".into(), at: None };
        let paused = of(pb::Rollout { waiting: waiting("ann, who paused it: lunch"), paused: Some(hand), ..at(1, 5) });
        assert_eq!(rollout(Some(&held), &paused), ["paused by ann (claimed): lunch"]);
        assert_eq!(rollout(Some(&paused), &held), ["not paused any more", "waiting: the step's time"]);
        let off = pb::Rollout { phase: pb::Phase::Off.into(), why: "too slow".into(), ..at(1, 0) };
        assert_eq!(rollout(Some(&held), &of(off.clone())), ["v42 was called off at step 1 of 3 · 0%: too slow"]);
        let drained = pb::Drained { version: "v42".into(), since: None, evidence: "no requests in flight".into() };
        let drained = of(pb::Rollout { drained: Some(drained), ..off.clone() });
        assert_eq!(rollout(Some(&of(off)), &drained), ["v42 is drained: safe to stop (no requests in flight)"]);
        let over = pb::Service { rollout: None, ..drained.clone() };
        assert_eq!(rollout(Some(&drained), &over), ["the release of v42 is over"]);
        let instead = pb::Instead { version: "v40".into(), since: None, actor: "ann".into() };
        let undone = pb::Service { instead: Some(instead), ..over.clone() };
        assert_eq!(rollout(Some(&over), &undone), ["v40 serves instead of v41, because ann undid it"]);
        assert_eq!(rollout(Some(&undone), &over), ["v41 serves again"]);
    }
}
