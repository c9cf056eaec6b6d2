//! The endpoints of a version.

use std::net::SocketAddr;

use envoy_types::pb::envoy::config::core::v3::{Address, HealthStatus, Locality};
use envoy_types::pb::envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
use envoy_types::pb::envoy::config::endpoint::v3::{ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints};

use super::pb::{address, socket_address, uint32};
use crate::model;

/// The one locality there is: release files do not say where endpoints run.
const REGION: &str = "default";

/// A version's addresses. With none it is an empty assignment, which is how Envoy is told that a version has no endpoints: to take the
/// resource away would leave the old ones in use.
pub(super) fn assignment(cluster: &str, endpoints: &[model::Endpoint]) -> ClusterLoadAssignment {
    of(cluster, endpoints.iter().map(|endpoint| serving(endpoint.address)).collect())
}

/// The addresses at which a version is at the moment. Those that drain get no new requests; they stay, so that Envoy goes on reporting
/// what is in flight to them.
pub(super) fn placed(cluster: &str, placed: &[model::Placed]) -> ClusterLoadAssignment {
    let endpoint = |placed: &model::Placed| match placed.draining {
        false => serving(placed.endpoint.address),
        true => LbEndpoint { health_status: HealthStatus::Draining.into(), ..serving(placed.endpoint.address) },
    };
    of(cluster, placed.iter().map(endpoint).collect())
}

/// Hosts by IP address, or by name for Envoy to resolve.
pub(super) fn of_names<'a>(cluster: &str, hosts: impl Iterator<Item = (&'a str, u16)>) -> ClusterLoadAssignment {
    of(cluster, hosts.map(|(host, port)| endpoint(address(host, port))).collect())
}

fn of(cluster: &str, endpoints: Vec<LbEndpoint>) -> ClusterLoadAssignment {
    let endpoints = if endpoints.is_empty() { vec![] } else { vec![locality(endpoints)] };
    ClusterLoadAssignment { cluster_name: cluster.to_owned(), endpoints, ..ClusterLoadAssignment::default() }
}

/// A named locality with a weight: Envoy needs neither, but gRPC leaves out localities without them and then has no endpoints.
fn locality(lb_endpoints: Vec<LbEndpoint>) -> LocalityLbEndpoints {
    LocalityLbEndpoints {
        locality: Some(Locality { region: REGION.to_owned(), ..Locality::default() }),
        load_balancing_weight: Some(uint32(1)),
        lb_endpoints,
        ..LocalityLbEndpoints::default()
    }
}

fn serving(socket: SocketAddr) -> LbEndpoint {
    endpoint(socket_address(socket))
}

fn endpoint(address: Address) -> LbEndpoint {
    let endpoint = Endpoint { address: Some(address), ..Endpoint::default() };
    LbEndpoint { host_identifier: Some(HostIdentifier::Endpoint(endpoint)), ..LbEndpoint::default() }
}
