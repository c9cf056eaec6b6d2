//! How waves go over the endpoints, and back.

use jiff::Timestamp;

use super::advance::{Move, clock, next, no_data, unsettled};
use super::begin::may_go_on;
use super::draft::Draft;
use super::event::Happened;
use super::facts::Facts;
use super::failure::fail;
use super::gate::{self, Answered, answered, wait_for};
use super::roll::{Roll, WaveStage};
use super::state::{Calling, Phase, Rollout, Stage};
use super::wait::Wait;
use crate::model::{Endpoint, Release, Share};

/// Looks at waves under way.
pub(super) fn go_on(draft: &mut Draft<'_>, facts: &Facts) -> Move {
    let Some(roll) = draft.rollout().and_then(|rollout| rollout.roll.clone()) else { return next(draft) };
    match &roll.stage {
        WaveStage::Next => begin(draft, facts, roll),
        WaveStage::Checking(coming) => {
            let coming = coming.clone();
            check(draft, facts, roll, &coming)
        }
        WaveStage::Draining(since) => drain(draft, facts, &roll, *since, false),
        WaveStage::Calling(calling) => called(draft, facts, &roll, calling.clone()),
        WaveStage::Pausing(since) => pause(draft, facts, &roll, *since),
    }
}

fn set(draft: &mut Draft<'_>, roll: Roll) {
    if let Some(rollout) = draft.state.rollout.as_mut() {
        rollout.roll = Some(roll);
    }
}

fn set_stage(draft: &mut Draft<'_>, stage: WaveStage) -> Move {
    if let Some(roll) = draft.state.rollout.as_mut().and_then(|rollout| rollout.roll.as_mut()) {
        roll.stage = stage;
    }
    Move::On
}

/// The next wave begins, or there is none.
fn begin(draft: &mut Draft<'_>, facts: &Facts, roll: Roll) -> Move {
    if let Err(wait) = may_go_on(draft, facts) {
        return Move::Wait(Some(wait));
    }
    let Some(rollout) = draft.rollout() else { return Move::Wait(None) };
    if roll.is_over(draft.release, rollout) {
        return next(draft);
    }
    let wave = roll.wave + 1;
    if roll.in_place() {
        let old = roll.old(draft.release, rollout);
        let out: Vec<Endpoint> = old.iter().take(roll.batch().min(to_go(&roll))).copied().collect();
        if out.is_empty() {
            return stuck(draft, "one endpoint alone cannot be upgraded where it is without losing requests");
        }
        let text = format!("wave {wave} of {}: {} leave to be upgraded", roll.waves(), list(&out));
        set(draft, Roll { wave, out, stage: WaveStage::Draining(None), ..roll });
        draft.tell(Happened::Wave, text, None);
        return Move::Sent;
    }
    let coming = coming(&roll, wave, draft.release, rollout);
    let text = format!("wave {wave} of {}: {} come", roll.waves(), list(&coming));
    set(draft, Roll { wave, stage: WaveStage::Checking(coming), ..roll });
    draft.tell(Happened::Wave, text, None);
    Move::On
}

fn stuck(draft: &mut Draft<'_>, why: &str) -> Move {
    let since = draft.now;
    draft.stage(Stage::Stuck { since, why: why.to_owned() });
    draft.tell(Happened::Stuck, why, None);
    Move::On
}

/// Stable's endpoints that are still to go until the share at which waves end.
fn to_go(roll: &Roll) -> usize {
    let until = u64::from(roll.total) * u64::from(roll.spec.until.thousandths());
    let until = usize::try_from(until.div_ceil(u64::from(Share::FULL.thousandths()))).unwrap_or(usize::MAX);
    until.saturating_sub(roll.new.len())
}

/// The candidate's own endpoints that come with a wave: as large a part of them as the wave is of stable's, and at the last all.
fn coming(roll: &Roll, wave: u32, release: &Release, rollout: &Rollout) -> Vec<Endpoint> {
    let spare = roll.spare(release, rollout);
    let all = spare.len() + roll.new.len();
    let gone = (roll.batch() * wave as usize).min(roll.total as usize);
    let wanted = if gone >= roll.total as usize { all } else { (all * gone).div_ceil((roll.total as usize).max(1)) };
    spare.into_iter().take(wanted.saturating_sub(roll.new.len())).collect()
}

