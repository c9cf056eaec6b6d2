//! Finds clients that do not take what they are being sent.
//!
//! Such a client costs little memory, because nothing is made for it before there is room; but it would stay for ever, whatever else
//! happens on its connection: pings are answered below the program that does not read. HTTP/2 keeps bytes until they are written to
//! the socket, and drops them then: so bytes that are there for long have a client that does not take them.
//!
//! Pure: time comes in as an argument, except where bytes are dropped.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::drain::Line;

/// Most that is given at a time, in bytes. Who takes so much in [`super::Limits::unread`] is slow, and is let be.
pub const GULP: usize = 1 << 20;

/// Whether a stream waits for its client.
#[derive(Debug)]
pub struct Pulse {
    line: Line,
    start: Instant,
    /// Pieces that were given and not taken yet.
    given: AtomicU32,
    /// Milliseconds from the start to when the oldest of them was given, or the one before it taken.
    since: AtomicU64,
}

/// A piece until it is taken.
struct Piece {
    bytes: Bytes,
    pulse: Arc<Pulse>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.pulse.took(super::clock::now());
    }
}

impl Pulse {
    /// Gives a piece to the client: what is returned is to be dropped when the client has taken it.
    pub fn give(self: &Arc<Pulse>, bytes: Bytes, now: Instant) -> Bytes {
        if self.given.fetch_add(1, Ordering::Relaxed) == 0 {
            self.since.store(self.millis(now), Ordering::Relaxed);
        }
        Bytes::from_owner(Piece { bytes, pulse: self.clone() })
    }

    fn took(&self, now: Instant) {
        self.since.store(self.millis(now), Ordering::Relaxed);
        self.given.fetch_sub(1, Ordering::Relaxed);
    }

    fn millis(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.start).as_millis()).unwrap_or(u64::MAX)
    }

    fn waits(&self, now: Instant) -> Duration {
        if self.given.load(Ordering::Relaxed) == 0 {
            return Duration::ZERO;
        }
        Duration::from_millis(self.millis(now).saturating_sub(self.since.load(Ordering::Relaxed)))
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
        let pulse = Arc::new(Pulse { line, start: self.start, given: AtomicU32::new(0), since: AtomicU64::new(0) });
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
        let [deaf, slow, idle] = lines.clone().map(|line| watchdog.watch(line));
        let (piece, later) = (Bytes::from_static(b"piece"), start + Duration::from_secs(3600));
        let given = [&deaf, &slow, &slow, &idle].map(|pulse| pulse.give(piece.clone(), later));
        assert!(given.iter().all(|given| *given == piece));
        idle.took(later);
        assert_eq!(watchdog.sweep(later + PATIENCE - Duration::from_millis(1)), 0);
        slow.took(later + PATIENCE / 2);
        assert_eq!(watchdog.sweep(later + PATIENCE), 1);
        assert_eq!(lines.each_ref().map(is_cut), [true, false, false]);
        assert_eq!(watchdog.sweep(later + PATIENCE), 0, "it is told once");
        assert_eq!(watchdog.sweep(later + 2 * PATIENCE), 1);
        assert_eq!(lines.each_ref().map(is_cut), [true, true, false]);
    }

    #[test]
    fn what_is_dropped_is_taken() {
        let watchdog = Watchdog::new(PATIENCE, Instant::now());
        let pulse = watchdog.watch(Line::default());
        let mut given = pulse.give(Bytes::from_static(b"piece"), Instant::now());
        let rest = given.split_off(2);
        drop(given);
        let later = Instant::now() + PATIENCE;
        assert!(pulse.waits(later) >= PATIENCE, "a part of it is still there");
        drop(rest);
        assert_eq!(pulse.waits(later), Duration::ZERO);
    }

    #[test]
    fn streams_that_ended_are_forgotten() {
        let watchdog = Watchdog::new(PATIENCE, Instant::now());
        drop(watchdog.watch(Line::default()));
        assert_eq!(watchdog.sweep(Instant::now() + 2 * PATIENCE), 0);
        assert!(watchdog.pulses.lock().unwrap().is_empty());
    }

    #[test]
    fn no_patience_is_patience_for_ever() {
        let watchdog = Watchdog::new(Duration::ZERO, Instant::now());
        let _given = watchdog.watch(Line::default()).give(Bytes::new(), Instant::now());
        assert_eq!(watchdog.sweep(Instant::now() + 2 * PATIENCE), 0);
        assert!(watchdog.pulses.lock().unwrap().is_empty());
        assert_eq!(watchdog.pace(), None);
    }
}
