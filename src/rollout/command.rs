//! What people say.

use super::advance::approved;
use super::draft::{Draft, Outcome};
use super::event::{Actor, Happened};
use super::gate;
use super::program::{Program, Step};
use super::state::{Approval, At, Instead, Paused, Phase, Rollout, Stage, State};
use super::view::position;
use crate::model::{Gate, Hold, Release};

use jiff::Timestamp;

/// Something that a person wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What.
    pub verb: Verb,
    /// Who.
    pub by: Actor,
    /// Why.
    pub reason: Option<String>,
    /// The revision that the person has seen; `None` for whichever there is.
    pub revision: Option<u64>,
}

/// What can be wanted of a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Do not wait for the step's time, approval or data any more.
    Promote {
        /// Nor for any after it: everything to the candidate, now.
        full: bool,
    },
    /// Approve of the step.
    Approve,
    /// Take no more steps.
    Pause,
    /// Go on.
    Resume,
    /// Everything back to stable.
    Abort,
    /// Begin a rollout that was called off again, or a step that is stuck.
    Retry,
    /// Pass over the step, test or not.
    Skip,
    /// Back to the version before, at once, also when the rollout is over.
    Undo,
}

impl Verb {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Promote { full: false } => "promote",
            Verb::Promote { full: true } => "promote --full",
            Verb::Approve => "approve",
            Verb::Pause => "pause",
            Verb::Resume => "resume",
            Verb::Abort => "abort",
            Verb::Retry => "retry",
            Verb::Skip => "skip",
            Verb::Undo => "undo",
        }
    }
}

/// Why something is not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It was meant for what is not any more.
    #[error("{what} since revision {meant}, and now it is revision {is}; look again, and say it for what there is now")]
    Stale {
        /// The revision it was meant for.
        meant: u64,
        /// The revision there is.
        is: u64,
        /// What there is now, in words.
        what: String,
    },
    /// It makes no sense now.
    #[error("{0}")]
    NotNow(String),
    /// Somebody else may.
    #[error("{0}")]
    NotYours(String),
}

/// Does what a person wants, if it can be done.
///
/// # Errors
/// Why it is not done; nothing has changed then.
pub fn command(release: &Release, state: &State, command: &Command, now: Timestamp) -> Result<Outcome, Refused> {
    if let Some(meant) = command.revision.filter(|meant| *meant != state.revision) {
        let what = format!("things have changed ({})", position(release, state));
        return Err(Refused::Stale { meant, is: state.revision, what });
    }
    let mut draft = Draft::new(release, state, now);
    match command.verb {
        Verb::Promote { full: false } => promote(&mut draft, command)?,
        Verb::Promote { full: true } => promote_fully(&mut draft, command)?,
        Verb::Approve => approve(&mut draft, command)?,
        Verb::Pause => pause(&mut draft, command)?,
        Verb::Resume => resume(&mut draft, command)?,
        Verb::Abort => abort(&mut draft, command)?,
        Verb::Retry => retry(&mut draft, command)?,
        Verb::Skip => skip(&mut draft, command)?,
        Verb::Undo => undo(&mut draft, command)?,
    }
    Ok(draft.done())
}

fn not_now<T>(why: impl Into<String>) -> Result<T, Refused> {
    Err(Refused::NotNow(why.into()))
}

/// The rollout, if it is under way.
fn running<'a>(draft: &'a mut Draft<'_>) -> Result<&'a mut Rollout, Refused> {
    let where_it_is = position(draft.release, &draft.state);
    match draft.state.rollout.as_mut().filter(|rollout| rollout.is_running()) {
        Some(rollout) => Ok(rollout),
        None => not_now(format!("no rollout is under way: {where_it_is}")),
    }
}

fn by(command: &Command) -> Option<(&Actor, Option<&str>)> {
    Some((&command.by, command.reason.as_deref()))
}

