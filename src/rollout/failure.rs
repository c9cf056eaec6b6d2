//! What is done when a step fails.

use super::advance::Move;
use super::begin::enter;
use super::draft::Draft;
use super::event::Happened;
use super::program::Step;
use super::split::share_now;
use super::state::{Rollout, Stage};
use crate::model::{OnFailure, Share};

/// The step under way has failed: everything returns to stable, or what else the file says.
pub(super) fn fail(draft: &mut Draft<'_>, why: &str) -> Move {
    let now = draft.now;
    match draft.release.plan.as_ref().map(|plan| plan.on_failure).unwrap_or_default() {
        OnFailure::Hold => {
            draft.stage(Stage::Stuck { since: now, why: why.to_owned() });
            draft.tell(Happened::Stuck, format!("stays as it is, and needs a person: {why}"), None);
            Move::On
        }
        OnFailure::StepBack => match step_before(draft) {
            Some(index) => {
                let text = format!("back by a step, to {}: {why}", draft.step_words(index));
                if let Some(rollout) = draft.state.rollout.as_mut() {
                    // What is asked the next time round is another question, and nobody wants the end of it any more.
                    rollout.round += 1;
                    rollout.hurried = false;
                }
                draft.tell(Happened::SteppedBack, text, None);
                enter(draft, index)
            }
            None => roll_back(draft, why),
        },
        OnFailure::Rollback => roll_back(draft, why),
    }
}

fn roll_back(draft: &mut Draft<'_>, why: &str) -> Move {
    draft.off(Happened::RolledBack, why, None);
    Move::Sent
}

/// The step before with a share of its own that is less than now. Waves are not taken back one by one.
fn step_before(draft: &Draft<'_>) -> Option<usize> {
    let rollout = draft.rollout().filter(|rollout| !rollout.step().is_some_and(Step::is_in_place))?;
    let now = share_now(draft.release, rollout);
    let has_less = |index: &usize| match rollout.program.steps.get(*index) {
        Some(Step::Share { share, .. }) => *share < now && *share > Share::ZERO,
        _ => false,
    };
    (0..index_of(rollout)).rev().find(has_less)
}

fn index_of(rollout: &Rollout) -> usize {
    rollout.at().map_or(0, |at| at.index)
}
