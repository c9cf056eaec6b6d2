//! Clusters: one for each version of a service.

use envoy_types::pb::envoy::config::cluster::v3::cluster::{
    ClusterDiscoveryType, CommonLbConfig, DiscoveryType, DnsLookupFamily, EdsClusterConfig, LbConfig, RoundRobinLbConfig,
    SlowStartConfig,
};
use envoy_types::pb::envoy::config::cluster::v3::{CircuitBreakers, Cluster, OutlierDetection, circuit_breakers::Thresholds};
use envoy_types::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use envoy_types::pb::envoy::r#type::v3::Percent;

use super::pb::{ads, duration, itself, uint32};
use super::{Kind, Object, endpoints, health, transport};
use crate::model::{Backends, Limits, Outlier, Placed, Release, Share, Strategy, Version};

/// Retries in flight, where the file does not say. Envoy's 3 made most retries of a killed endpoint's requests fail (860 of 7500),
/// while retries were wanted for exactly these.
const RETRIES_IN_FLIGHT: u32 = 1000;

/// The sweep that brings ejected endpoints back, unless the file's own time is shorter: Envoy's default.
const OUTLIER_SWEEP: std::time::Duration = std::time::Duration::from_secs(10);

/// How long an endpoint that was upgraded in place takes to get its full share: it comes back with cold caches.
const SLOW_START: std::time::Duration = std::time::Duration::from_secs(10);

/// The name of a version's cluster, and of its endpoints. Neither part may contain a slash, so no two pairs spell one name.
pub fn name(service: &str, version: &str) -> String {
    format!("{service}/{version}")
}

/// Whether clusters and endpoints of a version are the same in two releases if the version is: the releases are compared in all else
/// that these are made from.
pub(super) fn are_alike(one: &Release, other: &Release) -> bool {
    // Each field is named, so that a new one is thought of here.
    let Release { service, hosts, path: _, fleets: _, versions: _, stable: _, split: _, plan, rules: _, upstream } = one;
    let strategies = [plan, &other.plan].map(|plan| plan.as_ref().map(|plan| &plan.strategy));
    *service == other.service && *hosts == other.hosts && *upstream == other.upstream && strategies[0] == strategies[1]
}

/// The cluster of a version and, unless Envoy resolves a name by itself, its endpoints: those of `placed`, or else all of them.
pub(super) fn objects(release: &Release, version: &Version, placed: Option<&[Placed]>) -> Vec<Object> {
    let name = name(&release.service, &version.name);
    match &version.backends {
        Backends::Listed(listed) | Backends::File { endpoints: listed, .. } => {
            let cluster = with_eds(common(release, &name));
            let endpoints = placed.map_or_else(|| endpoints::assignment(&name, listed), |placed| endpoints::placed(&name, placed));
            vec![
                Object::new(Kind::Cluster, &name, &cluster, vec![name.clone()]),
                Object::new(Kind::Endpoints, &name, &endpoints, vec![]),
            ]
        }
        Backends::Dns { host, port } => {
            let cluster = with_dns(common(release, &name), endpoints::of_names(&name, [(host.as_str(), *port)].into_iter()));
            vec![Object::new(Kind::Cluster, &name, &cluster, vec![])]
        }
    }
}

/// What clusters of both kinds have. Where Envoy's defaults lose requests to a release, others are set:
/// - panic threshold 0: with Envoy's 50 % a version whose endpoints drain or fail is sent requests all the same;
/// - health ignored on removal: else an endpoint that was taken out keeps its traffic until its health check fails;
/// - no window in which updates are merged: with Envoy's second, an endpoint that drains is acknowledged as such and may be sent requests
///   for as long as that all the same.
///
/// Where to report load to is for gRPC clients, which are told by each cluster; an Envoy is told by its bootstrap, and leaves it alone.
fn common(release: &Release, name: &str) -> Cluster {
    let upstream = &release.upstream;
    Cluster {
        name: name.to_owned(),
        alt_stat_name: stat_name(name),
        connect_timeout: Some(duration(upstream.connect_timeout)),
        common_lb_config: Some(CommonLbConfig {
            healthy_panic_threshold: Some(Percent { value: 0.0 }),
            update_merge_window: Some(duration(std::time::Duration::ZERO)),
            ..CommonLbConfig::default()
        }),
        ignore_health_on_host_removal: true,
        lrs_server: Some(itself()),
        circuit_breakers: Some(CircuitBreakers { thresholds: vec![thresholds(&upstream.limits)], ..CircuitBreakers::default() }),
        health_checks: upstream.health_check.iter().map(|check| health::check(release, check)).collect(),
        outlier_detection: upstream.outlier.as_ref().map(outlier_detection),
        transport_socket: upstream.tls.as_ref().map(|tls| transport::tls_socket(upstream.protocol, tls)),
        typed_extension_protocol_options: transport::protocol_options(upstream.protocol).into_iter().collect(),
        lb_config: slow_start(release),
        ..Cluster::default()
    }
}

