//! The traffic of the last moments.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::testbed::Totals;

/// How far back it reaches.
const SPAN: Duration = Duration::from_secs(2);

type Sample = (Instant, Totals);

/// The totals of a load as they were, over the last two seconds.
#[derive(Debug, Default)]
pub(super) struct Window {
    samples: VecDeque<Sample>,
}

/// One version's part of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    /// Requests a second.
    pub rate: f64,
    /// Share of the good answers, 0.0 to 1.0.
    pub share: f64,
}

impl Window {
    /// Forgets what was: something has changed.
    pub(super) fn restart(&mut self, now: Instant, totals: Totals) {
        self.samples = VecDeque::from([(now, totals)]);
    }

    /// Takes in how it stands.
    pub(super) fn record(&mut self, now: Instant, totals: Totals) {
        self.samples.push_back((now, totals));
        while self.samples.get(1).is_some_and(|(at, _)| now - *at >= SPAN) {
            self.samples.pop_front();
        }
    }

    /// Good answers inside of it.
    pub(super) fn answered(&self) -> u64 {
        self.ends().map_or(0, |(first, last)| last.1.answered() - first.1.answered())
    }

    /// One version's part.
    pub(super) fn part(&self, version: &str) -> Part {
        let Some((first, last)) = self.ends() else { return Part { rate: 0.0, share: 0.0 } };
        let count = last.1.of(version) - first.1.of(version);
        let seconds = (last.0 - first.0).as_secs_f64().max(0.001);
        Part { rate: count as f64 / seconds, share: last.1.share_since(&first.1, version) }
    }

    /// Whether a version's share is what it should be, as far as chance allows: within four standard deviations, of enough requests
    /// to tell.
    pub(super) fn is(&self, version: &str, per_cent: u8) -> bool {
        let (count, want) = (self.answered() as f64, f64::from(per_cent) / 100.0);
        if count < 20.0 {
            return false;
        }
        let deviation = (want * (1.0 - want) / count).sqrt();
        (self.part(version).share - want).abs() <= 4.0 * deviation + f64::EPSILON
    }

    fn ends(&self) -> Option<(&Sample, &Sample)> {
        Some((self.samples.front()?, self.samples.back()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(old: u64, new: u64) -> Totals {
        Totals { versions: [("v41".to_owned(), old), ("v42".to_owned(), new)].into(), ..Totals::default() }
    }

    #[test]
    fn shares_and_rates_are_those_of_the_last_moments() {
        let (mut window, now) = (Window::default(), Instant::now());
        window.restart(now, totals(1000, 0));
        window.record(now + Duration::from_secs(1), totals(1150, 50));
        assert_eq!(window.part("v42"), Part { rate: 50.0, share: 0.25 });
        window.record(now + Duration::from_secs(3), totals(1150, 250));
        assert_eq!(window.part("v42"), Part { rate: 100.0, share: 1.0 });
    }

    #[test]
    fn a_share_is_judged_by_what_chance_allows() {
        let (mut window, now) = (Window::default(), Instant::now());
        window.restart(now, totals(0, 0));
        window.record(now, totals(5, 5));
        assert!(!window.is("v42", 50), "too few to tell");
        window.record(now, totals(380, 20));
        assert!(window.is("v42", 5) && !window.is("v42", 25) && !window.is("v42", 0));
        window.restart(now, totals(0, 0));
        window.record(now, totals(400, 0));
        assert!(window.is("v42", 0) && !window.is("v42", 5));
    }
}
