//! What can be known of one cluster's load.

use std::time::Instant;

use super::sample::Sample;

/// What the clients say of one cluster together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterLoad {
    /// Streams whose newest report has the cluster.
    pub streams: u32,
    /// Requests in progress.
    pub in_progress: u64,
    /// Counts since the first report on it.
    pub totals: Totals,
}

/// Counts of requests, each attempt one, since the first report on a cluster. They begin anew when no client has it any more, and lack
/// what Envoys before 1.37 keep to themselves: how requests ended in an interval in which none began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Began.
    pub issued: u64,
    /// Ended well.
    pub succeeded: u64,
    /// Ended badly. The share of errors is of what ended: `failed / (succeeded + failed)`.
    pub failed: u64,
    /// Were turned away before they began.
    pub dropped: u64,
}

/// Requests in progress to one cluster, or to one endpoint of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InProgress {
    /// How many at most, summed over the nodes.
    pub requests: u64,
    /// So many of these may have ended: an Envoy before 1.37 does not say so before it has new requests for the cluster. Whoever waits
    /// for the rest can only wait for some time.
    pub unsure: u64,
    /// Nodes whose newest report has the cluster, and its endpoints if it is of one. Nodes that use it and do not report at all are not among them.
    pub nodes: usize,
    /// When the oldest of these reports came. A report that came right after something else happened may have been made before it;
    /// the next one was not.
    pub oldest: Instant,
    /// When the newest of them came.
    pub newest: Instant,
}

/// Requests a second to one cluster, each client's over the time that its own newest report is of.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rates {
    /// Ended, well or badly.
    pub finished: f64,
    /// Ended badly.
    pub failed: f64,
}

impl Totals {
    pub(super) fn add(&mut self, sample: &Sample) {
        self.issued += u64::from(sample.issued);
        self.succeeded += u64::from(sample.succeeded);
        self.failed += u64::from(sample.failed);
        self.dropped += u64::from(sample.dropped);
    }
}
