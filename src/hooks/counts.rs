//! How many notifications went where.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counted since the start, for every target by itself: a notice that two targets are told counts twice.
#[derive(Debug, Default)]
pub struct Counts {
    sent: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

impl Counts {
    /// Told, and taken with 2xx.
    pub fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    /// Given up: refused with 4xx, or not taken in all tries.
    pub fn failed(&self) -> u64 {
        self.failed.load(Relaxed)
    }

    /// Not tried, because more came than the target took.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    pub(super) fn count_sent(&self) {
        self.sent.fetch_add(1, Relaxed);
    }

    pub(super) fn count_failed(&self) {
        self.failed.fetch_add(1, Relaxed);
    }

    pub(super) fn count_dropped(&self) {
        self.dropped.fetch_add(1, Relaxed);
    }
}
