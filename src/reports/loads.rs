//! The table, shared: streams write, everybody reads.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use tokio::sync::watch;

use super::load::{ClusterLoad, InProgress, Rates};
use super::rows::Reading;
use super::sample::Sample;
use super::table::Table;

/// What the fleet says of its load, as it stands now.
#[derive(Debug)]
pub struct Loads {
    table: Mutex<Table>,
    changes: watch::Sender<u64>,
    /// Clusters of which single endpoints matter.
    wanted: watch::Sender<Arc<BTreeSet<String>>>,
}

impl Default for Loads {
    fn default() -> Self {
        Loads { table: Mutex::default(), changes: watch::Sender::new(0), wanted: watch::Sender::new(Arc::default()) }
    }
}

impl Loads {
    /// Requests in progress to a cluster, over all nodes; `None` if no node reports on it, which is not the same as none.
    pub fn in_progress(&self, cluster: &str) -> Option<InProgress> {
        self.table().in_progress(cluster)
    }

    /// Of which clusters [`Loads::in_progress_at`] is to be known from now on; of none, if there are none. Clients are asked anew when
    /// the first is wanted and when the last is not any more, which takes them an interval or two.
    pub fn want_endpoints(&self, clusters: BTreeSet<String>) {
        let clusters = Arc::new(clusters);
        let changed = self.wanted.send_if_modified(|wanted| {
            let changed = *wanted != clusters;
            *wanted = clusters.clone();
            changed
        });
        if changed {
            self.change(|table| table.want_endpoints(clusters));
        }
    }

    /// Requests in progress to an endpoint of a cluster, over all nodes that tell of single endpoints; `None` if none of them does, or
    /// if nobody wants that cluster's. Known of endpoints that their clusters have, also if they are draining: what is in progress to
    /// one that was taken out of its cluster nobody tells.
    pub fn in_progress_at(&self, cluster: &str, endpoint: SocketAddr) -> Option<InProgress> {
        self.table().in_progress_at(cluster, endpoint)
    }

    /// The clusters of which single endpoints matter, as that changes.
    pub(super) fn wanted(&self) -> watch::Receiver<Arc<BTreeSet<String>>> {
        self.wanted.subscribe()
    }

    /// Requests a second to a cluster, over all nodes; `None` if no node reports on it.
    pub fn rates(&self, cluster: &str) -> Option<Rates> {
        self.table().rates(cluster)
    }

    /// What all nodes together say of these clusters, in the same order; `None` where no node reports on one.
    pub fn clusters<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Vec<Option<ClusterLoad>> {
        let table = self.table();
        names.into_iter().map(|name| table.cluster(name).cloned()).collect()
    }

    /// Nodes that have a stream for reports.
    pub fn nodes(&self) -> usize {
        self.table().nodes()
    }

    /// Reports taken since the start.
    pub fn reports(&self) -> u64 {
        self.table().reports()
    }

    /// Changes whenever a report comes, and when a stream is opened or ends.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// A stream of a node was opened.
    pub fn open(&self, stream: u64, node: &str) {
        self.change(|table| table.open(stream, node));
    }

    /// A report came on a stream; see [`Table::report`].
    pub fn report(&self, stream: u64, samples: &[Sample], reading: Reading, now: Instant) {
        self.change(|table| table.report(stream, samples, reading, now));
    }

    /// A stream ended.
    pub fn close(&self, stream: u64) {
        self.change(|table| table.close(stream));
    }

    fn change(&self, change: impl FnOnce(&mut Table)) {
        change(&mut self.table());
        self.changes.send_modify(|count| *count += 1);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
