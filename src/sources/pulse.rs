//! Events, reduced to what matters: that something changed, and which files are being written just now.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// How long a file may stay open for writing before it is read all the same.
const OPEN: Duration = Duration::from_secs(1);

/// Files of which it is remembered that they changed.
const TOUCHED: usize = 256;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Beat {
    /// A file is being written, and its writer will close it.
    Writing(PathBuf),
    /// A file was closed by its writer, was moved or is gone.
    Closed(PathBuf),
    /// Something else changed.
    Other,
}

/// Takes events in at any rate, in constant space, and wakes the one who waits.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    /// Files being written just now.
    writing: Mutex<BTreeSet<PathBuf>>,
    /// Files that changed since this was asked for last, as far as it is known.
    touched: Mutex<BTreeSet<PathBuf>>,
    wake: Notify,
}

impl Pulse {
    /// Takes an event in.
    pub(super) fn beat(&self, beat: Beat) {
        if let Beat::Writing(path) | Beat::Closed(path) = &beat {
            let mut touched = lock(&self.touched);
            if touched.len() < TOUCHED {
                touched.insert(path.clone());
            }
        }
        match beat {
            Beat::Writing(path) => drop(self.writing().insert(path)),
            Beat::Closed(path) => drop(self.writing().remove(&path)),
            Beat::Other => {}
        }
        self.wake.notify_one();
    }

    /// Waits for an event.
    pub(super) async fn changed(&self) {
        self.wake.notified().await;
    }

    /// Waits until no event has come for `settle` and no file is being written; for steady events no longer than `max_wait`, for a
    /// writer that does not close no longer than a second.
    pub(super) async fn quiet(&self, settle: Duration, max_wait: Duration) {
        let begun = Instant::now();
        loop {
            let still = timeout(settle, self.changed()).await.is_err();
            let writing = !self.writing().is_empty();
            let patience = match (still, writing) {
                (true, false) => Duration::ZERO,
                (false, false) => max_wait,
                (_, true) => max_wait.max(OPEN),
            };
            if begun.elapsed() >= patience {
                break;
            }
        }
        self.writing().clear();
    }

    /// Files that have changed since this was asked for last: some of them, for there may be too many to remember.
    pub(super) fn touched(&self) -> BTreeSet<PathBuf> {
        std::mem::take(&mut lock(&self.touched))
    }

    fn writing(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        lock(&self.writing)
    }
}

fn lock(paths: &Mutex<BTreeSet<PathBuf>>) -> MutexGuard<'_, BTreeSet<PathBuf>> {
    paths.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const SETTLE: Duration = Duration::from_millis(20);
    const MAX_WAIT: Duration = Duration::from_millis(200);

    #[tokio::test(start_paused = true)]
    async fn quiet_comes_after_the_last_event() {
        let (pulse, begun) = (Pulse::default(), Instant::now());
        pulse.beat(Beat::Other);
        pulse.changed().await;
        // One more, before anybody waits for quiet.
        pulse.beat(Beat::Other);
        pulse.quiet(SETTLE, MAX_WAIT).await;
        assert_eq!(begun.elapsed(), SETTLE);
    }

    #[tokio::test(start_paused = true)]
    async fn steady_events_are_waited_for_only_so_long() {
        let (pulse, begun) = (Arc::new(Pulse::default()), Instant::now());
        let beating = tokio::spawn({
            let pulse = Arc::clone(&pulse);
            async move {
                loop {
                    pulse.beat(Beat::Other);
                    tokio::time::sleep(SETTLE / 2).await;
                }
            }
        });
        pulse.quiet(SETTLE, MAX_WAIT).await;
        beating.abort();
        assert!(begun.elapsed() >= MAX_WAIT && begun.elapsed() <= MAX_WAIT + SETTLE, "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn an_open_file_is_waited_for_and_not_for_ever() {
        let (pulse, begun) = (Arc::new(Pulse::default()), Instant::now());
        pulse.beat(Beat::Writing("a".into()));
        let closing = Arc::clone(&pulse);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(500)).await;
            closing.beat(Beat::Closed("a".into()));
        });
        pulse.quiet(SETTLE, MAX_WAIT).await;
        assert!(begun.elapsed() >= Duration::from_millis(500) && begun.elapsed() < OPEN, "{:?}", begun.elapsed());
        let begun = Instant::now();
        pulse.beat(Beat::Writing("a".into()));
        pulse.quiet(SETTLE, MAX_WAIT).await;
        assert!(begun.elapsed() >= OPEN && begun.elapsed() < OPEN + 2 * SETTLE, "{:?}", begun.elapsed());
    }
}