/// Whoever is to come is asked whether it is well, before it is given a request.
fn check(draft: &mut Draft<'_>, facts: &Facts, roll: Roll, coming: &[Endpoint]) -> Move {
    let well = coming.iter().filter(|endpoint| facts.health.get(endpoint) == Some(&true)).count();
    if well < coming.len() {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let wait = Wait::Healthy { healthy: count(well), of: count(coming.len()), need: Share::FULL, until: None };
        return Move::Wait(Some(wait));
    }
    if let Some(wait) = unsettled(facts) {
        return Move::Wait(Some(wait));
    }
    let Some(rollout) = draft.rollout() else { return Move::Wait(None) };
    let mut new = roll.new.clone();
    new.extend(coming.iter().filter(|endpoint| !roll.new.contains(endpoint)));
    if roll.in_place() {
        let stage = WaveStage::Pausing(draft.now);
        set(draft, Roll { new, out: Vec::new(), stage, ..roll });
        return joined(draft);
    }
    let mut old = roll.old(draft.release, rollout);
    old.truncate(roll.batch().min((roll.total as usize).saturating_sub(roll.gone.len())));
    set(draft, Roll { new, out: old, stage: WaveStage::Draining(None), ..roll });
    joined(draft)
}

fn joined(draft: &mut Draft<'_>) -> Move {
    let text = draft.rollout().and_then(|rollout| {
        let share = rollout.roll.as_ref()?.share(draft.release, rollout);
        Some(format!("{} has {share} of the endpoints in service", rollout.candidate))
    });
    draft.tell(Happened::Wave, text.unwrap_or_default(), None);
    Move::Sent
}

/// Requests in flight are waited for, but not for ever.
fn drain(draft: &mut Draft<'_>, facts: &Facts, roll: &Roll, since: Option<Timestamp>, returning: bool) -> Move {
    let Some(since) = since else {
        // The wait begins when every node knows that no new requests are to come.
        if let Some(wait) = unsettled(facts) {
            return Move::Wait(Some(wait));
        }
        return set_stage(draft, WaveStage::Draining(Some(draft.now)));
    };
    let busy = roll.out.iter().filter(|endpoint| !facts.empty.contains(endpoint)).count();
    if let (Some(Wait::Clock(until)), 1..) = (clock(draft.now, since, roll.spec.drain), busy) {
        return Move::Wait(Some(Wait::Draining { endpoints: u32::try_from(busy).unwrap_or(u32::MAX), until }));
    }
    if roll.in_place() {
        let what = if returning { format!("back{}", roll.wave) } else { format!("wave{}", roll.wave) };
        let calling = Calling::new(gate::token(draft, &what), draft.now);
        return set_stage(draft, WaveStage::Calling(calling));
    }
    let mut gone = roll.gone.clone();
    gone.extend(&roll.out);
    let stage = WaveStage::Pausing(draft.now);
    set(draft, Roll { gone, out: Vec::new(), stage, ..roll.clone() });
    Move::Sent
}

fn called(draft: &mut Draft<'_>, facts: &Facts, roll: &Roll, calling: Calling) -> Move {
    let Some(hook) = roll.spec.upgrade.clone() else { return Move::Wait(None) };
    match answered(draft.now, facts, &hook, &calling) {
        Answered::Go => set_stage(draft, WaveStage::Checking(roll.out.clone())),
        Answered::Stop(why) => fail(draft, &format!("upgrade hook {}: {why}", hook.url)),
        Answered::Again(calling) => set_stage(draft, WaveStage::Calling(calling)),
        Answered::Wait => Move::Wait(Some(wait_for(&hook, &calling))),
    }
}

