//! Logs and metrics: how the server is seen by the machines that watch it.
//!
//! Owns: the set-up of `tracing` ([`log`]) and the metrics registry ([`Metrics`]). Called by: `cli` (logs), `serve` (metrics), `web`
//! (the text of `/metrics`). Counts nothing itself: streams count in `xds`, and the rest is read at the moment of the scrape.

mod load;
pub mod log;
mod metrics;
mod now;
mod rollouts;

pub use metrics::{Metrics, Seen};
