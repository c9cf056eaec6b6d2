//! What the passing of time and the facts of the fleet do to a rollout.

use jiff::Timestamp;

use super::begin::{enter, may_go_on};
use super::draft::{Draft, Outcome};
use super::event::Happened;
use super::facts::{Facts, Lagging};
use super::failure::fail;
use super::gate;
use super::judge;
use super::program::{Program, Step};
use super::state::{At, Drained, Phase, Rollout, Stage, State};
use super::traffic::traffic;
use super::wait::Wait;
use super::wave;
use super::waves_back;
use crate::model::{Gate, Hold, Release};

/// What a look comes to.
pub(super) enum Move {
    /// Something changed that asks nothing new of the fleet: look again.
    On,
    /// Something new is asked of the fleet, so the facts are of before.
    Sent,
    /// Nothing, until something happens.
    Wait(Option<Wait>),
}

/// Changes in one go, at most: a program that went round in circles would stop here and go on at the next look.
const MOST: usize = 64;

/// Looks at a rollout with the facts as they are: what of it is due happens. The same arguments give the same outcome.
///
/// A step's clock begins when every node has acknowledged what the step asks for, and the candidate's share grows by a step whose
/// conditions are met, and by nothing else.
pub fn reconcile(release: &Release, state: &State, facts: &Facts, now: Timestamp) -> Outcome {
    let mut draft = Draft::new(release, state, now);
    mend(&mut draft);
    for _ in 0..MOST {
        draft.look_again = None;
        match look(&mut draft, facts) {
            Move::On => {}
            Move::Sent => return draft.waiting(None, true),
            Move::Wait(wait) => return draft.waiting(wait, false),
        }
    }
    draft.done()
}

/// A wall clock that was set back must not make a step last for as long as it was set back; endpoints that are listed no more are not
/// waited for.
fn mend(draft: &mut Draft<'_>) {
    let now = draft.now;
    draft.follow();
    let Some(rollout) = draft.state.rollout.as_mut() else { return };
    if let Some(roll) = &mut rollout.roll {
        wave::not_after(roll, now);
    }
    if let Phase::Step(at) = &mut rollout.phase {
        at.since = at.since.min(now);
        match &mut at.stage {
            Stage::Holding { since } | Stage::Testing { since: Some(since) } => *since = (*since).min(now),
            Stage::Calling(calling) => gate::not_after(calling, now),
            _ => {}
        }
    }
}

fn look(draft: &mut Draft<'_>, facts: &Facts) -> Move {
    let Some(rollout) = draft.rollout() else { return Move::Wait(None) };
    match &rollout.phase {
        Phase::Pending => {
            let first = hurry_to(rollout).unwrap_or(0);
            match may_go_on(draft, facts) {
                Ok(()) => enter(draft, first),
                Err(wait) => Move::Wait(Some(wait)),
            }
        }
        Phase::Step(_) => at_step(draft, facts),
        Phase::Done { .. } => {
            let stable = rollout.stable.clone();
            note_drained(draft, facts, &stable);
            Move::Wait(draft.rollout().map(|rollout| Wait::Collapse(rollout.candidate.clone())))
        }
        Phase::Off(off) if off.returning => waves_back::go_back(draft, facts),
        Phase::Off(_) => {
            let candidate = rollout.candidate.clone();
            note_drained(draft, facts, &candidate);
            make_room(draft)
        }
    }
}

/// The file named another candidate while this one was under way, or none, and it has ended.
fn make_room(draft: &mut Draft<'_>) -> Move {
    let plan = draft.release.plan.as_ref();
    let named = plan.and_then(|plan| Some((plan.candidate.clone()?, Program::of(plan))));
    let Some(ended) = draft.rollout().map(|rollout| rollout.candidate.clone()) else { return Move::Wait(None) };
    match named {
        Some((candidate, _)) if candidate == ended => return Move::Wait(None),
        Some((candidate, program)) => draft.begin(&candidate, program),
        None => draft.end(Happened::Withdrawn, format!("no file names the candidate any more, and {ended} has gone back")),
    }
    Move::Sent
}

