//! How endpoints that were upgraded where they are go back.

use jiff::Timestamp;

use super::advance::{Move, unsettled};
use super::draft::Draft;
use super::event::Happened;
use super::facts::Facts;
use super::gate::{Answered, END, answered};
use super::roll::{Roll, WaveStage};
use super::state::{Calling, Phase, Rollout};
use super::wait::Wait;
use super::wave::{drain, list, list_and, set, set_stage, well};
use crate::model::{Endpoint, Release};

impl Rollout {
    /// Turns waves round. True if endpoints that were upgraded where they are have to go back.
    pub(super) fn turn_back(&mut self, release: &Release, now: Timestamp) -> bool {
        let wave = self.roll.as_ref().map_or(0, |roll| roll.wave);
        let token = self.token(&release.service, END, &format!("back{wave}"));
        let Some(roll) = self.roll.as_mut().filter(|roll| roll.in_place()) else {
            self.roll = None;
            return false;
        };
        let asked = matches!(roll.stage, WaveStage::Calling(_) | WaveStage::Checking(_));
        if asked && !roll.out.is_empty() {
            // Whoever was asked to upgrade these may have done it, or may not: they are asked to go back first.
            roll.stage = WaveStage::Calling(Calling::new(token, now));
        } else {
            roll.out.clear();
            roll.stage = WaveStage::Next;
        }
        !roll.out.is_empty() || !roll.new.is_empty()
    }
}

/// Looks at waves that go back. Neither windows nor people hold them up.
pub(super) fn go_back(draft: &mut Draft<'_>, facts: &Facts) -> Move {
    let Some(roll) = draft.rollout().and_then(|rollout| rollout.roll.clone()) else { return Move::Wait(None) };
    match &roll.stage {
        WaveStage::Next | WaveStage::Pausing(_) => take_back(draft, facts, roll),
        WaveStage::Draining(since) => drain(draft, facts, &roll, *since, true),
        WaveStage::Calling(calling) => called_back(draft, facts, &roll, calling.clone()),
        WaveStage::Checking(coming) => {
            let healthy = coming.iter().filter(|endpoint| facts.health.get(endpoint) == Some(&true)).count();
            if healthy < coming.len() {
                return Move::Wait(Some(well(healthy, coming)));
            }
            set(draft, Roll { out: Vec::new(), stage: WaveStage::Next, ..roll });
            draft.tell(Happened::Wave, "endpoints are back with stable", None);
            Move::Sent
        }
    }
}

fn take_back(draft: &mut Draft<'_>, facts: &Facts, roll: Roll) -> Move {
    if roll.new.is_empty() && roll.out.is_empty() {
        if let Some(rollout) = draft.state.rollout.as_mut() {
            rollout.roll = None;
            if let Phase::Off(off) = &mut rollout.phase {
                off.returning = false;
            }
        }
        draft.tell(Happened::Passed, "all endpoints are back with stable", None);
        return Move::Sent;
    }
    if let Some(wait) = unsettled(facts) {
        return Move::Wait(Some(wait));
    }
    // One stays to serve, as whichever version.
    let Some(rollout) = draft.rollout() else { return Move::Wait(None) };
    let most = (roll.old(draft.release, rollout).len() + roll.new.len()).saturating_sub(1);
    let (wave, mut new) = (roll.wave + 1, roll.new.clone());
    let out: Vec<Endpoint> = new.drain(..roll.batch().max(1).min(most).min(roll.new.len())).collect();
    if out.is_empty() {
        let why = "one endpoint alone cannot go back without losing requests: list another one, or say `stable` of this version";
        return Move::Wait(Some(Wait::Stuck(why.to_owned())));
    }
    let text = format!("{} to go back to stable", list_and("leaves", "leave", &out));
    set(draft, Roll { wave, new, out, stage: WaveStage::Draining(None), ..roll });
    draft.tell(Happened::Wave, text, None);
    Move::Sent
}

fn called_back(draft: &mut Draft<'_>, facts: &Facts, roll: &Roll, calling: Calling) -> Move {
    let Some(hook) = roll.spec.upgrade.clone() else { return Move::Wait(None) };
    if roll.out.is_empty() {
        return set_stage(draft, WaveStage::Next);
    }
    match answered(draft.now, facts, &hook, &calling) {
        Answered::Go => set_stage(draft, WaveStage::Checking(roll.out.clone())),
        // There is nowhere else to go: it is asked until it says yes.
        Answered::Stop(why) => {
            refuses(draft, roll, &calling, &why);
            let due = draft.now.checked_add(std::time::Duration::from_secs(60)).unwrap_or(draft.now);
            set_stage(
                draft,
                WaveStage::Calling(Calling { attempt: calling.attempt.saturating_add(1), due, last: Some(why), ..calling }),
            )
        }
        Answered::Again(next) => {
            refuses(draft, roll, &calling, next.last.as_deref().unwrap_or_default());
            set_stage(draft, WaveStage::Calling(next))
        }
        Answered::Wait => Move::Wait(Some(Wait::Call {
            url: hook.url.clone(),
            attempt: calling.attempt,
            due: calling.due,
            last: calling.last.clone(),
            back: true,
        })),
    }
}

/// The first time that a wave cannot go back is told to people: it is tried again and again, and nobody else will look.
fn refuses(draft: &mut Draft<'_>, roll: &Roll, calling: &Calling, why: &str) {
    if calling.last.is_none() {
        let text = format!("{} cannot go back to stable; the hook is asked until it says yes: {why}", list(&roll.out));
        draft.tell(Happened::Stuck, text, None);
    }
}
