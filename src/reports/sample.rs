//! One report, read: what it says of each cluster, localities and priorities added up.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::{Address, address, socket_address};
use envoy_types::pb::envoy::config::endpoint::v3::{ClusterStats, UpstreamLocalityStats};
use envoy_types::pb::google::protobuf;

/// Clusters that one client may report on. An Envoy with ten thousand takes 500 MB for them; nobody has more.
pub(super) const MAX_CLUSTERS: usize = 50_000;
/// Longest name of a cluster, in bytes.
const MAX_NAME: usize = 1024;

/// What one report says of one cluster. Requests are attempts: a request that was tried three times is three.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sample {
    /// Name of the cluster.
    pub cluster: String,
    /// Requests that are not finished; `None` if the report says nothing of any locality.
    pub in_progress: Option<u32>,
    /// Requests that began in the interval. A connection that was refused is none.
    pub issued: u32,
    /// Requests that ended well: below 500, and in gRPC a status that is not the server's fault.
    pub succeeded: u32,
    /// Requests that ended badly.
    pub failed: u32,
    /// Requests that a circuit breaker or an overload policy turned away.
    pub dropped: u32,
    /// The time that the counts are of, as the client measured it; it may be longer than it was asked for.
    pub interval: Duration,
    /// Requests that are not finished, by endpoint; empty if the report says nothing of endpoints, or if nobody wants this cluster's.
    pub endpoints: BTreeMap<SocketAddr, u32>,
}

/// A report that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadReport {
    /// More clusters than anybody has.
    #[error("a report on {0} clusters: at most {MAX_CLUSTERS} are taken")]
    TooMany(usize),
    /// A name that is none.
    #[error("a report on a cluster whose name has {0} bytes: 1 to {MAX_NAME} are taken")]
    Name(usize),
}

/// What a report says, in the order of the clusters' names. Clusters of one name (gRPC tells them apart by their endpoints) are added up.
/// Endpoints are taken of the clusters that they are `wanted` of.
///
/// # Errors
/// The report is larger than any client's can be.
pub fn samples(report: Vec<ClusterStats>, wanted: &BTreeSet<String>) -> Result<Vec<Sample>, BadReport> {
    if report.len() > MAX_CLUSTERS {
        return Err(BadReport::TooMany(report.len()));
    }
    let mut samples: Vec<Sample> = report.into_iter().map(|stats| Sample::of(stats, wanted)).collect::<Result<_, _>>()?;
    samples.sort_by(|a, b| a.cluster.cmp(&b.cluster));
    samples.dedup_by(|next, kept| {
        let same = next.cluster == kept.cluster;
        if same {
            kept.add(next);
        }
        same
    });
    Ok(samples)
}

impl Sample {
    /// Whether anything happened in the interval.
    pub(super) fn has_counts(&self) -> bool {
        self.issued > 0 || self.succeeded > 0 || self.failed > 0 || self.dropped > 0
    }

    fn of(stats: ClusterStats, wanted: &BTreeSet<String>) -> Result<Sample, BadReport> {
        let cluster = stats.cluster_name;
        if cluster.is_empty() || cluster.len() > MAX_NAME {
            return Err(BadReport::Name(cluster.len()));
        }
        let localities = stats.upstream_locality_stats;
        let sum = |of: fn(&UpstreamLocalityStats) -> u64| count(localities.iter().map(of).fold(0, u64::saturating_add));
        let endpoints = if wanted.contains(&cluster) { endpoints(&localities) } else { BTreeMap::new() };
        Ok(Sample {
            cluster,
            in_progress: (!localities.is_empty()).then(|| sum(|locality| locality.total_requests_in_progress)),
            issued: sum(|locality| locality.total_issued_requests),
            succeeded: sum(|locality| locality.total_successful_requests),
            failed: sum(|locality| locality.total_error_requests),
            dropped: count(stats.total_dropped_requests),
            interval: stats.load_report_interval.as_ref().map(duration).unwrap_or_default(),
            endpoints,
        })
    }

    fn add(&mut self, other: &Sample) {
        if let Some(more) = other.in_progress {
            self.in_progress = Some(self.in_progress.unwrap_or_default().saturating_add(more));
        }
        self.issued = self.issued.saturating_add(other.issued);
        self.succeeded = self.succeeded.saturating_add(other.succeeded);
        self.failed = self.failed.saturating_add(other.failed);
        self.dropped = self.dropped.saturating_add(other.dropped);
        self.interval = self.interval.max(other.interval);
        other.endpoints.iter().for_each(|(endpoint, more)| add(&mut self.endpoints, *endpoint, *more));
    }
}

/// Requests in progress by endpoint, over all localities. An endpoint without an IP address is none that anybody asks of.
fn endpoints(localities: &[UpstreamLocalityStats]) -> BTreeMap<SocketAddr, u32> {
    let mut endpoints = BTreeMap::new();
    for told in localities.iter().flat_map(|locality| &locality.upstream_endpoint_stats) {
        if let Some(endpoint) = told.address.as_ref().and_then(socket) {
            add(&mut endpoints, endpoint, count(told.total_requests_in_progress));
        }
    }
    endpoints
}

fn add(endpoints: &mut BTreeMap<SocketAddr, u32>, endpoint: SocketAddr, more: u32) {
    let requests = endpoints.entry(endpoint).or_default();
    *requests = requests.saturating_add(more);
}

