//! Messages that Envoy refuses, each with the rule it breaks.

use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::config::core::v3 as core;
use envoy_types::pb::envoy::config::core::v3::health_check::{HealthChecker, HttpHealthCheck};
use envoy_types::pb::envoy::config::endpoint::v3::{ClusterLoadAssignment, LocalityLbEndpoints};
use envoy_types::pb::envoy::config::listener::v3::{Filter, FilterChain, Listener, filter};
use envoy_types::pb::envoy::config::route::v3 as route;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
use envoy_types::pb::google::protobuf::Duration;
use envoy_types::util::pack_any;
use prost::{Message, Name};

use super::*;
use crate::translate::descriptors;
use crate::translate::pb::{address, uint32};

fn check<M: Message + Name>(message: &M) -> Vec<String> {
    let descriptor = descriptors::message(&M::full_name()).expect("a known message");
    broken(descriptor, &message.encode_to_vec()).into_iter().map(|b| format!("{} {}", b.field, b.reason)).collect()
}

fn named() -> Cluster {
    Cluster { name: "c".into(), ..Cluster::default() }
}

#[test]
fn clusters() {
    assert_eq!(check(&named()), Vec::<String>::new());
    assert_eq!(check(&Cluster::default()), ["name must not be empty"]);
    assert_eq!(check(&Cluster { lb_policy: 99, ..named() }), ["lb_policy must be a value of its enumeration"]);
    let zero = Some(Duration::default());
    assert_eq!(check(&Cluster { connect_timeout: zero, ..named() }), ["connect_timeout must be greater than 0"]);
    let negative = Some(Duration { seconds: -1, nanos: 0 });
    assert_eq!(check(&Cluster { connect_timeout: negative, ..named() }), ["connect_timeout must be greater than 0"]);
}

#[test]
fn ports_and_addresses() {
    let mut far = address("127.0.0.1", 1);
    let Some(core::address::Address::SocketAddress(socket)) = &mut far.address else { unreachable!("a socket address") };
    socket.port_specifier = Some(core::socket_address::PortSpecifier::PortValue(70_000));
    assert_eq!(check(&far), ["socket_address.port_value must be at most 65535"]);
    assert_eq!(check(&address("", 1)), ["socket_address.address must not be empty"]);
    assert_eq!(check(&core::Address::default()), ["address one of its fields must be set"]);
}

#[test]
fn endpoints() {
    assert_eq!(check(&ClusterLoadAssignment::default()), ["cluster_name must not be empty"]);
    let locality = LocalityLbEndpoints { load_balancing_weight: Some(uint32(0)), priority: 129, ..LocalityLbEndpoints::default() };
    let assignment = ClusterLoadAssignment { cluster_name: "c".into(), endpoints: vec![locality], ..Default::default() };
    assert_eq!(
        check(&assignment),
        ["endpoints[0].load_balancing_weight must be at least 1", "endpoints[0].priority must be at most 128"]
    );
}

#[test]
fn health_checks() {
    let http = HttpHealthCheck { path: "/".into(), ..HttpHealthCheck::default() };
    let check_of = |http: HttpHealthCheck| core::HealthCheck {
        timeout: Some(Duration { seconds: 1, nanos: 0 }),
        interval: Some(Duration { seconds: 1, nanos: 0 }),
        healthy_threshold: Some(uint32(1)),
        unhealthy_threshold: Some(uint32(1)),
        health_checker: Some(HealthChecker::HttpHealthCheck(http)),
        ..core::HealthCheck::default()
    };
    assert_eq!(check(&check_of(http.clone())), Vec::<String>::new());
    assert_eq!(
        check(&check_of(HttpHealthCheck { path: "/a\nb".into(), ..http.clone() })),
        [r"http_health_check.path must not contain '\n'"]
    );
    let connect = core::RequestMethod::Connect.into();
    assert_eq!(
        check(&check_of(HttpHealthCheck { method: connect, ..http.clone() })),
        ["http_health_check.method is a value that is not allowed"]
    );
    assert_eq!(
        check(&core::HealthCheck { interval: None, healthy_threshold: None, ..check_of(http) }),
        ["interval is required", "healthy_threshold is required"]
    );
}

#[test]
fn routes() {
    let prefix = |prefix: &str| route::RouteMatch {
        path_specifier: Some(route::route_match::PathSpecifier::PathSeparatedPrefix(prefix.into())),
        ..route::RouteMatch::default()
    };
    assert_eq!(check(&prefix("/cart")), Vec::<String>::new());
    assert_eq!(check(&prefix("/cart/")), ["path_separated_prefix must match `^[^?#]+[^?#/]$`"]);
    assert_eq!(check(&route::RouteMatch::default()), ["path_specifier one of its fields must be set"]);
    let nothing = route::RouteAction {
        cluster_specifier: Some(route::route_action::ClusterSpecifier::WeightedClusters(route::WeightedCluster::default())),
        ..route::RouteAction::default()
    };
    assert_eq!(check(&nothing), ["weighted_clusters.clusters must have at least 1 item"]);
    let header = route::HeaderMatcher { name: String::new(), ..route::HeaderMatcher::default() };
    let headers = route::RouteMatch { headers: vec![header], ..prefix("/cart") };
    assert_eq!(check(&headers), ["headers[0].name must not be empty"]);
    assert_eq!(check(&route::VirtualHost { name: "a".into(), ..Default::default() }), ["domains must have at least 1 item"]);
}

#[test]
fn inside_of_any() {
    let manager = HttpConnectionManager::default();
    let filter = Filter { name: "hcm".into(), config_type: Some(filter::ConfigType::TypedConfig(pack_any(manager))) };
    let chain = FilterChain { filters: vec![filter], ..FilterChain::default() };
    let listener = Listener { filter_chains: vec![chain], ..Listener::default() };
    let inside = "filter_chains[0].filters[0].typed_config";
    assert_eq!(
        check(&listener),
        [format!("{inside}.stat_prefix must not be empty"), format!("{inside}.route_specifier one of its fields must be set")]
    );
}
