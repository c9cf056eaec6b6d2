//! From the runtime's clock to the one on the wall.

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

/// A clock on the wall that was set further is followed from this on.
const SET: SignedDuration = SignedDuration::from_secs(1);

/// What the time was at some instant. By it others are told, and told alike however often it is asked.
#[derive(Debug, Clone, Copy)]
pub struct Wall {
    at: Instant,
    time: Timestamp,
}

impl Wall {
    /// It is `time` now.
    pub fn new(now: Instant, time: Timestamp) -> Wall {
        Wall { at: now, time }
    }

    /// It is `time` now: if that is quite another than it should be by what is known, the clock was set.
    pub fn follow(&mut self, now: Instant, time: Timestamp) {
        if self.time(now).duration_since(time).abs() > SET {
            *self = Wall::new(now, time);
        }
    }

    /// What the time was, or will be.
    pub fn time(&self, at: Instant) -> Timestamp {
        let span = |from: Instant, to: Instant| SignedDuration::try_from(to.duration_since(from)).unwrap_or(SignedDuration::MAX);
        let since = if at >= self.at { span(self.at, at) } else { -span(at, self.at) };
        self.time.saturating_add(since).unwrap_or(self.time)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_instant_is_told_alike_until_the_clock_is_set() {
        let (now, second) = (Instant::now() + Duration::from_secs(100), |second| Timestamp::from_second(second).unwrap());
        let mut wall = Wall::new(now, second(1000));
        let (before, after) = (now - Duration::from_secs(7), now + Duration::from_secs(7));
        assert_eq!([before, after].map(|at| wall.time(at)), [second(993), second(1007)]);
        wall.follow(after, second(1007) + SignedDuration::from_millis(900));
        assert_eq!(wall.time(before), second(993), "clocks drift");
        wall.follow(after, second(5000));
        assert_eq!([before, after].map(|at| wall.time(at)), [second(4986), second(5000)]);
        wall.follow(after, second(2000));
        assert_eq!(wall.time(after), second(2000), "and they are set back");
    }
}
