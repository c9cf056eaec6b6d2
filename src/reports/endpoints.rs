//! What one client says of single endpoints.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::rows::{Reading, Row};
use super::sample::Sample;

/// What a client's newest report says of single endpoints, of the clusters that somebody wants to know it of.
#[derive(Debug, Default)]
pub(super) struct Endpoints(BTreeMap<String, Told>);

/// What is said of the endpoints of a cluster.
#[derive(Debug, Default)]
struct Told {
    /// Requests in progress, where there are any.
    in_progress: BTreeMap<SocketAddr, u32>,
    /// Some of them may have ended meanwhile.
    unsure: bool,
}

impl Endpoints {
    /// Requests in progress to an endpoint, and how many of them may have ended; `None` if the client does not say.
    pub fn in_progress(&self, cluster: &str, endpoint: SocketAddr) -> Option<(u64, u64)> {
        let told = self.0.get(cluster)?;
        let requests = told.in_progress.get(&endpoint).copied().unwrap_or_default().into();
        Some((requests, if told.unsure { requests } else { 0 }))
    }

    /// Nothing else is wanted any more.
    pub fn retain(&mut self, wanted: &BTreeSet<String>) {
        self.0.retain(|cluster, _| wanted.contains(cluster));
    }

    /// The client reports anew: these samples, which are in the order of their names, and made these rows.
    pub fn report(&mut self, wanted: &BTreeSet<String>, samples: &[Sample], rows: &[Row], reading: Reading) {
        for cluster in wanted {
            let sample = samples.binary_search_by(|sample| sample.cluster.cmp(cluster)).ok().and_then(|at| samples.get(at));
            let row = rows.binary_search_by(|row| (*row.cluster).cmp(cluster)).ok().and_then(|at| rows.get(at));
            let before = self.0.remove(cluster);
            if let Some((sample, row)) = sample.zip(row).filter(|_| !reading.no_endpoints)
                && let Some(told) = Told::of(sample, row, before)
            {
                self.0.insert(cluster.clone(), told);
            }
        }
    }
}

impl Told {
    /// What a sample tells. Where nothing is in progress, nothing is at any endpoint. Where something is and no endpoint is told of,
    /// the client has not heard yet that it should; or it says nothing at all, and what it said before may still be.
    fn of(sample: &Sample, row: &Row, before: Option<Told>) -> Option<Told> {
        if row.in_progress == 0 {
            return Some(Told::default());
        }
        if sample.in_progress.is_none() {
            return before.map(|before| Told { unsure: row.unsure, ..before });
        }
        let in_progress = sample.endpoints.iter().filter(|(_, requests)| **requests > 0);
        let in_progress = in_progress.map(|(endpoint, requests)| (*endpoint, *requests)).collect();
        (!sample.endpoints.is_empty()).then_some(Told { in_progress, unsure: false })
    }
}
