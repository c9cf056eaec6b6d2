//! What people say to stop, to go back, and to begin again.

use super::command::{Command, Refused, by, not_now, running, see_status, way_out};
use super::draft::Draft;
use super::event::Happened;
use super::gate;
use super::program::Program;
use super::state::{At, Instead, Paused, Phase, Stage};
use super::view::position;

pub(super) fn pause(draft: &mut Draft<'_>, command: &Command) -> Result<(), Refused> {
    let paused = Paused { at: draft.now, by: command.by.clone(), reason: command.reason.clone() };
    let rollout = running(draft)?;
    if let Some(paused) = &rollout.paused {
        return not_now(format!("{} has paused it already; `resume` lets it go on", paused.by));
    }
    rollout.paused = Some(paused);
    draft.tell(Happened::Paused, "no more steps are taken", by(command));
    Ok(())
}

pub(super) fn resume(draft: &mut Draft<'_>, command: &Command) -> Result<(), Refused> {
    if running(draft)?.paused.take().is_none() {
        return not_now(format!("nobody has paused it; {}", see_status(draft)));
    }
    draft.tell(Happened::Resumed, "steps are taken again", by(command));
    Ok(())
}

pub(super) fn abort(draft: &mut Draft<'_>, command: &Command) -> Result<(), Refused> {
    running(draft)?;
    let why = command.reason.clone().unwrap_or_else(|| format!("{} aborted it", command.by));
    draft.off(Happened::RolledBack, &why, by(command));
    Ok(())
}

pub(super) fn retry(draft: &mut Draft<'_>, command: &Command) -> Result<(), Refused> {
    let where_it_is = position(draft.release, &draft.state);
    if let Some(instead) = draft.state.instead.take() {
        draft.tell(
            Happened::Retried,
            format!("{} serves again, and {} does not", draft.release.stable, instead.version),
            by(command),
        );
        return Ok(());
    }
    let (way_out, status) = (way_out(draft.release, &draft.state), see_status(draft));
    let Some(rollout) = draft.state.rollout.as_mut() else { return not_now(format!("{where_it_is}; {way_out}")) };
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
        Phase::Done { .. } => return not_now(format!("there is nothing to try again: {where_it_is}; {way_out}")),
        Phase::Pending | Phase::Step(_) => return not_now(format!("there is nothing to try again: {where_it_is}; {status}")),
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

pub(super) fn undo(draft: &mut Draft<'_>, command: &Command) -> Result<(), Refused> {
    match draft.state.rollout.as_ref().map(|rollout| &rollout.phase) {
        Some(Phase::Off(_)) => {
            let (where_it_is, way_out) = (position(draft.release, &draft.state), way_out(draft.release, &draft.state));
            return not_now(format!("it is undone: {where_it_is}; {way_out}"));
        }
        Some(_) => {
            let why = command.reason.clone().unwrap_or_else(|| format!("{} undid it", command.by));
            draft.off(Happened::RolledBack, &why, by(command));
            return Ok(());
        }
        None => {}
    }
    let release = draft.release;
    if let Some(instead) = &draft.state.instead {
        let (version, way_out) = (&instead.version, way_out(release, &draft.state));
        return not_now(format!("{version} serves already instead of {}; {way_out}", release.stable));
    }
    if release.split.is_some() {
        return not_now("this release is moved by its `split`; edit the file");
    }
    let Some(previous) = draft.state.previous.clone().filter(|previous| release.version(previous).is_some()) else {
        return not_now("no version before this one is known and still in the file; say `stable` of the one that is to serve");
    };
    draft.state.instead = Some(Instead { version: previous.clone(), since: draft.now, by: command.by.clone() });
    draft.tell(
        Happened::Undone,
        format!("{previous} serves instead of {}, until the file says another `stable`", release.stable),
        by(command),
    );
    Ok(())
}
