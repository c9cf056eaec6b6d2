//! Where the requests go that no rule matches.

use super::program::Step;
use super::state::{Phase, Rollout, State};
use crate::model::{Release, Share, Split};

/// The split that a state asks for.
pub(super) fn split(release: &Release, state: &State) -> Split {
    if let Some(instead) = state.instead.as_ref().filter(|instead| release.version(&instead.version).is_some()) {
        return between(release, &instead.version, &instead.version, Share::FULL);
    }
    match &state.rollout {
        Some(rollout) if release.version(&rollout.candidate).is_some() => {
            between(release, stable_of(release, rollout), &rollout.candidate, share_now(release, rollout))
        }
        _ => release.held_split(),
    }
}

/// The split that a state asked for before the file forgot its candidate; the same as [`split`] if it has not.
pub(super) fn split_before(release: &Release, state: &State) -> Split {
    let after = split(release, state);
    let forgotten = |rollout: &&Rollout| state.instead.is_none() && release.version(&rollout.candidate).is_none();
    let Some(rollout) = state.rollout.as_ref().filter(forgotten) else { return after };
    let (stable, share) = (stable_of(release, rollout), share_now(release, rollout));
    let rest = |name: &str| if name == stable { Share::FULL.saturating_sub(share) } else { Share::ZERO };
    let known = release.versions.iter().map(|version| (version.name.clone(), rest(&version.name)));
    Split::new(known.chain([(rollout.candidate.clone(), share)]).collect()).unwrap_or(after)
}

/// The version to which a rollout returns.
pub(super) fn stable_of<'a>(release: &'a Release, rollout: &'a Rollout) -> &'a str {
    if release.version(&rollout.stable).is_some() { &rollout.stable } else { &release.stable }
}

/// The candidate's share of the requests that no rule matches.
pub fn share_now(release: &Release, rollout: &Rollout) -> Share {
    match &rollout.phase {
        Phase::Pending => Share::ZERO,
        Phase::Done { .. } => Share::FULL,
        Phase::Off(off) if off.returning => {
            rollout.roll.as_ref().map_or(Share::ZERO, |roll| roll.share_returning(release, rollout)).min(off.share)
        }
        Phase::Off(_) => Share::ZERO,
        Phase::Step(at) => share_at(release, rollout, at.index),
    }
}

/// Gates go on with what the step before them ended with, and that of waves is counted in endpoints.
fn share_at(release: &Release, rollout: &Rollout, index: usize) -> Share {
    let steps = &rollout.program.steps;
    let decides = (0..=index).rev().find(|at| !matches!(steps.get(*at), Some(Step::Gate(_))));
    match (decides.and_then(|at| steps.get(at)), &rollout.roll) {
        (Some(Step::Roll(_)), Some(roll)) => roll.share(release, rollout),
        (Some(Step::Roll(_)), None) if decides == Some(index) => Share::ZERO,
        _ => rollout.program.share_at(index),
    }
}

fn between(release: &Release, stable: &str, candidate: &str, share: Share) -> Split {
    let of = |name: &str| match name {
        name if name == candidate => share,
        name if name == stable => Share::FULL.saturating_sub(share),
        _ => Share::ZERO,
    };
    Split::new(release.versions.iter().map(|version| (version.name.clone(), of(&version.name))).collect()).unwrap_or_default()
}
