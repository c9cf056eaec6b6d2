//! The clock of the edges: streams, admission and the watchdog.

use std::time::Instant;

/// The time as the runtime has it, which is the system's unless a test simulates it.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
