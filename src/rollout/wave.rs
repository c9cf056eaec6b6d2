//! How waves go over the endpoints, and back.

use jiff::Timestamp;

use super::advance::{Move, clock, next, unsettled};
use super::begin::may_go_on;
use super::draft::Draft;
use super::event::Happened;
use super::facts::Facts;
use super::failure::fail;
use super::gate::{self, Answered, answered, wait_for};
use super::judge::no_data;
use super::roll::{Roll, WaveStage};
use super::state::{Calling, Rollout, Stage};
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

pub(super) fn set(draft: &mut Draft<'_>, roll: Roll) {
    if let Some(rollout) = draft.state.rollout.as_mut() {
        rollout.roll = Some(roll);
    }
}

pub(super) fn set_stage(draft: &mut Draft<'_>, stage: WaveStage) -> Move {
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
    if roll.in_place() { leave(draft, roll) } else { come(draft, roll) }
}

/// Endpoints leave to be upgraded where they are. One stays, whatever the file says.
fn leave(draft: &mut Draft<'_>, roll: Roll) -> Move {
    let Some(rollout) = draft.rollout() else { return Move::Wait(None) };
    let old = roll.old(draft.release, rollout);
    let most = (old.len() + roll.new.len()).saturating_sub(1);
    let out: Vec<Endpoint> = old.into_iter().take(roll.leaving().min(most)).collect();
    if out.is_empty() {
        return stuck(draft, "one endpoint alone cannot be upgraded where it is without losing requests");
    }
    let wave = roll.wave + 1;
    let text = format!("wave {wave} of {}: {} to be upgraded", roll.waves().max(wave), list_and("leaves", "leave", &out));
    set(draft, Roll { wave, out, stage: WaveStage::Draining(None), ..roll });
    draft.tell(Happened::Wave, text, None);
    Move::Sent
}

/// Endpoints of the candidate's own come.
fn come(draft: &mut Draft<'_>, roll: Roll) -> Move {
    let Some(rollout) = draft.rollout() else { return Move::Wait(None) };
    let coming = coming(&roll, draft.release, rollout);
    if coming.is_empty() && roll.new.is_empty() {
        return Move::Wait(Some(well(0, &[])));
    }
    let wave = roll.wave + 1;
    let text = match coming.as_slice() {
        [] => format!("wave {wave} of {}: as many as before serve for more of stable's", roll.waves().max(wave)),
        _ => format!("wave {wave} of {}: {}", roll.waves().max(wave), list_and("comes", "come", &coming)),
    };
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

/// The candidate's own endpoints that come with a wave: as large a part of them as is then gone of stable's, and at the last all.
fn coming(roll: &Roll, release: &Release, rollout: &Rollout) -> Vec<Endpoint> {
    let spare = roll.spare(release, rollout);
    let (all, total) = (spare.len() + roll.new.len(), (roll.total as usize).max(1));
    let gone = (roll.gone.len() + roll.leaving()).min(total);
    let wanted = if gone >= roll.total as usize { all } else { (all * gone).div_ceil(total) };
    spare.into_iter().take(wanted.saturating_sub(roll.new.len())).collect()
}

/// What is waited for of endpoints that are not all known to be well.
pub(super) fn well(known: usize, of: &[Endpoint]) -> Wait {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Wait::Healthy { healthy: count(known), of: count(of.len()), need: Share::FULL, until: None }
}

/// Whoever is to come is asked whether it is well, before it is given a request.
fn check(draft: &mut Draft<'_>, facts: &Facts, roll: Roll, coming: &[Endpoint]) -> Move {
    let healthy = coming.iter().filter(|endpoint| facts.health.get(endpoint) == Some(&true)).count();
    if healthy < coming.len() {
        return Move::Wait(Some(well(healthy, coming)));
    }
    // Endpoints that are out of service to be upgraded come back whoever holds the rollout: capacity is not to be held.
    let may = if roll.in_place() { unsettled(facts).map_or(Ok(()), Err) } else { may_go_on(draft, facts) };
    if let Err(wait) = may {
        return Move::Wait(Some(wait));
    }
    let Some(rollout) = draft.rollout() else { return Move::Wait(None) };
    let mut new = roll.new.clone();
    new.extend(coming.iter().filter(|endpoint| !roll.new.contains(endpoint)));
    if new.is_empty() && !roll.in_place() {
        // The file took away those that were to come.
        return set_stage(draft, WaveStage::Next);
    }
    if roll.in_place() {
        let stage = WaveStage::Pausing(draft.now);
        set(draft, Roll { new, out: Vec::new(), stage, ..roll });
        return joined(draft);
    }
    let mut old = roll.old(draft.release, rollout);
    old.truncate(roll.leaving());
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
pub(super) fn drain(draft: &mut Draft<'_>, facts: &Facts, roll: &Roll, since: Option<Timestamp>, returning: bool) -> Move {
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
    if roll.out.is_empty() {
        // The file took away those that were to be upgraded.
        return set_stage(draft, WaveStage::Pausing(draft.now));
    }
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
    let wait = time.and_then(|wait| wait.until()).map(Wait::Pause);
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

/// What one endpoint, or several, do.
pub(super) fn list_and(one: &str, several: &str, endpoints: &[Endpoint]) -> String {
    format!("{} {}", list(endpoints), if endpoints.len() == 1 { one } else { several })
}

pub(super) fn list(endpoints: &[Endpoint]) -> String {
    let names: Vec<String> = endpoints.iter().take(3).map(|endpoint| endpoint.address.to_string()).collect();
    match endpoints.len().saturating_sub(names.len()) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}