fn socket(told: &Address) -> Option<SocketAddr> {
    let Some(address::Address::SocketAddress(told)) = &told.address else { return None };
    let Some(socket_address::PortSpecifier::PortValue(port)) = told.port_specifier else { return None };
    Some(SocketAddr::new(told.address.parse().ok()?, u16::try_from(port).ok()?))
}

/// Four thousand million requests are more than any client has; a client that says otherwise cannot make sums overflow.
fn count(told: u64) -> u32 {
    u32::try_from(told).unwrap_or(u32::MAX)
}

/// A negative duration is none.
fn duration(told: &protobuf::Duration) -> Duration {
    let (seconds, nanos) = (u64::try_from(told.seconds), u32::try_from(told.nanos));
    seconds
        .ok()
        .zip(nanos.ok())
        .map_or(Duration::ZERO, |(seconds, nanos)| Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanos.into())))
}

#[cfg(test)]
mod tests {
    use envoy_types::pb::envoy::config::core::v3::SocketAddress;
    use envoy_types::pb::envoy::config::endpoint::v3::UpstreamEndpointStats;

    use super::*;

    fn locality(priority: u32, in_progress: u64, failed: u64) -> UpstreamLocalityStats {
        UpstreamLocalityStats {
            priority,
            total_requests_in_progress: in_progress,
            total_successful_requests: 10,
            total_error_requests: failed,
            total_issued_requests: 12,
            ..UpstreamLocalityStats::default()
        }
    }

    fn cluster(name: &str, localities: Vec<UpstreamLocalityStats>) -> ClusterStats {
        ClusterStats {
            cluster_name: name.into(),
            upstream_locality_stats: localities,
            total_dropped_requests: 1,
            load_report_interval: Some(protobuf::Duration { seconds: 2, nanos: 500_000_000 }),
            ..ClusterStats::default()
        }
    }

    #[test]
    fn k3_localities_priorities_and_namesakes_are_added_up() {
        let report = vec![
            cluster("shop/v1", vec![locality(0, 3, 1), locality(1, 4, 2)]),
            cluster("shop/v0", vec![]),
            cluster("shop/v1", vec![locality(0, 1, 0)]),
        ];
        let samples = samples(report, &BTreeSet::new()).unwrap();
        let interval = Duration::from_millis(2500);
        let of = |cluster: &str| Sample { cluster: cluster.into(), dropped: 1, interval, ..Sample::default() };
        let busy = Sample { in_progress: Some(8), issued: 36, succeeded: 30, failed: 3, dropped: 2, ..of("shop/v1") };
        assert_eq!(samples, [of("shop/v0"), busy]);
    }

    fn endpoint(address: &str, port: u32, in_progress: u64) -> UpstreamEndpointStats {
        let port_specifier = Some(socket_address::PortSpecifier::PortValue(port));
        let socket = SocketAddress { address: address.into(), port_specifier, ..SocketAddress::default() };
        let address = Some(Address { address: Some(address::Address::SocketAddress(socket)) });
        UpstreamEndpointStats { address, total_requests_in_progress: in_progress, ..UpstreamEndpointStats::default() }
    }

    #[test]
    fn k5_endpoints_are_added_up_over_localities_where_they_are_wanted() {
        let of = |endpoints: Vec<UpstreamEndpointStats>| UpstreamLocalityStats {
            upstream_endpoint_stats: endpoints,
            ..locality(0, 3, 0)
        };
        let odd = vec![endpoint("shop.example", 80, 1), endpoint("10.0.0.1", 70_000, 1), UpstreamEndpointStats::default()];
        let localities = vec![
            of(vec![endpoint("10.0.0.1", 80, 1), endpoint("::1", 80, 2)]),
            of(vec![endpoint("10.0.0.1", 80, 4), endpoint("10.0.0.2", 80, 0)]),
            of(odd),
        ];
        let wanted = BTreeSet::from(["shop/v1".to_owned()]);
        let samples = samples(vec![cluster("shop/v1", localities.clone()), cluster("shop/v2", localities)], &wanted).unwrap();
        let told: Vec<(String, u32)> = samples[0].endpoints.iter().map(|(at, count)| (at.to_string(), *count)).collect();
        assert_eq!(told, [("10.0.0.1:80".into(), 5), ("10.0.0.2:80".into(), 0), ("[::1]:80".into(), 2)]);
        assert_eq!(samples[1].endpoints, BTreeMap::new());
    }

    #[test]
    fn numbers_beyond_all_reason_do_no_harm() {
        let interval = Some(protobuf::Duration { seconds: -1, nanos: i32::MIN });
        let mad = ClusterStats {
            load_report_interval: interval,
            ..cluster("a", vec![locality(0, u64::MAX, u64::MAX), locality(0, u64::MAX, 1)])
        };
        let samples = samples(vec![mad], &BTreeSet::new()).unwrap();
        assert_eq!((samples[0].in_progress, samples[0].failed, samples[0].interval), (Some(u32::MAX), u32::MAX, Duration::ZERO));
    }

    #[test]
    fn a_report_has_bounds() {
        let many = vec![cluster("a", vec![]); MAX_CLUSTERS + 1];
        let samples = |report| samples(report, &BTreeSet::new());
        assert_eq!(samples(many), Err(BadReport::TooMany(MAX_CLUSTERS + 1)));
        assert_eq!(samples(vec![cluster("", vec![])]), Err(BadReport::Name(0)));
        assert_eq!(samples(vec![cluster(&"x".repeat(MAX_NAME + 1), vec![])]), Err(BadReport::Name(MAX_NAME + 1)));
    }
}
