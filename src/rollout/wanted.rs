//! What is to be found out for a rollout: calls to be made, endpoints to be asked how they are, and those that are to run empty.

use serde_json::{Value, json};

use super::program::Step;
use super::roll::{WaveStage, listed};
use super::split::{share_now, stable_of};
use super::state::{Calling, Phase, Rollout, Stage, State};
use crate::model::{Endpoint, Gate, Hook, Release};

/// A call to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookCall {
    /// The call, and when it is due.
    pub calling: Calling,
    /// Where to, and how patiently.
    pub hook: Hook,
    /// What it is told.
    pub body: Value,
}

/// The call that a rollout waits for the answer of.
pub fn calls(release: &Release, state: &State) -> Option<HookCall> {
    let rollout = state.rollout.as_ref()?;
    let (calling, hook) = match (&rollout.phase, rollout.roll.as_ref().map(|roll| &roll.stage)) {
        (Phase::Step(at), _) if matches!(&at.stage, Stage::Calling(_)) => match (&at.stage, rollout.step()?) {
            (Stage::Calling(calling), Step::Gate(Gate::Hook(hook))) => (calling, hook.clone()),
            _ => return None,
        },
        (Phase::Step(at), Some(WaveStage::Calling(calling))) if at.stage == Stage::Rolling => (calling, upgrade(rollout)?),
        (Phase::Off(off), Some(WaveStage::Calling(calling))) if off.returning => (calling, upgrade(rollout)?),
        _ => return None,
    };
    Some(HookCall { calling: calling.clone(), hook, body: body(release, rollout, calling) })
}

fn upgrade(rollout: &Rollout) -> Option<Hook> {
    // The file may have taken away those that were to be upgraded.
    rollout.roll.as_ref().filter(|roll| !roll.out.is_empty())?.spec.upgrade.clone()
}

/// What a hook is told. `version` is what endpoints are to run when it answers, `from` what they run now.
fn body(release: &Release, rollout: &Rollout, calling: &Calling) -> Value {
    let returning = matches!(rollout.phase, Phase::Off(_));
    let stable = stable_of(release, rollout);
    let (from, to) = if returning { (rollout.candidate.as_str(), stable) } else { (stable, rollout.candidate.as_str()) };
    let index = rollout.at().map_or(rollout.program.steps.len(), |at| at.index);
    let wave = rollout.roll.as_ref().filter(|roll| !roll.out.is_empty());
    let endpoints = wave.map(|roll| roll.out.iter().map(|endpoint| endpoint.address.to_string()).collect::<Vec<_>>());
    json!({
        "token": calling.token,
        "attempt": calling.attempt,
        "service": release.service,
        "rollout": rollout.id,
        "stable": stable,
        "candidate": rollout.candidate,
        "step": rollout.program.number(index),
        "steps": rollout.program.count(),
        "share": share_now(release, rollout).to_string(),
        "kind": if wave.is_some() { "upgrade" } else { "gate" },
        "from": from,
        "version": to,
        "wave": wave.map(|roll| roll.wave),
        "endpoints": endpoints,
    })
}

/// The endpoints to be asked how they are.
pub fn probed(release: &Release, state: &State) -> Vec<Endpoint> {
    let Some(rollout) = &state.rollout else { return Vec::new() };
    if let (Phase::Step(at), Some(Step::Gate(Gate::Healthy { .. }))) = (&rollout.phase, rollout.step()) {
        return match at.stage {
            Stage::Settling | Stage::Testing { .. } => listed(release, &rollout.candidate).to_vec(),
            _ => Vec::new(),
        };
    }
    match rollout.roll.as_ref().filter(|_| is_rolling(rollout)).map(|roll| &roll.stage) {
        Some(WaveStage::Checking(coming)) => coming.clone(),
        _ => Vec::new(),
    }
}

/// Endpoints on their way out, of which is to be known whether they have requests in flight, and the version of which they are.
pub fn draining(release: &Release, state: &State) -> Option<(String, Vec<Endpoint>)> {
    let rollout = state.rollout.as_ref().filter(|rollout| is_rolling(rollout))?;
    let roll = rollout.roll.as_ref().filter(|roll| matches!(roll.stage, WaveStage::Draining(_)))?;
    let returning = matches!(rollout.phase, Phase::Off(_));
    let known = release.version(&rollout.candidate).is_some();
    let version = if returning && known { rollout.candidate.as_str() } else { stable_of(release, rollout) };
    Some((version.to_owned(), roll.out.clone()))
}

fn is_rolling(rollout: &Rollout) -> bool {
    match &rollout.phase {
        Phase::Step(at) => at.stage == Stage::Rolling,
        Phase::Off(off) => off.returning,
        Phase::Pending | Phase::Done { .. } => false,
    }
}
