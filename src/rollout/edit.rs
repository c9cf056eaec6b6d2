//! What an edit of the file does to a rollout.

use jiff::Timestamp;

use super::draft::{Draft, Outcome};
use super::event::Happened;
use super::keys::key_of;
use super::program::Program;
use super::roll::Roll;
use super::state::{Phase, Rollout, State};
use crate::model::{OnNewCandidate, Release};

/// An edit that is not taken in: what ran before goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotNow {
    /// What of the file it is about: `candidate`, `stable`, `canary.steps[1]`.
    pub key: String,
    /// Why, in a line.
    pub title: String,
    /// The way out.
    pub help: String,
}

/// Takes in what the file says now. Also a first time, and after a restart: what it says already changes nothing.
///
/// # Errors
/// The edit cannot be taken in while things are as they are.
pub fn edit(release: &Release, state: &State, now: Timestamp) -> Result<Outcome, NotNow> {
    let mut draft = Draft::edited(release, state, now);
    let wanted = wanted(release);
    stable_changed(&mut draft)?;
    match (draft.state.rollout.clone(), wanted) {
        (None, None) => {}
        (None, Some((candidate, program))) => start(&mut draft, &candidate, program)?,
        (Some(rollout), wanted) if release.stable == rollout.candidate => over(&mut draft, &rollout, wanted)?,
        (Some(rollout), None) => withdraw(&mut draft, &rollout)?,
        (Some(rollout), Some((candidate, program))) if candidate == rollout.candidate => same(&mut draft, &rollout, program)?,
        (Some(rollout), Some((candidate, program))) => other(&mut draft, &rollout, &candidate, program)?,
    }
    if draft.state.stable != release.stable {
        draft.state.stable.clone_from(&release.stable);
    }
    draft.follow();
    Ok(draft.done())
}

/// The candidate that the file names, and what is done with it.
fn wanted(release: &Release) -> Option<(String, Program)> {
    let plan = release.plan.as_ref()?;
    Some((plan.candidate.clone()?, Program::of(plan)))
}

/// The version before is remembered; what a person said instead of it is over.
fn stable_changed(draft: &mut Draft<'_>) -> Result<(), NotNow> {
    let (before, now) = (draft.state.stable.clone(), &draft.release.stable);
    if before.is_empty() || before == *now {
        return instead_stays(draft);
    }
    draft.state.previous = Some(before);
    if draft.state.instead.take().is_some() {
        draft.tell(Happened::Edited, format!("the file says `stable: {now}`"), None);
    }
    Ok(())
}

/// The version that serves since somebody undid another one must not go, for then the other one would serve again.
fn instead_stays(draft: &Draft<'_>) -> Result<(), NotNow> {
    let release = draft.release;
    match draft.state.instead.as_ref().filter(|instead| release.version(&instead.version).is_none()) {
        None => Ok(()),
        Some(instead) => Err(NotNow {
            key: "versions".into(),
            title: format!("{} serves instead of {} since somebody undid it, and must stay", instead.version, release.stable),
            help: format!("keep it and say `stable: {}`; or `tidegate retry {}` first", instead.version, release.service),
        }),
    }
}

fn start(draft: &mut Draft<'_>, candidate: &str, program: Program) -> Result<(), NotNow> {
    if let Some(instead) = &draft.state.instead {
        return Err(NotNow {
            key: "candidate".into(),
            title: format!(
                "{} serves instead of {} since somebody undid it, so nothing is released now",
                instead.version, draft.release.stable
            ),
            help: format!("say `stable: {}`; or `tidegate retry {}`", instead.version, draft.release.service),
        });
    }
    draft.begin(candidate, program);
    Ok(())
}

/// The file says `stable` of the candidate: the rollout is over, and if it was done nothing changes on the wire.
fn over(draft: &mut Draft<'_>, rollout: &Rollout, wanted: Option<(String, Program)>) -> Result<(), NotNow> {
    let in_part = |roll: &Roll| roll.owes() && !(roll.out.is_empty() && roll.old(draft.release, rollout).is_empty());
    if rollout.roll.as_ref().is_some_and(in_part) {
        return Err(NotNow {
            key: "stable".into(),
            title: format!("only some of the endpoints have been upgraded to {}", rollout.candidate),
            help: format!("wait until all have, or `tidegate promote --full {service}`", service = draft.release.service),
        });
    }
    let done = matches!(rollout.phase, Phase::Done { .. });
    let text = if done {
        format!("{} is stable: the release is over, and nothing moves", rollout.candidate)
    } else {
        format!("the file says `stable: {}`: everything goes there, and the release is over", rollout.candidate)
    };
    draft.end(Happened::Collapsed, text);
    if let Some((candidate, program)) = wanted {
        draft.begin(&candidate, program);
    }
    Ok(())
}

/// The file names no candidate, or is gone: everything goes back to stable at once, but for endpoints that have been upgraded where they are.
fn withdraw(draft: &mut Draft<'_>, rollout: &Rollout) -> Result<(), NotNow> {
    if !rollout.owes() {
        draft.end(Happened::Withdrawn, format!("no file names the candidate any more: {} gets nothing", rollout.candidate));
        return Ok(());
    }
    if rollout.stable != draft.release.stable {
        return Err(returns_there(draft, rollout));
    }
    if !matches!(rollout.phase, Phase::Off(_)) {
        draft.off(Happened::RolledBack, "no file names the candidate any more", None);
    }
    Ok(())
}

