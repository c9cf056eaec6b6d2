//! Tests that are to be passed before a step is over.

use std::time::Duration;

use jiff::Timestamp;

use super::advance::{Move, approved, clock, next};
use super::begin::may_go_on;
use super::draft::Draft;
use super::event::Happened;
use super::facts::{Answer, Facts};
use super::failure::fail;
use super::judge::no_data;
use super::program::Step;
use super::roll::listed;
use super::state::{Calling, Rollout, Stage};
use super::wait::Wait;
use crate::model::{Gate, Hook, Share};

/// The time before a second try, and the longest between two.
const AGAIN: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// Where a step stands once every node has what it asks for; `None` for one that has only a time.
pub(super) fn first_stage(draft: &Draft<'_>, step: &Step) -> Option<Stage> {
    match step {
        Step::Gate(Gate::Healthy { .. }) => Some(Stage::Testing { since: None }),
        Step::Gate(Gate::Hook(_)) => Some(Stage::Calling(Calling::new(token(draft, "hook"), draft.now))),
        Step::Roll(_) => Some(Stage::Rolling),
        _ => None,
    }
}

/// The name of a call of the step under way, or of the way back: see [`Rollout::token`].
pub(super) fn token(draft: &Draft<'_>, what: &str) -> String {
    let place = |rollout: &Rollout| rollout.at().map_or_else(|| END.to_owned(), |at| (at.index + 1).to_string());
    draft.rollout().map(|rollout| rollout.token(&draft.release.service, &place(rollout), what)).unwrap_or_default()
}

/// Where calls are that are of no step.
pub(super) const END: &str = "end";

impl Rollout {
    /// The name of a call: the same for each of its tries, and for no other call. A service whose file was deleted and written anew
    /// counts its rollouts from 1 again, so the name has the second in which this one began.
    pub(super) fn token(&self, service: &str, place: &str, what: &str) -> String {
        let (id, round, began) = (self.id, self.round, self.started.as_second());
        format!("{service}/{id}.{round}@{began}/{place}/{what}")
    }
}

/// A call that was put off must not be put off by as much as a clock was set back.
pub(super) fn not_after(calling: &mut Calling, now: Timestamp) {
    calling.due = calling.due.min(now.checked_add(LONGEST).unwrap_or(now));
}

/// Looks at a test.
pub(super) fn look(draft: &mut Draft<'_>, facts: &Facts, gate: &Gate) -> Move {
    let Some(at) = draft.rollout().and_then(Rollout::at) else { return Move::Wait(None) };
    let (stage, promoted, approvals) = (at.stage.clone(), at.promoted, approved(at));
    if promoted {
        return pass(draft, facts, None);
    }
    match (gate, stage) {
        (Gate::Healthy { share, hold }, Stage::Testing { since }) => healthy(draft, facts, (*share, *hold), since),
        (Gate::Mirror { hold, .. }, Stage::Holding { since }) => {
            match clock(draft.now, since, *hold).or_else(|| no_data(draft, facts)) {
                Some(wait) => Move::Wait(Some(wait)),
                None => pass(draft, facts, None),
            }
        }
        (Gate::Hook(hook), Stage::Calling(calling)) => called(draft, facts, hook, &calling),
        (Gate::Hook(_), Stage::Passed(text)) => pass(draft, facts, Some(text)),
        (Gate::Approval { from, count, within }, Stage::Holding { since }) => {
            let until = within.map(|within| since.checked_add(within).unwrap_or(Timestamp::MAX));
            if approvals >= *count {
                pass(draft, facts, Some(format!("{approvals} approved")))
            } else if until.is_some_and(|until| draft.now >= until) {
                fail(draft, &format!("{approvals} of {count} approved in time"))
            } else {
                let from = approvers(draft, from);
                Move::Wait(Some(Wait::Approval { have: approvals, need: *count, from, until }))
            }
        }
        _ => Move::Wait(None),
    }
}

