//! How a step begins, and whether it may.

use super::advance::{Move, unsettled};
use super::draft::Draft;
use super::event::Happened;
use super::facts::Facts;
use super::program::Step;
use super::roll::Roll;
use super::state::{At, Phase, Stage};
use super::wait::Wait;
use crate::model::{Gate, Hold, Share};

/// Whether the next thing may be begun: nobody holds it, every node has the one before, and a window is open.
pub(super) fn may_go_on(draft: &Draft<'_>, facts: &Facts) -> Result<(), Wait> {
    let plan = draft.release.plan.as_ref();
    if let Some(paused) = draft.rollout().and_then(|rollout| rollout.paused.as_ref()) {
        return Err(Wait::Paused { by: paused.by.name.clone(), reason: paused.reason.clone() });
    }
    if plan.is_some_and(|plan| plan.hold) {
        return Err(Wait::Held);
    }
    if let Some(wait) = unsettled(facts) {
        return Err(wait);
    }
    match plan.map(|plan| &plan.windows).filter(|windows| !windows.is_open(draft.now)) {
        Some(windows) => Err(Wait::Window(windows.next_change(draft.now))),
        None => Ok(()),
    }
}

/// A step begins.
pub(super) fn enter(draft: &mut Draft<'_>, index: usize) -> Move {
    let (now, release) = (draft.now, draft.release);
    let Some(rollout) = draft.state.rollout.as_mut() else { return Move::Wait(None) };
    match rollout.program.steps.get(index) {
        Some(Step::Roll(spec)) => match rollout.roll.as_mut().filter(|roll| roll.in_place()) {
            // Endpoints that have been upgraded stay so: waves go on where earlier ones ended.
            Some(roll) => roll.spec = spec.clone(),
            None => rollout.roll = Some(Roll::new(spec.clone(), release, rollout)),
        },
        // Beyond its waves all endpoints of both versions serve, where each has its own.
        Some(Step::Share { .. } | Step::Ramp { .. } | Step::Full) if rollout.roll.as_ref().is_some_and(|roll| !roll.in_place()) => {
            rollout.roll = None;
        }
        _ => {}
    }
    let at = At { index, since: now, stage: Stage::Settling, approvals: Vec::new(), promoted: false, overruled: false };
    rollout.phase = Phase::Step(at);
    let text = draft.step_words(index);
    draft.tell(Happened::Step, text, None);
    Move::Sent
}

impl Draft<'_> {
    /// A step in words.
    pub fn step_words(&self, index: usize) -> String {
        let Some(rollout) = self.rollout() else { return String::new() };
        let step = rollout.program.steps.get(index);
        step.map_or_else(|| format!("{} has everything", rollout.candidate), |step| words(step, &rollout.candidate))
    }
}

/// A step as a sentence, as the file could have it.
pub(super) fn words(step: &Step, candidate: &str) -> String {
    let time = |time: std::time::Duration| crate::model::duration_text(time);
    match step {
        Step::Share { share, until: Hold::For(hold) } => format!("{share} for {}", time(*hold)),
        Step::Share { share, until: Hold::Approval } => format!("{share} until approved"),
        Step::Ramp { share, hold } => format!("{share} for {} of the cutover", time(*hold)),
        Step::Roll(rolling) if rolling.until == Share::FULL => "waves over all endpoints".to_owned(),
        Step::Roll(rolling) => format!("waves over {} of the endpoints", rolling.until),
        Step::Full => format!("{candidate} gets everything"),
        Step::Watch { hold } => format!("watched for {}", time(*hold)),
        Step::Gate(Gate::Healthy { share, hold }) => format!("{share} of {candidate} healthy for {}", time(*hold)),
        Step::Gate(Gate::Mirror { share, hold, .. }) => format!("{share} mirrored to {candidate} for {}", time(*hold)),
        Step::Gate(Gate::Hook(hook)) => format!("hook {}", hook.url),
        Step::Gate(Gate::Approval { count, .. }) if *count == 1 => "an approval".to_owned(),
        Step::Gate(Gate::Approval { count, .. }) => format!("{count} approvals"),
    }
}