/// Between two waves; not behind the last.
fn pause(draft: &mut Draft<'_>, facts: &Facts, roll: &Roll, since: Timestamp) -> Move {
    if let Some(wait) = unsettled(facts) {
        return Move::Wait(Some(wait));
    }
    let hurried = draft.rollout().is_some_and(|rollout| rollout.hurried || rollout.at().is_some_and(|at| at.promoted));
    let over = draft.rollout().is_none_or(|rollout| roll.is_over(draft.release, rollout));
    let time = if hurried || over { None } else { clock(draft.now, since, roll.spec.pause) };
    let wait = time.map(|wait| wait.until().map_or(Wait::NoNodes, Wait::Pause));
    match wait.or_else(|| if hurried { None } else { no_data(draft, facts) }) {
        Some(wait) => Move::Wait(Some(wait)),
        None => {
            if let Some(at) = draft.at_mut() {
                at.promoted = false;
            }
            set_stage(draft, WaveStage::Next)
        }
    }
}

/// Since when it has been the time between two waves.
pub(super) fn paused_since(roll: &Roll) -> Option<Timestamp> {
    match roll.stage {
        WaveStage::Pausing(since) => Some(since),
        _ => None,
    }
}

/// A clock that was set back.
pub(super) fn not_after(roll: &mut Roll, now: Timestamp) {
    match &mut roll.stage {
        WaveStage::Pausing(since) | WaveStage::Draining(Some(since)) => *since = (*since).min(now),
        WaveStage::Calling(calling) => gate::not_after(calling, now),
        _ => {}
    }
}

impl Rollout {
    /// Turns waves round. True if endpoints that were upgraded where they are have to go back.
    pub(super) fn turn_back(&mut self, release: &Release, now: Timestamp) -> bool {
        let (id, round, service) = (self.id, self.round, &release.service);
        let Some(roll) = self.roll.as_mut().filter(|roll| roll.in_place()) else {
            self.roll = None;
            return false;
        };
        let asked = matches!(roll.stage, WaveStage::Calling(_) | WaveStage::Checking(_));
        if asked && !roll.out.is_empty() {
            // Whoever was asked to upgrade these may have done it, or may not: they are asked to go back first.
            let token = format!("{service}/{id}.{round}/end/back{}", roll.wave);
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
            let well = coming.iter().all(|endpoint| facts.health.get(endpoint) == Some(&true));
            if !well {
                let of = u32::try_from(coming.len()).unwrap_or(u32::MAX);
                return Move::Wait(Some(Wait::Healthy { healthy: 0, of, need: Share::FULL, until: None }));
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
    // While nothing serves as stable, one of the candidate's must.
    let Some(rollout) = draft.rollout() else { return Move::Wait(None) };
    let serving = roll.old(draft.release, rollout).len();
    let most = if serving == 0 { roll.new.len().saturating_sub(1).max(1) } else { roll.new.len() };
    let (wave, mut new) = (roll.wave + 1, roll.new.clone());
    let out: Vec<Endpoint> = new.drain(..roll.batch().max(1).min(most)).collect();
    let text = format!("{} leave to go back to stable", list(&out));
    set(draft, Roll { wave, new, out, stage: WaveStage::Draining(None), ..roll });
    draft.tell(Happened::Wave, text, None);
    Move::Sent
}

fn called_back(draft: &mut Draft<'_>, facts: &Facts, roll: &Roll, calling: Calling) -> Move {
    let Some(hook) = roll.spec.upgrade.clone() else { return Move::Wait(None) };
    match answered(draft.now, facts, &hook, &calling) {
        Answered::Go => set_stage(draft, WaveStage::Checking(roll.out.clone())),
        // There is nowhere else to go: it is asked until it says yes.
        Answered::Stop(why) => {
            let due = draft.now.checked_add(std::time::Duration::from_secs(60)).unwrap_or(draft.now);
            set_stage(draft, WaveStage::Calling(Calling { attempt: calling.attempt + 1, due, last: Some(why), ..calling }))
        }
        Answered::Again(calling) => set_stage(draft, WaveStage::Calling(calling)),
        Answered::Wait => Move::Wait(Some(wait_for(&hook, &calling))),
    }
}

fn list(endpoints: &[Endpoint]) -> String {
    let names: Vec<String> = endpoints.iter().take(3).map(|endpoint| endpoint.address.to_string()).collect();
    match endpoints.len().saturating_sub(names.len()) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}
