//! The newest report of every client, and what all of them add up to. Pure: told of reports and of the time.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::endpoints::Endpoints;
use super::rows::{Clusters, Reading, Row};
use super::sample::Sample;
use super::{ClusterLoad, InProgress, Rates};

/// All clients that report.
#[derive(Debug, Default)]
pub struct Table {
    streams: HashMap<u64, Reporter>,
    clusters: Clusters,
    reports: u64,
    /// Clusters of which single endpoints matter.
    wanted: Arc<BTreeSet<String>>,
}

/// One stream, and what its newest report said. A node may have several: an Envoy that restarts without losing connections is two
/// processes for a while, and both have requests in progress.
#[derive(Debug)]
struct Reporter {
    node: Arc<str>,
    at: Option<Instant>,
    /// By cluster name.
    rows: Vec<Row>,
    endpoints: Endpoints,
}

impl Reporter {
    fn row(&self, cluster: &str) -> Option<&Row> {
        self.rows.binary_search_by(|row| (*row.cluster).cmp(cluster)).ok().map(|at| &self.rows[at])
    }
}

impl Table {
    /// A stream of a node was opened.
    pub fn open(&mut self, stream: u64, node: &str) {
        let reporter = Reporter { node: node.into(), at: None, rows: Vec::new(), endpoints: Endpoints::default() };
        self.streams.insert(stream, reporter);
    }

    /// A report came on a stream: `samples` are in the order of their names, each name once.
    pub fn report(&mut self, stream: u64, samples: &[Sample], reading: Reading, now: Instant) {
        let Some(reporter) = self.streams.get_mut(&stream) else { return };
        reporter.at = Some(now);
        self.reports += 1;
        let before = std::mem::take(&mut reporter.rows);
        reporter.rows = self.clusters.next(before, samples, reading);
        reporter.endpoints.report(&self.wanted, samples, &reporter.rows, reading);
    }

    /// A stream ended: nothing is left of it but the counts of clusters that others report on.
    pub fn close(&mut self, stream: u64) {
        let rows = self.streams.remove(&stream).map(|reporter| reporter.rows);
        rows.iter().flatten().for_each(|row| self.clusters.leave(row));
    }

    /// Requests in progress to a cluster; `None` if no newest report has it, which is not the same as none.
    pub fn in_progress(&self, cluster: &str) -> Option<InProgress> {
        let load = self.clusters.get(cluster)?;
        let found = || self.streams.values().filter_map(|reporter| Some((reporter, reporter.row(cluster)?)));
        let nodes: HashSet<&str> = found().map(|(reporter, _)| &*reporter.node).collect();
        let times = || found().filter_map(|(reporter, _)| reporter.at);
        let unsure = found().filter(|(_, row)| row.unsure).map(|(_, row)| u64::from(row.in_progress)).sum();
        let (oldest, newest) = (times().min()?, times().max()?);
        Some(InProgress { requests: load.in_progress, unsure, nodes: nodes.len(), oldest, newest })
    }

    /// Of which clusters single endpoints matter from now on.
    pub fn want_endpoints(&mut self, clusters: Arc<BTreeSet<String>>) {
        self.wanted = clusters;
        self.streams.values_mut().for_each(|reporter| reporter.endpoints.retain(&self.wanted));
    }

    /// Requests in progress to an endpoint of a cluster; `None` if no newest report tells of the endpoints of that.
    pub fn in_progress_at(&self, cluster: &str, endpoint: SocketAddr) -> Option<InProgress> {
        let told = |reporter: &Reporter| reporter.endpoints.in_progress(cluster, endpoint);
        let found = || self.streams.values().filter_map(|reporter| Some((&*reporter.node, reporter.at?, told(reporter)?)));
        let (oldest, newest) = (found().map(|(_, at, _)| at).min()?, found().map(|(_, at, _)| at).max()?);
        let (requests, unsure) = found().fold((0, 0), |sum, (_, _, (more, unsure))| (sum.0 + more, sum.1 + unsure));
        let nodes = found().map(|(node, ..)| node).collect::<HashSet<_>>().len();
        Some(InProgress { requests, unsure, nodes, oldest, newest })
    }

    /// Requests a second to a cluster; `None` if no newest report has it.
    pub fn rates(&self, cluster: &str) -> Option<Rates> {
        self.clusters.get(cluster)?;
        let rows = self.streams.values().filter_map(|reporter| reporter.row(cluster));
        Some(rows.fold(Rates::default(), |sum, row| Rates {
            finished: sum.finished + f64::from(row.finished_per_second),
            failed: sum.failed + f64::from(row.failed_per_second),
        }))
    }

