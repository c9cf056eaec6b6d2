//! How long the way back is.

use std::time::Duration;

use super::length::{self, Waves};
use crate::control::Standing;

/// How the service comes back to what it was.
#[derive(Debug, Clone, PartialEq)]
pub enum Back {
    /// By one push: as long as the fleet takes to acknowledge it.
    Push {
        /// By what.
        by: String,
    },
    /// In waves, because endpoints are upgraded where they are, and must be upgraded again.
    Waves {
        /// By what.
        by: String,
        /// As many as had been taken; at most these.
        waves: Waves,
    },
}

impl Back {
    /// The longest that it takes by the clock: so long are requests in flight waited for. The calls come to it.
    pub fn at_most(&self) -> Duration {
        match self {
            Back::Push { .. } => Duration::ZERO,
            Back::Waves { waves, .. } => waves.drain.saturating_mul(waves.count),
        }
    }
}

/// The way back from what would be; `None` if there is nothing to go back to.
pub(super) fn back(before: Option<&Standing>, after: &Standing) -> Option<Back> {
    let service = &after.release.service;
    if let Some(rollout) = after.state.rollout.as_ref().filter(|rollout| !matches!(rollout.phase, crate::rollout::Phase::Off(_))) {
        let by = format!("tidegate {} {service}", if rollout.is_running() { "abort" } else { "undo" });
        let waves = length::all_waves(&after.release, rollout).filter(|waves| waves.upgrade.is_some());
        return Some(match waves {
            Some(waves) => Back::Waves { by, waves },
            None => Back::Push { by },
        });
    }
    let before = before?;
    let previous = after.state.previous.as_ref().filter(|_| before.release.stable != after.release.stable);
    let can_undo = after.release.split.is_none() && previous.is_some_and(|name| after.release.version(name).is_some());
    Some(Back::Push { by: if can_undo { format!("tidegate undo {service}") } else { "the file as it was".to_owned() } })
}
