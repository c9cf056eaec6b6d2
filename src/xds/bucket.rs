//! How often something may happen: so many times a second, and so many at once after a pause.
//!
//! Pure: time comes in as an argument.

use std::time::{Duration, Instant};

/// A rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How often a second, in the long run; 0 sets no bound.
    pub per_second: u32,
    /// How often at once, after a pause that was long enough.
    pub burst: u32,
}

impl Rate {
    /// Time between two at this rate.
    fn interval(self) -> Duration {
        Duration::from_secs(1).checked_div(self.per_second).unwrap_or_default()
    }
}

/// What was taken of a rate. It is one moment and needs no upkeep: the moment at which all that was taken is made up for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bucket {
    full_at: Option<Instant>,
}

impl Bucket {
    /// How long to wait until one more may happen; zero if it may now.
    pub fn wait(&self, rate: Rate, now: Instant) -> Duration {
        let taken = self.full_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        taken.saturating_sub(rate.interval() * rate.burst.saturating_sub(1))
    }

    /// Takes one. If it may not happen yet, others that come later wait for it as well.
    pub fn take(&mut self, rate: Rate, now: Instant) {
        let from = self.full_at.map_or(now, |at| at.max(now));
        self.full_at = Some(from + rate.interval());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 10, burst: 3 };
    const INTERVAL: Duration = Duration::from_millis(100);

    fn emptied(now: Instant) -> Bucket {
        let mut bucket = Bucket::default();
        for _ in 0..RATE.burst {
            assert_eq!(bucket.wait(RATE, now), Duration::ZERO);
            bucket.take(RATE, now);
        }
        bucket
    }

    #[test]
    fn a_burst_is_let_through_and_then_the_rate_holds() {
        let now = Instant::now();
        let mut bucket = emptied(now);
        for turn in 1..=5 {
            assert_eq!(bucket.wait(RATE, now), INTERVAL * turn);
            bucket.take(RATE, now);
        }
    }

    #[test]
    fn a_pause_gives_back_no_more_than_a_burst() {
        let now = Instant::now();
        let mut bucket = emptied(now);
        assert_eq!(bucket.wait(RATE, now + INTERVAL), Duration::ZERO, "one is back");
        bucket.take(RATE, now + INTERVAL);
        assert_eq!(bucket.wait(RATE, now + INTERVAL), INTERVAL);
        let later = now + INTERVAL * 1000;
        for _ in 0..RATE.burst {
            assert_eq!(bucket.wait(RATE, later), Duration::ZERO);
            bucket.take(RATE, later);
        }
        assert_eq!(bucket.wait(RATE, later), INTERVAL);
    }

    #[test]
    fn no_rate_is_no_bound() {
        let (rate, now, mut bucket) = (Rate { per_second: 0, burst: 0 }, Instant::now(), Bucket::default());
        for _ in 0..1000 {
            bucket.take(rate, now);
        }
        assert_eq!(bucket.wait(rate, now), Duration::ZERO);
    }
}
