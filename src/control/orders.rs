//! How many orders there were, and what they came to.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::desk::{OrderError, Ordered};
use crate::rollout::{Refused, Verb};

/// The words for verbs in metrics, in the order of the rows.
const VERBS: [&str; 9] = ["promote", "promote_full", "approve", "pause", "resume", "abort", "retry", "skip", "undo"];
/// The words for outcomes, in the order of the columns.
const OUTCOMES: [&str; 6] = ["done", "stale", "not_now", "not_yours", "unknown", "failed"];

/// Orders since the start, by verb and by what they came to.
#[derive(Debug, Default)]
pub struct Orders([[AtomicU64; OUTCOMES.len()]; VERBS.len()]);

impl Orders {
    /// Those that there were, as verb, outcome and count. Outcomes are `done`, `stale`, `not_now`, `not_yours`, `unknown` (no such service)
    /// and `failed` (not written down, or the server was ending).
    pub fn counts(&self) -> Vec<(&'static str, &'static str, u64)> {
        let rows = VERBS.iter().zip(&self.0);
        let all =
            rows.flat_map(|(verb, row)| OUTCOMES.iter().zip(row).map(|(outcome, count)| (*verb, *outcome, count.load(Relaxed))));
        all.filter(|(_, _, count)| *count > 0).collect()
    }

    pub(super) fn count(&self, verb: Verb, came_to: &Result<Ordered, OrderError>) {
        let outcome = match came_to {
            Ok(_) => 0,
            Err(OrderError::Refused(Refused::Stale { .. })) => 1,
            Err(OrderError::Refused(Refused::NotNow(_))) => 2,
            Err(OrderError::Refused(Refused::NotYours(_))) => 3,
            Err(OrderError::Unknown(_)) => 4,
            Err(OrderError::Unwritten(_) | OrderError::NotReady | OrderError::Ending) => 5,
        };
        self.0[row(verb)][outcome].fetch_add(1, Relaxed);
    }
}

fn row(verb: Verb) -> usize {
    match verb {
        Verb::Promote { full: false } => 0,
        Verb::Promote { full: true } => 1,
        Verb::Approve => 2,
        Verb::Pause => 3,
        Verb::Resume => 4,
        Verb::Abort => 5,
        Verb::Retry => 6,
        Verb::Skip => 7,
        Verb::Undo => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_verb_and_outcome_is_counted_by_its_name() {
        let orders = Orders::default();
        assert_eq!(orders.counts(), []);
        let full = Verb::Promote { full: true };
        let not_now = || Err(OrderError::Refused(Refused::NotNow(String::new())));
        orders.count(full, &not_now());
        orders.count(full, &not_now());
        orders.count(Verb::Undo, &Err(OrderError::Ending));
        assert_eq!(orders.counts(), [("promote_full", "not_now", 2), ("undo", "failed", 1)]);
        for verb in [Verb::Approve, Verb::Pause, Verb::Resume, Verb::Abort, Verb::Retry, Verb::Skip, Verb::Undo] {
            assert_eq!(VERBS[row(verb)], verb.as_str());
        }
    }
}