/// Who may approve: whom the gate names, or else the release.
pub(super) fn approvers(draft: &Draft<'_>, from: &[String]) -> Vec<String> {
    let of_release = || draft.release.plan.as_ref().map(|plan| plan.approvers.clone()).unwrap_or_default();
    if from.is_empty() { of_release() } else { from.to_vec() }
}

/// The test is passed; what comes next begins if it may.
fn pass(draft: &mut Draft<'_>, facts: &Facts, text: Option<String>) -> Move {
    match may_go_on(draft, facts) {
        Ok(()) => {
            if let Some(text) = text {
                draft.tell(Happened::Passed, text, None);
            }
            next(draft)
        }
        Err(wait) => Move::Wait(Some(wait)),
    }
}

fn healthy(draft: &mut Draft<'_>, facts: &Facts, (need, hold): (Share, Duration), since: Option<Timestamp>) -> Move {
    let Some(candidate) = draft.rollout().map(|rollout| rollout.candidate.clone()) else { return Move::Wait(None) };
    let endpoints = listed(draft.release, &candidate);
    let well = endpoints.iter().filter(|endpoint| facts.health.get(endpoint) == Some(&true)).count();
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let enough = well as u64 * u64::from(Share::FULL.thousandths()) >= endpoints.len() as u64 * u64::from(need.thousandths());
    let wait = |until| Wait::Healthy { healthy: count(well), of: count(endpoints.len()), need, until };
    match (since, enough && !endpoints.is_empty()) {
        (None, true) => {
            let since = Some(draft.now);
            draft.stage(Stage::Testing { since });
            Move::On
        }
        (Some(_), false) => {
            draft.stage(Stage::Testing { since: None });
            Move::On
        }
        (None, false) => Move::Wait(Some(wait(None))),
        (Some(since), true) => match clock(draft.now, since, hold) {
            Some(end) => Move::Wait(Some(wait(end.until()))),
            None => pass(draft, facts, Some(format!("{well} of {} endpoints of {candidate} are healthy", endpoints.len()))),
        },
    }
}

fn called(draft: &mut Draft<'_>, facts: &Facts, hook: &Hook, calling: &Calling) -> Move {
    match answered(draft.now, facts, hook, calling) {
        Answered::Go => {
            // Kept with the state, so that it is not asked for again while something else is waited for.
            draft.stage(Stage::Passed(format!("{} says go", hook.url)));
            Move::On
        }
        Answered::Stop(why) => fail(draft, &format!("hook {}: {why}", hook.url)),
        Answered::Again(calling) => {
            draft.stage(Stage::Calling(calling));
            Move::On
        }
        Answered::Wait => Move::Wait(Some(wait_for(hook, calling))),
    }
}

pub(super) fn wait_for(hook: &Hook, calling: &Calling) -> Wait {
    Wait::Call { url: hook.url.clone(), attempt: calling.attempt, due: calling.due, last: calling.last.clone(), back: false }
}

/// What became of a call.
pub(super) enum Answered {
    Go,
    Stop(String),
    /// To be made once more.
    Again(Calling),
    /// Not answered yet.
    Wait,
}

pub(super) fn answered(now: Timestamp, facts: &Facts, hook: &Hook, calling: &Calling) -> Answered {
    match facts.answers.get(&calling.token).filter(|(attempt, _)| *attempt == calling.attempt) {
        None => Answered::Wait,
        Some((_, Answer::Go)) => Answered::Go,
        Some((_, Answer::Stop(why))) => Answered::Stop(why.clone()),
        Some((_, Answer::Again(why))) if calling.attempt >= hook.tries => {
            Answered::Stop(format!("no answer that counts in {} tries, the last: {why}", hook.tries))
        }
        Some((_, Answer::Again(why))) => {
            let pause = AGAIN.saturating_mul(1 << calling.attempt.saturating_sub(1).min(10)).min(LONGEST);
            let due = now.checked_add(pause).unwrap_or(now);
            Answered::Again(Calling { attempt: calling.attempt.saturating_add(1), due, last: Some(why.clone()), ..calling.clone() })
        }
    }
}