/// The step that is gone to at once, if a person wants the end of it: everything to the candidate, or before that the waves over endpoints
/// that are upgraded where they are. Those cannot be hurried by more than the pauses between them.
fn hurry_to(rollout: &Rollout) -> Option<usize> {
    let now = rollout.at().map(|at| at.index);
    let ahead = now.unwrap_or(0)..rollout.program.full();
    let mut steps = rollout.program.steps.iter().enumerate().take(ahead.end).skip(ahead.start);
    let waves = steps.find(|(_, step)| step.is_in_place()).map(|(index, _)| index);
    let to = waves.unwrap_or(rollout.program.full());
    (rollout.hurried && now.is_none_or(|now| now < to)).then_some(to)
}

/// Whether a version that serves no more is to be found to have no requests in flight, and is not yet. Rules may still send to it, and it
/// would be idle for a moment only; and what was upgraded where it is runs the other version.
pub fn may_drain(release: &Release, state: &State) -> bool {
    let Some(rollout) = &state.rollout else { return false };
    let version = match &rollout.phase {
        Phase::Done { drained: None, .. } => &rollout.stable,
        Phase::Off(off) if off.drained.is_none() && !off.returning => &rollout.candidate,
        _ => return false,
    };
    !rollout.program.steps.iter().any(Step::is_in_place) && !traffic(release, state).sends_to(version)
}

fn note_drained(draft: &mut Draft<'_>, facts: &Facts, version: &str) {
    let Some(idle) = facts.idle.get(version).filter(|_| facts.fleet.has_it()) else { return };
    if !may_drain(draft.release, &draft.state) {
        return;
    }
    let now = draft.now;
    let found = Some(Drained { since: now, evidence: idle.evidence.clone() });
    match draft.state.rollout.as_mut().map(|rollout| &mut rollout.phase) {
        Some(Phase::Done { drained, .. }) => *drained = found,
        Some(Phase::Off(off)) => off.drained = found,
        _ => return,
    }
    draft.tell(Happened::Drained, format!("{version} is drained: safe to stop ({})", idle.evidence), None);
}

fn at_step(draft: &mut Draft<'_>, facts: &Facts) -> Move {
    if let Some(why) = judge::bad(draft, facts) {
        return fail(draft, &why);
    }
    let Some((rollout, at)) = draft.rollout().and_then(|rollout| Some((rollout, rollout.at()?))) else { return Move::Wait(None) };
    let step = rollout.step().cloned();
    match (&at.stage, step) {
        (Stage::Stuck { why, .. }, _) => Move::Wait(Some(Wait::Stuck(why.clone()))),
        (_, None) => finish(draft),
        _ if hurry_to(rollout).is_some() => hurry(draft, facts),
        (Stage::Settling, Some(step)) => settle(draft, facts, &step),
        (_, Some(Step::Full)) => unsettled(facts).map_or_else(|| next(draft), |wait| Move::Wait(Some(wait))),
        (_, Some(Step::Roll(_))) => wave::go_on(draft, facts),
        (_, Some(Step::Gate(test))) => gate::look(draft, facts, &test),
        (Stage::Holding { since }, Some(step)) => {
            let since = *since;
            hold(draft, facts, &step, since)
        }
        _ => Move::Wait(None),
    }
}

fn hurry(draft: &mut Draft<'_>, facts: &Facts) -> Move {
    let Some(to) = draft.rollout().and_then(hurry_to) else { return Move::Wait(None) };
    match may_go_on(draft, facts) {
        Ok(()) => enter(draft, to),
        Err(wait) => Move::Wait(Some(wait)),
    }
}

/// What a step asks for is on its way.
fn settle(draft: &mut Draft<'_>, facts: &Facts, step: &Step) -> Move {
    if let Some(wait) = unsettled(facts) {
        return Move::Wait(Some(wait));
    }
    let promoted = draft.rollout().and_then(Rollout::at).is_some_and(|at| at.promoted);
    let passed_over = promoted && matches!(step, Step::Gate(_));
    let stage = if passed_over { None } else { gate::first_stage(draft, step) };
    draft.stage(stage.unwrap_or(Stage::Holding { since: draft.now }));
    if !promoted {
        tell_of_people(draft, step);
    }
    Move::On
}