/// The same candidate. Future steps are taken over; the one under way, and those behind, are not to be changed.
fn same(draft: &mut Draft<'_>, rollout: &Rollout, program: Program) -> Result<(), NotNow> {
    stays(draft, rollout)?;
    if let Some(rollout) = draft.state.rollout.as_mut().filter(|rollout| rollout.stable != draft.release.stable) {
        rollout.stable.clone_from(&draft.release.stable);
        draft.tell(Happened::Edited, format!("the file says `stable: {}`", draft.release.stable), None);
    }
    if program == rollout.program {
        return Ok(());
    }
    if !rollout.is_running() {
        // Of a rollout that has ended, what was done stays on record; `retry` begins with the steps that the file has then.
        if let Some(rollout) = draft.state.rollout.as_mut() {
            rollout.program.keep_stable = program.keep_stable;
        }
        return Ok(());
    }
    let begun = rollout.at().map_or(0, |at| at.index + 1);
    let changed = (0..begun).find(|index| program.steps.get(*index) != rollout.program.steps.get(*index));
    if let Some(index) = changed {
        return Err(step_changed(draft, rollout, index, begun));
    }
    let steps_differ = program.steps != rollout.program.steps;
    if let Some(rollout) = draft.state.rollout.as_mut() {
        rollout.program = program;
    }
    if steps_differ {
        draft.tell(Happened::Edited, "the steps to come are other ones", None);
    }
    Ok(())
}

fn step_changed(draft: &Draft<'_>, rollout: &Rollout, index: usize, begun: usize) -> NotNow {
    let which = if index + 1 == begun { "is under way" } else { "is over" };
    NotNow {
        key: draft.release.plan.as_ref().map(|plan| key_of(plan, index)).unwrap_or_default(),
        title: format!("step {} of {} {which}, and cannot be changed", rollout.program.number(index), rollout.candidate),
        help: format!(
            "it was: {}. Change the steps after it, or `tidegate promote {service}` to end it, or `tidegate abort {service}`",
            draft.step_words(index),
            service = draft.release.service,
        ),
    }
}

/// Where a rollout returns to is not changed under it: only before it moves anything, or after it has returned.
fn stays(draft: &Draft<'_>, rollout: &Rollout) -> Result<(), NotNow> {
    let at_stable = match &rollout.phase {
        Phase::Pending => true,
        Phase::Off(off) => !off.returning,
        Phase::Step(_) | Phase::Done { .. } => false,
    };
    if at_stable || rollout.stable == draft.release.stable { Ok(()) } else { Err(returns_there(draft, rollout)) }
}

fn returns_there(draft: &Draft<'_>, rollout: &Rollout) -> NotNow {
    NotNow {
        key: "stable".into(),
        title: format!("{} is being released, and returns to {}", rollout.candidate, rollout.stable),
        help: format!("`tidegate abort {}` first, or take `candidate` out", draft.release.service),
    }
}

/// Another candidate.
fn other(draft: &mut Draft<'_>, rollout: &Rollout, candidate: &str, program: Program) -> Result<(), NotNow> {
    let policy = draft.release.plan.as_ref().map(|plan| plan.on_new_candidate).unwrap_or_default();
    if matches!(rollout.phase, Phase::Done { .. }) && policy != OnNewCandidate::Queue {
        return Err(NotNow {
            key: "candidate".into(),
            title: format!("{} has all the traffic, while `stable` is still {}", rollout.candidate, rollout.stable),
            help: format!(
                "say `stable: {}` first, or in the same edit: then {candidate} is released from there",
                rollout.candidate
            ),
        });
    }
    let ended = matches!(rollout.phase, Phase::Off(_));
    // What waits for the end of this one is begun when it has come: where that returns to must still be so then.
    let waits = rollout.owes() || !ended && policy == OnNewCandidate::Queue;
    if waits && rollout.stable != draft.release.stable {
        return Err(returns_there(draft, rollout));
    }
    match policy {
        _ if ended && !rollout.owes() => {}
        _ if ended => return Ok(()),
        OnNewCandidate::Refuse => return Err(busy(draft, rollout, "`on_new_candidate` says refuse")),
        OnNewCandidate::Queue if draft.release.version(&rollout.candidate).is_none() => {
            return Err(busy(draft, rollout, "its version must stay in the file until it is over"));
        }
        OnNewCandidate::Queue => return Ok(()),
        OnNewCandidate::Supersede if rollout.owes() => {
            draft.off(Happened::RolledBack, &format!("the file names {candidate} instead"), None);
            return Ok(());
        }
        OnNewCandidate::Supersede => {}
    }
    draft.end(Happened::Withdrawn, format!("the file names {candidate} instead of {}", rollout.candidate));
    draft.begin(candidate, program);
    Ok(())
}

fn busy(draft: &Draft<'_>, rollout: &Rollout, why: &str) -> NotNow {
    NotNow {
        key: "candidate".into(),
        title: format!("{} is still being released: {why}", rollout.candidate),
        help: format!("wait for its end, or `tidegate abort {}`", draft.release.service),
    }
}
