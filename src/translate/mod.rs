//! From releases to Envoy's messages: the only place that builds them.
//!
//! Owns: which Envoy resources a release becomes, their checking against Envoy's own validation rules, their canonical bytes, and
//! their printing as YAML. Called by: `control` through `snapshot`, `cli render` and `cli bootstrap`. Does no I/O. What it returns is
//! plain: a kind, a name, canonical bytes and the names it refers to, so nobody behind it needs Envoy's types.
//!
//! ```text
//! Release + Traffic ─▶ service() ─▶ clusters, endpoints, encoded routes      per service, made again only when it changes
//! services of a host ─▶ of_host() ─▶ scope, RouteConfiguration               per host, made again only when one of them changes
//! service, host ─▶ proxyless_…() ─▶ listener, RouteConfiguration             for gRPC clients that ask for them by name
//! services of a set of hosts ─▶ virtual_host() ─▶ piece                       per set, likewise
//! pieces ─▶ whole() ─▶ RouteConfiguration over all                            per group of nodes; puts together, checks nothing
//! how many hosts + Config ─▶ listeners()                                     per group of nodes
//! ```

mod action;
mod bootstrap;
mod canonical;
mod cluster;
mod descriptors;
mod endpoints;
mod expression;
mod health;
mod hosts;
mod invalid;
mod kind;
mod listener;
mod matching;
mod object;
mod part;
mod path;
mod pb;
mod print;
mod proxyless;
mod references;
mod route_config;
mod routes;
mod scope;
mod service;
mod stand_in;
mod transport;
mod typed;
mod validate;

pub use bootstrap::{BadAddress, BootstrapOptions, XdsAddress, XdsTls, XdsVariant, bootstrap};
pub use cluster::name as cluster_name;
pub use descriptors::descriptor_set;
pub use hosts::{HostCount, Hosts, rank};
pub use invalid::Invalid;
pub use kind::Kind;
pub use object::{Object, ServiceObjects};
pub use print::{to_json, to_yaml};
pub use references::dangling;
pub use route_config::{virtual_host, whole};
pub use service::{Known, service, service_after};
pub use stand_in::stand_in;
pub use typed::typed;

use std::collections::BTreeSet;

use crate::model::Config;

/// Name of the RouteConfiguration, by which listeners ask for it.
pub const ROUTES: &str = "tidegate";

/// What a group of nodes gets beside the services' own clusters and endpoints: the RouteConfiguration `tidegate` over the services
/// given, which is there even without any; a scope and a RouteConfiguration for each host that is a name; and the listeners of the
/// fleets given, as nodes get them that take scopes.
pub fn fleet(services: &[&ServiceObjects], config: &Config, fleets: &BTreeSet<String>) -> Vec<Object> {
    let hosts = Hosts::new(services);
    let of_hosts = hosts.iter().flat_map(|(host, places)| of_host(host, &hosts.at(places)));
    shared(&hosts, config, fleets, true).into_iter().chain(of_hosts).collect()
}

/// What depends on all hosts of a group of nodes: the RouteConfiguration `tidegate`, and the listeners of the fleets given.
pub fn shared(hosts: &Hosts<'_>, config: &Config, fleets: &BTreeSet<String>, scopes: bool) -> Vec<Object> {
    let listeners = listeners(hosts.count(), config, fleets, scopes);
    std::iter::once(route_config::object_of_all(hosts)).chain(listeners).collect()
}

/// The listeners of the fleets given, for nodes that have so many hosts; with scoped routes only if the nodes take scopes.
pub fn listeners(hosts: HostCount, config: &Config, fleets: &BTreeSet<String>, scopes: bool) -> Vec<Object> {
    let meant = |listener: &&crate::model::Listener| {
        listener.fleets.is_empty() || listener.fleets.iter().any(|fleet| fleets.contains(fleet))
    };
    config.listeners.iter().filter(meant).map(|listener| listener::object(listener, hosts, scopes)).collect()
}

/// What one host needs for scoped routes, given the services on it in the order of [`Hosts`]: its scope and its RouteConfiguration,
/// which depend on nothing else. Nothing for a pattern, as scopes are found by exact names.
pub fn of_host(host: &str, services: &[&ServiceObjects]) -> Vec<Object> {
    if hosts::is_exact(host) { vec![scope::object(host), route_config::of_host(host, services)] } else { vec![] }
}

/// What a group of nodes may have beside all this, and is given only by name, as gRPC clients without a proxy ask for it: a listener and
/// its routes for each service and, by names that nothing else has, for each host.
pub fn proxyless(services: &[&ServiceObjects], config: &Config, fleets: &BTreeSet<String>) -> Vec<Object> {
    let hosts = Hosts::new(services);
    let of_services = services.iter().flat_map(|service| proxyless_service(service));
    let of_hosts = hosts.iter().flat_map(|(host, places)| proxyless_host(host, &hosts.at(places)));
    let listeners = shared(&hosts, config, fleets, true);
    let mut taken: BTreeSet<String> = listeners.into_iter().map(|object| object.name).collect();
    let mut made = Vec::new();
    for pair in [of_services.collect::<Vec<_>>(), of_hosts.collect()].concat().chunks(2) {
        if pair.iter().any(|object| object.kind == Kind::Listener && taken.insert(object.name.clone())) {
            made.extend_from_slice(pair);
        }
    }
    made
}

/// What a service has for clients without a proxy, under its name: a listener and its routes; nothing if they could not use it.
pub fn proxyless_service(service: &ServiceObjects) -> Vec<Object> {
    proxyless::of_service(service)
}

/// The second of these two alone: the first, the listener, is the same as long as the service has its name and is offered.
pub fn proxyless_service_routes(service: &ServiceObjects) -> Option<Object> {
    proxyless::routes_of_service(service)
}

/// The same for a host, given the services on it in the order of [`Hosts`].
pub fn proxyless_host(host: &str, services: &[&ServiceObjects]) -> Vec<Object> {
    proxyless::of_host(host, services)
}

#[cfg(test)]
mod agreement_tests;
#[cfg(test)]
mod tests;
