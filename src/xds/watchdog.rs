//! Finds clients that do not take what they are being sent.
//!
//! Such a client costs little memory, because nothing is made for it before there is room; but it would stay for ever. HTTP/2 asks a
//! stream for more as soon as what it gave is on its way. So a stream that gave something and was not asked since has a client that
//! does not read, whatever else happens on the connection: pings are answered below the program that does not read.
//!
//! Pure: time comes in as an argument.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::drain::Line;

/// Most that is given at a time, in bytes. Who takes so much in [`super::Limits::unread`] is slow, and is let be.
pub const GULP: usize = 1 << 20;

/// Whether a stream waits for its client.
#[derive(Debug)]
pub struct Pulse {
    line: Line,
    start: Instant,
    /// Milliseconds from the start to when something was given; `ASKED` if more was asked for since.
    given: AtomicU64,
}

const ASKED: u64 = u64::MAX;

impl Pulse {
    /// More is asked for.
    pub fn asked(&self) {
        self.given.store(ASKED, Ordering::Relaxed);
    }

    /// Something was given.
    pub fn gave(&self, now: Instant) {
        self.given.store(self.millis(now), Ordering::Relaxed);
    }

    fn millis(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.start).as_millis()).unwrap_or(ASKED - 1)
    }

    fn waits(&self, now: Instant) -> Duration {
        match self.given.load(Ordering::Relaxed) {
            ASKED => Duration::ZERO,
            given => Duration::from_millis(self.millis(now).saturating_sub(given)),
        }
    }
}

/// Looks after all streams.
#[derive(Debug)]
pub struct Watchdog {
    start: Instant,
    patience: Duration,
    pulses: Mutex<Vec<Weak<Pulse>>>,
}

impl Watchdog {
    /// Waits so long for each client; zero waits for ever.
    pub fn new(patience: Duration, start: Instant) -> Watchdog {
        Watchdog { start, patience, pulses: Mutex::default() }
    }

    /// A new stream on this connection.
    pub fn watch(&self, line: Line) -> Arc<Pulse> {
        let pulse = Arc::new(Pulse { line, start: self.start, given: AtomicU64::new(ASKED) });
        if !self.patience.is_zero() {
            self.pulses.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&pulse));
        }
        pulse
    }

    /// Time between two sweeps; `None` if there is nothing to look for.
    pub fn pace(&self) -> Option<Duration> {
        (!self.patience.is_zero()).then(|| (self.patience / 8).clamp(Duration::from_millis(5), Duration::from_secs(5)))
    }

    /// Ends the connections of streams that have waited too long, and forgets streams that ended. How many streams waited too long.
    pub fn sweep(&self, now: Instant) -> usize {
        let mut pulses = self.pulses.lock().unwrap_or_else(PoisonError::into_inner);
        let before = pulses.len();
        let mut stuck = 0;
        pulses.retain(|pulse| {
            let Some(pulse) = pulse.upgrade() else { return false };
            let is_stuck = pulse.waits(now) >= self.patience;
            if is_stuck {
                pulse.line.cut();
                stuck += 1;
            }
            !is_stuck
        });
        if pulses.len() < before / 2 {
            pulses.shrink_to_fit();
        }
        stuck
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn is_cut(line: &Line) -> bool {
        line.is_cut().now_or_never().is_some()
    }

    #[test]
    fn who_takes_nothing_is_cut_off_and_who_has_nothing_to_take_is_not() {
        let start = Instant::now();
        let watchdog = Watchdog::new(PATIENCE, start);
        let lines = [Line::default(), Line::default(), Line::default()];
        let pulses = lines.clone().map(|line| watchdog.watch(line));
        let [deaf, slow, idle] = &pulses;
        let later = start + Duration::from_secs(3600);
        deaf.gave(later);
        slow.gave(later);
        idle.gave(later);
        idle.asked();
        assert_eq!(watchdog.sweep(later + PATIENCE - Duration::from_millis(1)), 0);
        slow.asked();
        slow.gave(later + PATIENCE / 2);
        assert_eq!(watchdog.sweep(later + PATIENCE), 1);
        assert_eq!(lines.each_ref().map(is_cut), [true, false, false]);
        assert_eq!(watchdog.sweep(later + PATIENCE), 0, "it is told once");
        assert_eq!(watchdog.sweep(later + 2 * PATIENCE), 1);
        assert_eq!(lines.each_ref().map(is_cut), [true, true, false]);
    }

    #[test]
    fn streams_that_ended_are_forgotten() {
        let watchdog = Watchdog::new(PATIENCE, Instant::now());
        let pulse = watchdog.watch(Line::default());
        pulse.gave(Instant::now());
        drop(pulse);
        assert_eq!(watchdog.sweep(Instant::now() + 2 * PATIENCE), 0);
        assert!(watchdog.pulses.lock().unwrap().is_empty());
    }

    #[test]
    fn no_patience_is_patience_for_ever() {
        let watchdog = Watchdog::new(Duration::ZERO, Instant::now());
        watchdog.watch(Line::default()).gave(Instant::now());
        assert!(watchdog.pulses.lock().unwrap().is_empty());
        assert_eq!(watchdog.pace(), None);
    }
}
