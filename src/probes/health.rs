//! When an endpoint counts as healthy, as Envoy counts.

use super::How;

/// What came of one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It says that it is well.
    Good,
    /// It says that it is not.
    Bad,
    /// It says nothing: no connection, or no answer in time.
    Silent,
}

/// What is known of an endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Health {
    healthy: Option<bool>,
    /// Outcomes in a row that speak against what it is held for.
    against: u32,
}

impl Health {
    /// Whether it is healthy; `None` before the first outcome.
    pub fn healthy(self) -> Option<bool> {
        self.healthy
    }

    /// What is known after one more outcome. The first decides at once, and so does an endpoint that says itself that it is not well;
    /// else `how` says how many in a row it takes.
    #[must_use]
    pub fn after(self, outcome: Outcome, how: &How) -> Health {
        let against = self.against.saturating_add(1);
        let (now, decided) = match (self.healthy, outcome) {
            (None, _) => (outcome == Outcome::Good, true),
            (Some(true), Outcome::Good) | (Some(false), Outcome::Bad | Outcome::Silent) => return Health { against: 0, ..self },
            (Some(true), Outcome::Bad) => (false, true),
            (Some(true), Outcome::Silent) => (false, against >= how.unhealthy),
            (Some(false), Outcome::Good) => (true, against >= how.healthy),
        };
        if decided { Health { healthy: Some(now), against: 0 } } else { Health { against, ..self } }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Outcome::{Bad, Good, Silent};
    use super::*;
    use crate::probes::Way;

    /// What it is held for after each of the outcomes: `+` or `-`.
    fn history(healthy: u32, unhealthy: u32, outcomes: &[Outcome]) -> String {
        let how = How { way: Way::Connect, every: Duration::ZERO, timeout: Duration::ZERO, healthy, unhealthy };
        let mut health = Health::default();
        let step = |outcome: &Outcome| {
            health = health.after(*outcome, &how);
            if health.healthy().expect("known after the first") { '+' } else { '-' }
        };
        outcomes.iter().map(step).collect()
    }

    #[test]
    fn the_first_outcome_decides() {
        assert_eq!(Health::default().healthy(), None);
        assert_eq!(history(3, 3, &[Good]), "+");
        assert_eq!(history(3, 3, &[Silent]), "-");
        assert_eq!(history(3, 3, &[Bad]), "-");
    }

    #[test]
    fn after_that_it_takes_as_many_as_asked_for_in_a_row() {
        assert_eq!(history(3, 2, &[Good, Silent, Good, Silent, Silent, Good, Good, Good]), "++++---+");
        assert_eq!(history(3, 2, &[Silent, Good, Good, Silent, Good, Good, Good, Silent, Silent]), "------++-");
        assert_eq!(history(2, 1, &[Good, Silent, Good, Bad, Good, Good]), "+----+");
        assert_eq!(history(1, 1, &[Good, Silent, Good]), "+-+");
    }

    #[test]
    fn a_no_counts_at_once() {
        assert_eq!(history(1, 5, &[Good, Bad, Good]), "+-+");
    }
}
