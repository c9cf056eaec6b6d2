//! How fast a stream is read.
//!
//! Pure: time comes in as an argument.

use std::time::{Duration, Instant};

use super::bucket::{Bucket, Rate};

/// Shortest pause: who sends too fast is read in portions, and not request by request.
const PAUSE: Duration = Duration::from_millis(100);

/// How fast a stream was read.
#[derive(Debug, Default)]
pub struct Pace {
    bucket: Bucket,
    until: Option<Instant>,
}

impl Pace {
    /// A request was read. Whether a pause begins with it.
    pub fn read(&mut self, rate: Rate, now: Instant) -> bool {
        self.bucket.take(rate, now);
        let wait = self.bucket.wait(rate, now);
        let begins = !wait.is_zero() && self.pause(now).is_none();
        if begins {
            self.until = Some(now + wait.max(PAUSE));
        }
        begins
    }

    /// When to read on; `None` if that is now.
    pub fn pause(&mut self, now: Instant) -> Option<Instant> {
        self.until = self.until.filter(|until| now < *until);
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_read_in_portions_at_its_rate() {
        let (rate, start) = (Rate { per_second: 500, burst: 5000 }, Instant::now());
        let (mut pace, mut now, mut read, mut pauses) = (Pace::default(), start, 0, 0);
        while now < start + Duration::from_secs(10) {
            match pace.pause(now) {
                Some(until) => now = until,
                None => {
                    read += 1;
                    pauses += u32::from(pace.read(rate, now));
                }
            }
        }
        assert!((9_900..=10_100).contains(&read), "{read}: a burst, and the rate for ten seconds");
        assert!((90..=101).contains(&pauses), "{pauses}");
    }

    #[test]
    fn who_keeps_the_rate_is_never_paused() {
        let (rate, start, mut pace) = (Rate { per_second: 500, burst: 5 }, Instant::now(), Pace::default());
        for turn in 0..10_000 {
            let now = start + Duration::from_millis(2) * turn;
            assert!(!pace.read(rate, now) && pace.pause(now).is_none(), "{turn}");
        }
    }
}