/// Endpoints that are upgraded in place begin slowly. It follows from the file alone, and not from whether a rollout is under way: an
/// Envoy makes all connections of a cluster anew when the cluster changes, and load reports lose what is in flight.
fn slow_start(release: &Release) -> Option<LbConfig> {
    let Strategy::Rolling(rolling) = &release.plan.as_ref()?.strategy else { return None };
    rolling.upgrade.as_ref()?;
    let config = SlowStartConfig { slow_start_window: Some(duration(SLOW_START)), ..SlowStartConfig::default() };
    Some(LbConfig::RoundRobinLbConfig(RoundRobinLbConfig { slow_start_config: Some(config) }))
}

/// The name in statistics, if it must differ. Envoy takes a cluster's name out of a statistic's up to the first dot, so `web/1.10`
/// would be counted as `web/1`. A tilde stands for the dot, as no service or version has one in its name.
fn stat_name(name: &str) -> String {
    if name.contains('.') { name.replace('.', "~") } else { String::new() }
}

fn with_eds(cluster: Cluster) -> Cluster {
    Cluster {
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into())),
        eds_cluster_config: Some(EdsClusterConfig { eds_config: Some(ads()), ..EdsClusterConfig::default() }),
        ..cluster
    }
}

/// IPv4 first: with Envoy's default a name that has addresses of both families is asked for the IPv6 ones alone, and a server that
/// listens on IPv4 only is never found.
fn with_dns(cluster: Cluster, assignment: ClusterLoadAssignment) -> Cluster {
    Cluster {
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::StrictDns.into())),
        dns_lookup_family: DnsLookupFamily::V4Preferred.into(),
        load_assignment: Some(assignment),
        ..cluster
    }
}

fn thresholds(limits: &Limits) -> Thresholds {
    Thresholds {
        max_connections: limits.connections.map(uint32),
        max_pending_requests: limits.pending.map(uint32),
        max_requests: limits.requests.map(uint32),
        max_retries: Some(uint32(limits.retries.unwrap_or(RETRIES_IN_FLIGHT))),
        ..Thresholds::default()
    }
}

/// Only what the file asks for ejects an endpoint: Envoy's statistical detection, on by default, is turned off.
fn outlier_detection(outlier: &Outlier) -> OutlierDetection {
    OutlierDetection {
        consecutive_5xx: Some(uint32(outlier.consecutive_5xx)),
        interval: Some(duration(OUTLIER_SWEEP.min(outlier.eject_for))),
        base_ejection_time: Some(duration(outlier.eject_for)),
        max_ejection_percent: Some(uint32(whole_percent(outlier.max_ejected))),
        enforcing_success_rate: Some(uint32(0)),
        ..OutlierDetection::default()
    }
}

/// Per cent without a fraction, rounded up: a small share must not become none.
fn whole_percent(share: Share) -> u32 {
    share.thousandths().div_ceil(Share::FULL.thousandths() / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_named_without_dots() {
        assert_eq!(stat_name("web/1.10"), "web/1~10");
        assert_eq!(stat_name("web/v1"), "", "Envoy then takes the name itself");
    }

    #[test]
    fn shares_round_up_to_whole_percents() {
        for (thousandths, percent) in [(0, 0), (1, 1), (1000, 1), (1001, 2), (50_000, 50), (100_000, 100)] {
            assert_eq!(whole_percent(Share::from_thousandths(thousandths).unwrap()), percent);
        }
    }
}