/// What the fleet lacks; `None` if every node has what is asked for.
pub(super) fn unsettled(facts: &Facts) -> Option<Wait> {
    let fleet = &facts.fleet;
    if let Some(rejecting) = fleet.rejecting.first() {
        return Some(Wait::Rejected(rejecting.clone()));
    }
    if fleet.nodes == 0 && !fleet.may_be_empty {
        return Some(Wait::NoNodes);
    }
    let behind = fleet.returning || fleet.acked < fleet.nodes;
    let returning = || Lagging { node: "any".to_owned(), why: "nodes may still be on their way back to the server".to_owned() };
    let first = || fleet.waiting.first().cloned().or_else(|| fleet.returning.then(returning));
    behind.then(|| Wait::Fleet { acked: fleet.acked, nodes: fleet.nodes, first: first() })
}

/// Every node has it; when is the step over?
fn hold(draft: &mut Draft<'_>, facts: &Facts, step: &Step, since: Timestamp) -> Move {
    let promoted = draft.rollout().and_then(Rollout::at).is_some_and(|at| at.promoted);
    let own = if promoted { None } else { condition(draft, facts, step, since) };
    match own.map_or_else(|| may_go_on(draft, facts), Err) {
        Ok(()) => next(draft),
        Err(wait) => Move::Wait(Some(wait)),
    }
}

/// The step's own condition, if it is not met.
fn condition(draft: &Draft<'_>, facts: &Facts, step: &Step, since: Timestamp) -> Option<Wait> {
    match step {
        Step::Share { until: Hold::Approval, .. } => {
            let have = draft.rollout().and_then(Rollout::at).map_or(0, approved);
            (have < 1).then(|| Wait::Approval { have, need: 1, from: gate::approvers(draft, &[]), until: None })
        }
        Step::Share { until: Hold::For(hold), .. } | Step::Ramp { hold, .. } | Step::Watch { hold } => {
            clock(draft.now, since, *hold).or_else(|| judge::no_data(draft, facts))
        }
        _ => None,
    }
}

/// Different people who have approved.
pub(super) fn approved(at: &At) -> u32 {
    let names: std::collections::BTreeSet<&str> = at.approvals.iter().map(|approval| approval.by.name.as_str()).collect();
    u32::try_from(names.len()).unwrap_or(u32::MAX)
}

/// The end of a time, if it is still to come.
pub(super) fn clock(now: Timestamp, since: Timestamp, hold: std::time::Duration) -> Option<Wait> {
    let end = since.checked_add(hold).unwrap_or(Timestamp::MAX);
    (now < end).then_some(Wait::Clock(end))
}

/// The step is over.
pub(super) fn next(draft: &mut Draft<'_>) -> Move {
    let Some(at) = draft.rollout().and_then(Rollout::at) else { return Move::Wait(None) };
    let after = at.index + 1;
    let last = draft.rollout().is_none_or(|rollout| after >= rollout.program.steps.len());
    if last { finish(draft) } else { enter(draft, after) }
}

fn finish(draft: &mut Draft<'_>) -> Move {
    let now = draft.now;
    let Some(rollout) = draft.state.rollout.as_mut() else { return Move::Wait(None) };
    rollout.phase = Phase::Done { at: now, drained: None };
    let text = format!("{} has everything; {} gets nothing", rollout.candidate, rollout.stable);
    draft.tell(Happened::Finished, text, None);
    Move::Sent
}

/// Whoever is waited for is told, once: when the wait begins.
fn tell_of_people(draft: &mut Draft<'_>, step: &Step) {
    let (need, from) = match step {
        Step::Gate(Gate::Approval { from, count, .. }) => (*count, gate::approvers(draft, from)),
        Step::Share { until: Hold::Approval, .. } => (1, gate::approvers(draft, &[])),
        _ => return,
    };
    let Some((index, have)) = draft.rollout().and_then(Rollout::at).map(|at| (at.index, approved(at))) else { return };
    if have < need {
        let wait = Wait::Approval { have, need, from, until: None };
        draft.tell(Happened::Waiting, format!("{}: waits for {}", draft.step_words(index), wait.text()), None);
    }
}