    /// What the clients say of a cluster together; `None` if no newest report has it.
    pub fn cluster(&self, cluster: &str) -> Option<&ClusterLoad> {
        self.clusters.get(cluster)
    }

    /// Nodes with a stream, whether or not it has reported yet.
    pub fn nodes(&self) -> usize {
        self.streams.values().map(|reporter| &*reporter.node).collect::<HashSet<_>>().len()
    }

    /// Reports taken since the start.
    pub fn reports(&self) -> u64 {
        self.reports
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Totals;
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const GRPC: Reading = Reading { idle_if_absent: true, unsure_if_empty: false, no_endpoints: true };
    const OLD_ENVOY: Reading = Reading { idle_if_absent: false, unsure_if_empty: true, no_endpoints: false };

    fn sample(cluster: &str, in_progress: u32) -> Sample {
        let interval = 2 * SECOND;
        Sample {
            cluster: cluster.into(),
            in_progress: Some(in_progress),
            issued: 12,
            succeeded: 9,
            failed: 1,
            dropped: 2,
            interval,
            ..Sample::default()
        }
    }

    fn table(streams: &[(u64, &str)]) -> (Table, Instant) {
        let mut table = Table::default();
        streams.iter().for_each(|(stream, node)| table.open(*stream, node));
        (table, Instant::now())
    }

    fn requests(table: &Table, cluster: &str) -> Option<(u64, usize)> {
        table.in_progress(cluster).map(|found| (found.requests, found.nodes))
    }

    #[test]
    fn k3_what_is_in_progress_is_summed_over_nodes_and_only_the_newest_counts() {
        let (mut table, now) = table(&[(1, "a"), (2, "b"), (3, "b")]);
        assert_eq!(requests(&table, "shop/v1"), None, "nobody has said anything");
        table.report(1, &[sample("shop/v1", 5)], Reading::default(), now);
        table.report(2, &[sample("shop/v1", 7)], Reading::default(), now + SECOND);
        table.report(3, &[sample("shop/v1", 1)], Reading::default(), now + SECOND);
        assert_eq!(requests(&table, "shop/v1"), Some((13, 2)), "two streams are of one node");
        table.report(1, &[sample("shop/v1", 0)], Reading::default(), now + 2 * SECOND);
        let found = table.in_progress("shop/v1").unwrap();
        assert_eq!((found.requests, found.oldest, found.newest), (8, now + SECOND, now + 2 * SECOND));
    }

    #[test]
    fn k3_counts_add_up_and_rates_are_of_the_reports_own_interval() {
        let (mut table, now) = table(&[(1, "a"), (2, "b")]);
        table.report(1, &[sample("shop/v1", 0)], Reading::default(), now);
        table.report(1, &[sample("shop/v1", 0)], Reading::default(), now);
        table.report(2, &[Sample { interval: SECOND / 2, ..sample("shop/v1", 0) }], Reading::default(), now);
        let totals = table.cluster("shop/v1").unwrap().totals;
        assert_eq!(totals, Totals { issued: 36, succeeded: 27, failed: 3, dropped: 6 });
        assert_eq!(table.rates("shop/v1"), Some(Rates { finished: 5.0 + 20.0, failed: 0.5 + 2.0 }));
        table.report(2, &[Sample { interval: Duration::ZERO, ..sample("shop/v1", 0) }], Reading::default(), now);
        assert_eq!(table.rates("shop/v1"), Some(Rates { finished: 5.0, failed: 0.5 }), "a rate over no time is none");
    }

    #[test]
    fn k3_what_is_not_said_means_what_the_client_means_by_it() {
        let (mut table, now) = table(&[(1, "envoy"), (2, "grpc")]);
        table.report(1, &[sample("shop/v1", 5)], Reading::default(), now);
        table.report(2, &[sample("shop/v2", 3)], GRPC, now);
        table.report(1, &[], Reading::default(), now);
        table.report(2, &[sample("shop/v1", 1)], GRPC, now);
        assert_eq!(requests(&table, "shop/v1"), Some((1, 1)));
        assert_eq!(requests(&table, "shop/v2"), Some((0, 1)), "known to have none");
    }

    #[test]
    fn k3_an_old_envoy_that_says_nothing_of_a_cluster_may_still_have_requests_there() {
        let (mut table, now) = table(&[(1, "old"), (2, "new")]);
        let empty = Sample { in_progress: None, ..sample("shop/v1", 0) };
        let told = |table: &Table| table.in_progress("shop/v1").map(|found| (found.requests, found.unsure));
        table.report(1, &[sample("shop/v1", 5)], OLD_ENVOY, now);
        table.report(2, &[sample("shop/v1", 7)], Reading::default(), now);
        assert_eq!(told(&table), Some((12, 0)));
        table.report(1, std::slice::from_ref(&empty), OLD_ENVOY, now);
        table.report(2, std::slice::from_ref(&empty), Reading::default(), now);
        assert_eq!(told(&table), Some((5, 5)), "the new one has none");
        table.report(1, &[empty], OLD_ENVOY, now);
        assert_eq!(told(&table), Some((5, 5)), "as long as it says nothing");
        table.report(1, &[sample("shop/v1", 0)], OLD_ENVOY, now);
        assert_eq!(told(&table), Some((0, 0)));
    }

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn endpoints(cluster: &str, endpoints: &[(u16, u32)]) -> Sample {
        let sum = endpoints.iter().map(|(_, requests)| *requests).sum();
        Sample { endpoints: endpoints.iter().map(|(port, requests)| (at(*port), *requests)).collect(), ..sample(cluster, sum) }
    }

    fn told(table: &Table, port: u16) -> Option<(u64, u64, usize)> {
        table.in_progress_at("shop/v1", at(port)).map(|found| (found.requests, found.unsure, found.nodes))
    }

    fn want(table: &mut Table, clusters: &[&str]) {
        table.want_endpoints(Arc::new(clusters.iter().map(|cluster| cluster.to_string()).collect()));
    }

    #[test]
    fn k5_what_is_in_progress_at_an_endpoint_is_summed_over_nodes() {
        let (mut table, now) = table(&[(1, "a"), (2, "b"), (3, "b"), (4, "grpc")]);
        want(&mut table, &["shop/v1"]);
        assert_eq!(told(&table, 1), None, "nobody has said anything");
        table.report(1, &[endpoints("shop/v1", &[(1, 5), (2, 1)])], Reading::default(), now);
        table.report(2, &[endpoints("shop/v1", &[(1, 7)])], Reading::default(), now + SECOND);
        table.report(3, &[endpoints("shop/v1", &[(2, 1)])], Reading::default(), now + SECOND);
        table.report(4, &[endpoints("shop/v1", &[(1, 9)])], GRPC, now + SECOND);
        assert_eq!((told(&table, 1), told(&table, 2)), (Some((12, 0, 2)), Some((2, 0, 2))), "gRPC is not counted");
        table.report(1, &[endpoints("shop/v1", &[(2, 1)])], Reading::default(), now + 2 * SECOND);
        let found = table.in_progress_at("shop/v1", at(1)).unwrap();
        assert_eq!((found.requests, found.oldest, found.newest), (7, now + SECOND, now + 2 * SECOND), "a row that is gone is 0");
        table.report(1, &[], Reading::default(), now + 2 * SECOND);
        table.close(2);
        assert_eq!(told(&table, 1), Some((0, 0, 1)), "one has not the cluster any more, one has gone");
    }

    #[test]
    fn k5_who_has_not_heard_that_it_should_does_not_tell_that_there_are_none() {
        let (mut table, now) = table(&[(1, "a")]);
        want(&mut table, &["shop/v1"]);
        table.report(1, &[sample("shop/v1", 5)], Reading::default(), now);
        assert_eq!(told(&table, 1), None, "somewhere there are five");
        table.report(1, &[endpoints("shop/v1", &[(1, 4), (2, 0)])], Reading::default(), now);
        assert_eq!((told(&table, 1), told(&table, 2)), (Some((4, 0, 1)), Some((0, 0, 1))));
        table.report(1, &[sample("shop/v1", 5)], Reading::default(), now);
        assert_eq!(told(&table, 1), None, "it was asked to tell no more");
        table.report(1, &[sample("shop/v1", 0)], Reading::default(), now);
        assert_eq!(told(&table, 1), Some((0, 0, 1)), "nothing anywhere is nothing there");
    }

    #[test]
    fn k5_an_old_envoy_that_says_nothing_may_still_have_requests_at_an_endpoint() {
        let (mut table, now) = table(&[(1, "old"), (2, "new")]);
        want(&mut table, &["shop/v1"]);
        let empty = Sample { in_progress: None, ..sample("shop/v1", 0) };
        table.report(1, &[endpoints("shop/v1", &[(1, 5)])], OLD_ENVOY, now);
        table.report(2, &[endpoints("shop/v1", &[(1, 7)])], Reading::default(), now);
        table.report(1, std::slice::from_ref(&empty), OLD_ENVOY, now);
        assert_eq!(told(&table, 1), Some((12, 5, 2)));
        table.report(2, std::slice::from_ref(&empty), Reading::default(), now);
        assert_eq!(told(&table, 1), Some((5, 5, 2)));
        table.report(1, &[endpoints("shop/v1", &[(2, 1)])], OLD_ENVOY, now);
        assert_eq!(told(&table, 1), Some((0, 0, 2)));
    }

    #[test]
    fn k5_endpoints_are_kept_of_the_clusters_that_they_are_wanted_of() {
        let (mut table, now) = table(&[(1, "a")]);
        table.report(1, &[endpoints("shop/v1", &[(1, 5)])], Reading::default(), now);
        assert_eq!(told(&table, 1), None);
        want(&mut table, &["shop/v1"]);
        assert_eq!(told(&table, 1), None, "the next report tells");
        table.report(1, &[endpoints("shop/v1", &[(1, 5)])], Reading::default(), now);
        want(&mut table, &["shop/v0", "shop/v1"]);
        assert_eq!(told(&table, 1), Some((5, 0, 1)));
        want(&mut table, &["shop/v0"]);
        want(&mut table, &["shop/v1"]);
        assert_eq!(told(&table, 1), None, "nothing is kept that was not wanted");
    }

    #[test]
    fn nothing_is_left_of_who_has_gone() {
        let (mut table, now) = table(&[(1, "a"), (2, "b")]);
        table.report(1, &[sample("shop/v1", 5), sample("shop/v2", 1)], GRPC, now);
        table.report(1, &[sample("shop/v2", 1)], GRPC, now);
        table.report(2, &[sample("shop/v1", 7)], Reading::default(), now);
        table.close(1);
        assert_eq!((requests(&table, "shop/v1"), requests(&table, "shop/v2")), (Some((7, 1)), None));
        table.close(2);
        table.close(2);
        assert_eq!((table.nodes(), table.streams.len(), table.clusters.len()), (0, 0, 0));
        table.report(2, &[sample("shop/v1", 7)], Reading::default(), now);
        assert_eq!(table.clusters.len(), 0, "a report of a stream that has ended");
    }

    proptest::proptest! {
        /// Whatever comes in whatever order, the sums are those of the newest reports, and nothing is left at the end.
        #[test]
        fn sums_are_those_of_the_newest_reports(steps in proptest::collection::vec((0u64..4, 0u8..6, 0u8..64, 0u32..9), 0..60)) {
            let names = ["a", "b", "c", "d", "e", "f"];
            let (mut table, now) = table(&[]);
            for (stream, what, which, requests) in steps {
                let told = || names.iter().enumerate().filter(|(i, _)| which >> i & 1 == 1).map(|(_, name)| *name);
                let samples: Vec<Sample> = told().map(|name| sample(name, requests)).collect();
                let empty: Vec<Sample> = told().map(|name| Sample { in_progress: None, ..sample(name, 0) }).collect();
                match what {
                    0 => table.close(stream),
                    1 if !table.streams.contains_key(&stream) => table.open(stream, "n"),
                    2 => table.report(stream, &samples, GRPC, now),
                    3 => table.report(stream, &empty, OLD_ENVOY, now),
                    _ => table.report(stream, &samples, Reading::default(), now),
                }
                for name in names {
                    let rows: Vec<&Row> = table.streams.values().filter_map(|reporter| reporter.row(name)).collect();
                    let sum = (rows.len() as u32, rows.iter().map(|row| u64::from(row.in_progress)).sum::<u64>());
                    let load = table.cluster(name).map(|load| (load.streams, load.in_progress));
                    proptest::prop_assert_eq!(load, Some(sum).filter(|(streams, _)| *streams > 0));
                }
            }
            (0..4).for_each(|stream| table.close(stream));
            proptest::prop_assert_eq!(table.clusters.len(), 0);
        }
    }
}
