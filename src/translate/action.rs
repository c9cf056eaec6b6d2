//! What is done with the requests of a route: where they go, how long they may take, when they are tried again.

use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::RuntimeFractionalPercent;
use envoy_types::pb::envoy::config::route::v3::retry_policy::{RetryHostPredicate, retry_host_predicate::ConfigType};
use envoy_types::pb::envoy::config::route::v3::route_action::{ClusterSpecifier, MaxStreamDuration, RequestMirrorPolicy};
use envoy_types::pb::envoy::config::route::v3::weighted_cluster::ClusterWeight;
use envoy_types::pb::envoy::config::route::v3::{RetryPolicy, RouteAction, WeightedCluster};
use envoy_types::pb::envoy::extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate;
use envoy_types::pb::envoy::r#type::v3::{FractionalPercent, fractional_percent::DenominatorType};
use envoy_types::util::pack_any;

use super::cluster;
use super::pb::{duration, uint32};
use crate::model::{Mirror, Protocol, Release, Retry, RetryOn, Share, Split, Upstream};

/// Picks of an endpoint that has failed the request already, until it is taken all the same.
const OTHER_ENDPOINT_ATTEMPTS: i64 = 3;

/// Sends to the versions of a split.
pub(super) fn action(release: &Release, split: &Split) -> RouteAction {
    let action = RouteAction {
        cluster_specifier: Some(destination(&release.service, split)),
        retry_policy: release.upstream.retry.as_ref().map(retry_policy),
        ..RouteAction::default()
    };
    timed(action, &release.upstream)
}

/// The clusters that a split sends to. Versions without a share are left out, so that a cluster is referred to exactly as long as it
/// gets traffic, and can go once it gets none. The others keep their order, and the weights their constant total: a hash-sticky split
/// would otherwise move users between versions.
fn destination(service: &str, split: &Split) -> ClusterSpecifier {
    let served: Vec<_> = split.shares().iter().filter(|(_, share)| share.thousandths() > 0).collect();
    if let [(version, _)] = served.as_slice() {
        return ClusterSpecifier::Cluster(cluster::name(service, version));
    }
    let clusters = served.iter().map(|(version, share)| ClusterWeight {
        name: cluster::name(service, version),
        weight: Some(uint32(share.thousandths())),
        ..ClusterWeight::default()
    });
    ClusterSpecifier::WeightedClusters(WeightedCluster { clusters: clusters.collect(), ..WeightedCluster::default() })
}

/// The names of the clusters that a split sends to.
pub(super) fn destinations<'a>(service: &'a str, split: &'a Split) -> impl Iterator<Item = String> + 'a {
    split.shares().iter().filter(|(_, share)| share.thousandths() > 0).map(|(version, _)| cluster::name(service, version))
}

/// Copies for a version, under the host that the requests are for: with Envoy's default they would ask for `<host>-shadow`, and a
/// version that looks at the host would answer them otherwise than it will answer real ones.
pub(super) fn mirror_policy(release: &Release, mirror: &Mirror) -> RequestMirrorPolicy {
    let fraction = RuntimeFractionalPercent { default_value: Some(fraction(mirror.share)), ..RuntimeFractionalPercent::default() };
    RequestMirrorPolicy {
        cluster: cluster::name(&release.service, &mirror.version),
        runtime_fraction: Some(fraction),
        disable_shadow_host_suffix_append: true,
        ..RequestMirrorPolicy::default()
    }
}

/// A share in the finest unit that Envoy has for fractions: ten millionths are a thousandth of a per cent.
fn fraction(share: Share) -> FractionalPercent {
    FractionalPercent { numerator: share.thousandths() * 10, denominator: DenominatorType::Million.into() }
}

/// Envoy's timeout is for a whole response, which a gRPC stream may never have: there the caller's own deadline counts, and the
/// file's timeout is the most that a stream may take.
fn timed(action: RouteAction, upstream: &Upstream) -> RouteAction {
    let limit = upstream.timeout.map(duration);
    if upstream.protocol != Protocol::Grpc {
        return RouteAction { timeout: limit, ..action };
    }
    RouteAction {
        timeout: Some(duration(Duration::ZERO)),
        max_stream_duration: Some(MaxStreamDuration {
            max_stream_duration: limit,
            grpc_timeout_header_max: Some(limit.unwrap_or_default()),
            ..MaxStreamDuration::default()
        }),
        ..action
    }
}

/// Retries go to another endpoint of the version if there is one: the one that failed is likely to fail again.
fn retry_policy(retry: &Retry) -> RetryPolicy {
    let reasons: Vec<&str> = retry.on.iter().copied().map(RetryOn::as_str).collect();
    RetryPolicy {
        retry_on: reasons.join(","),
        num_retries: Some(uint32(retry.tries)),
        per_try_timeout: retry.per_try_timeout.map(duration),
        retry_host_predicate: vec![RetryHostPredicate {
            name: "envoy.retry_host_predicates.previous_hosts".to_owned(),
            config_type: Some(ConfigType::TypedConfig(pack_any(PreviousHostsPredicate {}))),
        }],
        host_selection_retry_max_attempts: OTHER_ENDPOINT_ATTEMPTS,
        ..RetryPolicy::default()
    }
}
