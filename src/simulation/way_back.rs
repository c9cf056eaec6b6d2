//! How long the way back is.

use std::time::Duration;

use jiff::Timestamp;

use super::timeline::Rollback;
use super::world::{World, after};
use crate::model::Release;
use crate::rollout::{Actor, Command, Phase, State, Verb, command, reconcile};

/// Longer ways are no ways.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// Looks on a way back, at most.
const MOST: usize = 100_000;

/// From a moment, until every node has acknowledged that the candidate gets nothing; `None` if there is nothing to go back from.
pub(super) fn way_back(release: &Release, state: &State, world: &World, now: Timestamp, at: Duration) -> Option<Rollback> {
    let rollout = state.rollout.as_ref()?;
    let verb = match rollout.phase {
        Phase::Pending | Phase::Off(_) => return None,
        Phase::Step(_) => Verb::Abort,
        Phase::Done { .. } => Verb::Undo,
    };
    let by = Actor { name: "somebody".to_owned(), claimed: true };
    let said = Command { verb, by, reason: None, revision: Some(state.revision) };
    let state = command(release, state, &said, now).ok()?.state;
    let in_waves = matches!(state.rollout.as_ref()?.phase, Phase::Off(ref off) if off.returning);
    Some(Rollback { at, takes: play(release, state, world.calm(), now), in_waves })
}

fn play(release: &Release, mut state: State, mut world: World, begin: Timestamp) -> Option<Duration> {
    let (mut now, end) = (begin, after(begin, LONGEST));
    world.see(release, &state, now);
    for _ in 0..MOST {
        let outcome = reconcile(release, &state, &world.facts(release, now), now);
        let changed = outcome.state != state;
        state = outcome.state;
        world.see(release, &state, now);
        if outcome.again && changed {
            continue;
        }
        let is_back = matches!(&state.rollout.as_ref()?.phase, Phase::Off(off) if !off.returning);
        if is_back && world.is_settled(now) {
            return Duration::try_from(now.duration_since(begin)).ok();
        }
        let next = outcome.wake_at.filter(|at| *at > now).into_iter().chain(world.next(now)).min();
        now = next.filter(|next| *next <= end)?;
    }
    None
}
