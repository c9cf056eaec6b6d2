//! What people say to get on: steps that are not waited for, approved of, or passed over.

use super::advance::approved;
use super::command::{Command, Refused, by, not_now, running, see_status};
use super::draft::Draft;
use super::event::Happened;
use super::gate;
use super::program::Step;
use super::state::{Approval, Stage};
use super::view::position;
use crate::model::{Gate, Hold};

pub(super) fn promote(draft: &mut Draft<'_>, command: &Command) -> Result<(), Refused> {
    let rollout = running(draft)?;
    let Some(index) = rollout.at().map(|at| at.index) else { return nothing_begun(draft) };
    let (step, paused) = (rollout.step().cloned(), rollout.paused.is_some());
    match &step {
        Some(Step::Gate(Gate::Healthy { .. } | Gate::Mirror { .. } | Gate::Hook(_))) => {
            return not_now(
                "this step is a test; `skip` passes over it without its result, and `promote --full` over all that is left",
            );
        }
        Some(Step::Full) | None => return has_everything(),
        _ => {}
    }
    may_pass_over(draft, command, index..index + 1)?;
    let stuck_waves = matches!(step, Some(Step::Roll(_)));
    let Some(at) = draft.at_mut() else { return Ok(()) };
    match at.stage {
        Stage::Stuck { .. } if stuck_waves => return not_now("the waves are stuck: `retry` tries again what failed"),
        Stage::Stuck { .. } => (at.stage, at.overruled) = (Stage::Settling, true),
        _ if at.promoted && !paused => return said_already(draft),
        _ => {}
    }
    at.promoted = true;
    unpause(draft);
    draft.tell(Happened::Promoted, "the step is not waited for any more", by(command));
    Ok(())
}

fn unpause(draft: &mut Draft<'_>) {
    if let Some(rollout) = draft.state.rollout.as_mut() {
        rollout.paused = None;
    }
}

/// What holds the first step may be a person, the file, the fleet or a window: what is waited for is not in the state.
fn nothing_begun<T>(draft: &Draft<'_>) -> Result<T, Refused> {
    let paused = draft.rollout().and_then(|rollout| rollout.paused.as_ref());
    match (paused, draft.release.plan.as_ref().is_some_and(|plan| plan.hold)) {
        (Some(paused), _) => not_now(format!("no step has begun yet: {} has paused it; `resume` lets it go on", paused.by)),
        (None, true) => not_now("no step has begun yet: the file says `hold: true`; take it out"),
        (None, false) => not_now(format!("no step has begun yet; {}", see_status(draft))),
    }
}

fn said_already<T>(draft: &Draft<'_>) -> Result<T, Refused> {
    not_now(format!("that is said already, and what every step needs is still waited for; {}", see_status(draft)))
}

fn has_everything<T>() -> Result<T, Refused> {
    not_now("the candidate has everything already, and only the fleet is waited for; `abort` takes everything back")
}

pub(super) fn promote_fully(draft: &mut Draft<'_>, command: &Command) -> Result<(), Refused> {
    let rollout = running(draft)?;
    let (full, at) = (rollout.program.full(), rollout.at().map(|at| at.index));
    if at.is_some_and(|at| at >= full) {
        return has_everything();
    }
    if rollout.hurried && rollout.paused.is_none() {
        return said_already(draft);
    }
    let waves = rollout.program.steps[..full].iter().skip(at.unwrap_or(0)).any(Step::is_in_place);
    let in_waves = rollout.step().is_some_and(Step::is_in_place);
    may_pass_over(draft, command, at.unwrap_or(0)..full)?;
    if let Some(at) = draft.at_mut().filter(|at| matches!(at.stage, Stage::Stuck { .. })) {
        if in_waves {
            return not_now("the waves are stuck: `retry` tries again what failed");
        }
        (at.stage, at.overruled) = (Stage::Settling, true);
    }
    unpause(draft);
    if let Some(rollout) = draft.state.rollout.as_mut() {
        rollout.hurried = true;
    }
    let text = if waves {
        "waves do not pause any more, and then everything to the candidate"
    } else {
        "everything to the candidate, now"
    };
    draft.tell(Happened::Promoted, text, by(command));
    Ok(())
}

/// Whoever passes over an approval must be one who may give it.
fn may_pass_over(draft: &Draft<'_>, command: &Command, steps: std::ops::Range<usize>) -> Result<(), Refused> {
    let Some(rollout) = draft.rollout() else { return Ok(()) };
    let steps = rollout.program.steps.get(steps).unwrap_or_default();
    steps.iter().filter_map(asks).try_for_each(|from| is_approver(draft, command, from))
}

/// Of whom a step asks an approval, if it does; of nobody in particular if there are no names.
fn asks(step: &Step) -> Option<&[String]> {
    match step {
        Step::Gate(Gate::Approval { from, .. }) => Some(from),
        Step::Share { until: Hold::Approval, .. } => Some(&[]),
        _ => None,
    }
}

fn is_approver(draft: &Draft<'_>, command: &Command, from: &[String]) -> Result<(), Refused> {
    let approvers = gate::approvers(draft, from);
    if approvers.is_empty() || approvers.contains(&command.by.name) {
        return Ok(());
    }
    let who = approvers.join(", ");
    Err(Refused::NotYours(format!("{} may not approve this; {who} may (--actor says who you are)", command.by.name)))
}

pub(super) fn approve(draft: &mut Draft<'_>, command: &Command) -> Result<(), Refused> {
    let Some(from) = running(draft)?.step().and_then(asks).map(<[String]>::to_vec) else {
        let where_it_is = position(draft.release, &draft.state);
        return not_now(format!("nothing waits for an approval: {where_it_is}; {}", see_status(draft)));
    };
    is_approver(draft, command, &from)?;
    let approval = Approval { by: command.by.clone(), at: draft.now, reason: command.reason.clone() };
    let Some(at) = draft.at_mut() else { return Ok(()) };
    if matches!(at.stage, Stage::Stuck { .. }) {
        return not_now("the step is stuck: `retry` begins it again, and then it can be approved");
    }
    if at.approvals.iter().any(|other| other.by.name == command.by.name) {
        return not_now(format!("{} has approved of this step already; {}", command.by.name, see_status(draft)));
    }
    at.approvals.push(approval);
    let count = approved(at);
    draft.tell(Happened::Approved, format!("{} approved, {count} so far", command.by.name), by(command));
    Ok(())
}

pub(super) fn skip(draft: &mut Draft<'_>, command: &Command) -> Result<(), Refused> {
    let rollout = running(draft)?;
    let Some(index) = rollout.at().map(|at| at.index) else { return nothing_begun(draft) };
    let paused = rollout.paused.is_some();
    match rollout.step() {
        Some(Step::Roll(_)) => {
            return not_now("waves cannot be passed over: `promote` ends their pause, `abort` takes everything back");
        }
        Some(Step::Full) | None => return has_everything(),
        _ => {}
    }
    may_pass_over(draft, command, index..index + 1)?;
    let words = draft.step_words(index);
    let Some(at) = draft.at_mut() else { return Ok(()) };
    if at.promoted && at.overruled && !paused {
        return said_already(draft);
    }
    (at.stage, at.promoted, at.overruled) = (Stage::Settling, true, true);
    unpause(draft);
    draft.tell(Happened::Skipped, format!("passed over: {words}"), by(command));
    Ok(())
}