fn promote(draft: &mut Draft<'_>, command: &Command) -> Result<(), Refused> {
    let rollout = running(draft)?;
    let Some(index) = rollout.at().map(|at| at.index) else { return nothing_begun() };
    let (step, paused) = (rollout.step().cloned(), rollout.paused.is_some());
    match &step {
        Some(Step::Gate(Gate::Healthy { .. } | Gate::Mirror { .. } | Gate::Hook(_))) => {
            return not_now(
                "this step is a test; `skip` passes over it without its result, and `promote --full` over all that is left",
            );
        }
        Some(Step::Full) | None => return not_now("the candidate has everything already, and only the fleet is waited for"),
        _ => {}
    }
    may_pass_over(draft, command, index..index + 1)?;
    let stuck_waves = matches!(step, Some(Step::Roll(_)));
    let Some(at) = draft.at_mut() else { return nothing_begun() };
    match at.stage {
        Stage::Stuck { .. } if stuck_waves => return not_now("the waves are stuck: `retry` tries again what failed"),
        Stage::Stuck { .. } => (at.stage, at.overruled) = (Stage::Settling, true),
        _ if at.promoted && !paused => return not_now("that is said already; only what every step needs is waited for"),
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

fn nothing_begun<T>() -> Result<T, Refused> {
    not_now("no step has begun yet: `resume`, or take `hold` out of the file")
}

fn promote_fully(draft: &mut Draft<'_>, command: &Command) -> Result<(), Refused> {
    let rollout = running(draft)?;
    let (full, at) = (rollout.program.full(), rollout.at().map(|at| at.index));
    if at.is_some_and(|at| at >= full) {
        return not_now("the candidate has everything already");
    }
    if rollout.hurried && rollout.paused.is_none() {
        return not_now("that is said already; only what every step needs is waited for");
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

fn approve(draft: &mut Draft<'_>, command: &Command) -> Result<(), Refused> {
    let Some(from) = running(draft)?.step().and_then(asks).map(<[String]>::to_vec) else {
        return not_now(format!("nothing waits for an approval: {}", position(draft.release, &draft.state)));
    };
    is_approver(draft, command, &from)?;
    let approval = Approval { by: command.by.clone(), at: draft.now, reason: command.reason.clone() };
    let Some(at) = draft.at_mut() else { return Ok(()) };
    if matches!(at.stage, Stage::Stuck { .. }) {
        return not_now("the step is stuck: `retry` begins it again, and then it can be approved");
    }
    if at.approvals.iter().any(|other| other.by.name == command.by.name) {
        return not_now(format!("{} has approved of this step already", command.by.name));
    }
    at.approvals.push(approval);
    let count = approved(at);
    draft.tell(Happened::Approved, format!("{} approved, {count} so far", command.by.name), by(command));
    Ok(())
}

fn pause(draft: &mut Draft<'_>, command: &Command) -> Result<(), Refused> {
    let paused = Paused { at: draft.now, by: command.by.clone(), reason: command.reason.clone() };
    let rollout = running(draft)?;
    if let Some(paused) = &rollout.paused {
        return not_now(format!("{} has paused it already", paused.by));
    }
    rollout.paused = Some(paused);
    draft.tell(Happened::Paused, "no more steps are taken", by(command));
    Ok(())
}

fn resume(draft: &mut Draft<'_>, command: &Command) -> Result<(), Refused> {
    if running(draft)?.paused.take().is_none() {
        return not_now("nobody has paused it");
    }
    draft.tell(Happened::Resumed, "steps are taken again", by(command));
    Ok(())
}

fn abort(draft: &mut Draft<'_>, command: &Command) -> Result<(), Refused> {
    running(draft)?;
    let why = command.reason.clone().unwrap_or_else(|| format!("{} aborted it", command.by));
    draft.off(Happened::RolledBack, &why, by(command));
    Ok(())
}

fn retry(draft: &mut Draft<'_>, command: &Command) -> Result<(), Refused> {
    let where_it_is = position(draft.release, &draft.state);
    if let Some(instead) = draft.state.instead.take() {
        draft.tell(
            Happened::Retried,
            format!("{} serves again, and {} does not", draft.release.stable, instead.version),
            by(command),
        );
        return Ok(());
    }
    let Some(rollout) = draft.state.rollout.as_mut() else { return not_now(where_it_is) };
    match &mut rollout.phase {
        Phase::Off(off) if off.returning => return not_now("endpoints are on their way back to stable; wait for the last of them"),
        Phase::Off(_) => {
            rollout.phase = Phase::Pending;
            // The file may have other steps by now.
            if let Some(plan) = draft.release.plan.as_ref().filter(|plan| plan.candidate.as_ref() == Some(&rollout.candidate)) {
                rollout.program = Program::of(plan);
            }
            (rollout.hurried, rollout.roll) = (false, None);
        }
        Phase::Step(at) if matches!(at.stage, Stage::Stuck { .. }) => {
            let (index, since) = (at.index, draft.now);
            *at = At { index, since, stage: Stage::Settling, approvals: Vec::new(), promoted: false, overruled: false };
        }
        _ => return not_now(format!("there is nothing to try again: {where_it_is}")),
    }
    rollout.round += 1;
    try_wave_again(draft);
    draft.tell(Happened::Retried, "begins again", by(command));
    Ok(())
}

fn try_wave_again(draft: &mut Draft<'_>) {
    let Some(wave) = draft.rollout().and_then(|rollout| rollout.roll.as_ref()).map(|roll| roll.wave) else { return };
    let (token, now) = (gate::token(draft, &format!("wave{wave}")), draft.now);
    if let Some(roll) = draft.state.rollout.as_mut().and_then(|rollout| rollout.roll.as_mut()) {
        roll.again(token, now);
    }
}

fn skip(draft: &mut Draft<'_>, command: &Command) -> Result<(), Refused> {
    let rollout = running(draft)?;
    let Some(index) = rollout.at().map(|at| at.index) else { return nothing_begun() };
    let paused = rollout.paused.is_some();
    match rollout.step() {
        Some(Step::Roll(_)) => {
            return not_now("waves cannot be passed over: `promote` ends their pause, `abort` takes everything back");
        }
        Some(Step::Full) | None => return not_now("the candidate has everything already, and only the fleet is waited for"),
        _ => {}
    }
    may_pass_over(draft, command, index..index + 1)?;
    let words = draft.step_words(index);
    let Some(at) = draft.at_mut() else { return nothing_begun() };
    if at.promoted && at.overruled && !paused {
        return not_now("that is said already; only what every step needs is waited for");
    }
    (at.stage, at.promoted, at.overruled) = (Stage::Settling, true, true);
    unpause(draft);
    draft.tell(Happened::Skipped, format!("passed over: {words}"), by(command));
    Ok(())
}

fn undo(draft: &mut Draft<'_>, command: &Command) -> Result<(), Refused> {
    match draft.state.rollout.as_ref().map(|rollout| &rollout.phase) {
        Some(Phase::Off(_)) => return not_now(format!("it is undone: {}", position(draft.release, &draft.state))),
        Some(_) => {
            let why = command.reason.clone().unwrap_or_else(|| format!("{} undid it", command.by));
            draft.off(Happened::RolledBack, &why, by(command));
            return Ok(());
        }
        None => {}
    }
    let release = draft.release;
    if let Some(instead) = &draft.state.instead {
        return not_now(format!("{} serves already instead of {}", instead.version, release.stable));
    }
    if release.split.is_some() {
        return not_now("this release is moved by its `split`; edit the file");
    }
    let Some(previous) = draft.state.previous.clone().filter(|previous| release.version(previous).is_some()) else {
        return not_now("no version before this one is known and still in the file");
    };
    draft.state.instead = Some(Instead { version: previous.clone(), since: draft.now, by: command.by.clone() });
    draft.tell(
        Happened::Undone,
        format!("{previous} serves instead of {}, until the file says another `stable`", release.stable),
        by(command),
    );
    Ok(())
}
