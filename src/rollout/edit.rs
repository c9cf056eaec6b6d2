//! What an edit of the file does to a rollout.

use jiff::Timestamp;

use super::draft::{Draft, Outcome};
use super::event::Happened;
use super::program::Program;
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
    let mut draft = Draft::new(release, state, now);
    let wanted = wanted(release);
    stable_changed(&mut draft);
    match (draft.state.rollout.clone(), wanted) {
        (None, None) => {}
        (None, Some((candidate, program))) => start(&mut draft, &candidate, program)?,
        (Some(rollout), wanted) if release.stable == rollout.candidate => over(&mut draft, &rollout, wanted),
        (Some(rollout), None) => withdraw(&mut draft, &rollout),
        (Some(rollout), Some((candidate, program))) if candidate == rollout.candidate => same(&mut draft, &rollout, program)?,
        (Some(rollout), Some((candidate, program))) => other(&mut draft, &rollout, &candidate, program)?,
    }
    if draft.state.stable != release.stable {
        draft.state.stable.clone_from(&release.stable);
    }
    Ok(draft.done())
}

/// The candidate that the file names, and what is done with it.
fn wanted(release: &Release) -> Option<(String, Program)> {
    let plan = release.plan.as_ref()?;
    Some((plan.candidate.clone()?, Program::of(plan)))
}

/// The version before is remembered; what a person said instead of it is over.
fn stable_changed(draft: &mut Draft<'_>) {
    let before = draft.state.stable.clone();
    if before.is_empty() || before == draft.release.stable {
        return;
    }
    draft.state.previous = Some(before);
    if draft.state.instead.take().is_some() {
        draft.tell(Happened::Edited, format!("the file says `stable: {}`", draft.release.stable), None);
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
fn over(draft: &mut Draft<'_>, rollout: &Rollout, wanted: Option<(String, Program)>) {
    let done = matches!(rollout.phase, Phase::Done { .. });
    let text = if done {
        format!("{} is stable: the release is over, and nothing moves", rollout.candidate)
    } else {
        format!("the file says `stable: {}`: everything goes there, and the release is over", rollout.candidate)
    };
    draft.state.rollout = None;
    draft.tell(Happened::Collapsed, text, None);
    if let Some((candidate, program)) = wanted {
        draft.begin(&candidate, program);
    }
}

fn withdraw(draft: &mut Draft<'_>, rollout: &Rollout) {
    draft.state.rollout = None;
    let text = format!("the file names no candidate any more: {} gets nothing", rollout.candidate);
    draft.tell(Happened::Withdrawn, text, None);
}

/// The same candidate. Future steps are taken over; the one under way, and those behind, are not to be changed.
fn same(draft: &mut Draft<'_>, rollout: &Rollout, program: Program) -> Result<(), NotNow> {
    stays(draft, rollout)?;
    if program == rollout.program {
        return Ok(());
    }
    let begun = rollout.at().map_or(0, |at| at.index + 1);
    let changed = (0..begun).find(|index| program.steps.get(*index) != rollout.program.steps.get(*index));
    if let Some(index) = changed {
        return Err(step_changed(draft, rollout, index, begun));
    }
    let done = matches!(rollout.phase, Phase::Done { .. });
    let steps_differ = program.steps != rollout.program.steps;
    if let Some(rollout) = draft.state.rollout.as_mut() {
        // Of a rollout that is done, what was done stays on record.
        if done {
            rollout.program.keep_stable = program.keep_stable;
        } else {
            rollout.program = program;
        }
    }
    if steps_differ && !done {
        draft.tell(Happened::Edited, "the steps to come are other ones", None);
    }
    Ok(())
}

fn step_changed(draft: &Draft<'_>, rollout: &Rollout, index: usize, begun: usize) -> NotNow {
    let which = if index + 1 == begun { "is under way" } else { "is over" };
    NotNow {
        key: format!("step {index}"),
        title: format!("step {} of {} {which}, and cannot be changed", rollout.program.number(index), rollout.candidate),
        help: format!(
            "it was: {}. Change the steps after it, or `tidegate promote {service}` to end it, or `tidegate abort {service}`",
            draft.step_words(index),
            service = draft.release.service,
        ),
    }
}

/// Where a rollout returns to is not changed under it.
fn stays(draft: &Draft<'_>, rollout: &Rollout) -> Result<(), NotNow> {
    if rollout.stable == draft.release.stable || matches!(rollout.phase, Phase::Off(_)) {
        return Ok(());
    }
    Err(NotNow {
        key: "stable".into(),
        title: format!("{} is being released, and returns to {}", rollout.candidate, rollout.stable),
        help: format!("`tidegate abort {}` first, or take `candidate` out", draft.release.service),
    })
}

/// Another candidate.
fn other(draft: &mut Draft<'_>, rollout: &Rollout, candidate: &str, program: Program) -> Result<(), NotNow> {
    if matches!(rollout.phase, Phase::Done { .. }) {
        return Err(NotNow {
            key: "candidate".into(),
            title: format!("{} has all the traffic, while `stable` is still {}", rollout.candidate, rollout.stable),
            help: format!(
                "say `stable: {}` first, or in the same edit: then {candidate} is released from there",
                rollout.candidate
            ),
        });
    }
    let policy = draft.release.plan.as_ref().map(|plan| plan.on_new_candidate).unwrap_or_default();
    let over = matches!(&rollout.phase, Phase::Off(off) if !off.returning);
    if matches!(&rollout.phase, Phase::Off(off) if off.returning) {
        return Err(busy(draft, rollout, "endpoints are on their way back from it"));
    }
    match policy {
        _ if over => {}
        OnNewCandidate::Refuse => return Err(busy(draft, rollout, "`on_new_candidate` says refuse")),
        OnNewCandidate::Queue if draft.release.version(&rollout.candidate).is_none() => {
            return Err(busy(draft, rollout, "its version must stay in the file until it is over"));
        }
        OnNewCandidate::Queue => {
            stays(draft, rollout)?;
            return Ok(());
        }
        OnNewCandidate::Supersede if rollout.roll.as_ref().is_some_and(|roll| roll.in_place() && !roll.new.is_empty()) => {
            return Err(busy(draft, rollout, "endpoints have been upgraded to it, and must go back first"));
        }
        OnNewCandidate::Supersede => {}
    }
    draft.state.rollout = None;
    draft.tell(Happened::Withdrawn, format!("the file names {candidate} instead of {}", rollout.candidate), None);
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
