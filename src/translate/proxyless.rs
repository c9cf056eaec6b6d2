//! What gRPC clients without a proxy get (`xds:///checkout`): a listener that is no more than a name for routes, and these routes in
//! the words that gRPC knows. Clusters and endpoints are those that Envoys get.
//!
//! gRPC refuses a resource for what Envoy would understand: a path prefix that ends at slashes, a cluster whose endpoints are
//! resolved by name, TLS without a certificate provider of its bootstrap. The first is said otherwise here; services with one of the
//! others are not offered, as a client that was given them would fail later and say less.

use std::collections::BTreeSet;

use bytes::Bytes;
use envoy_types::pb::envoy::config::listener::v3::{ApiListener, Listener};
use envoy_types::pb::envoy::config::route::v3::{Route, RouteMatch};
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::RouteSpecifier;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::{HttpConnectionManager, Rds};
use envoy_types::util::pack_any;

use super::hosts::is_exact;
use super::path::PathSpecifier;
use super::pb;
use super::route_config::{self, VirtualHost};
use super::{Kind, Object, ROUTES, ServiceObjects, canonical, listener};
use crate::model::{Backends, Release};

/// A service's routes as gRPC takes them, given with how they are encoded for Envoys; `None` if it does not take the service's clusters.
pub(super) fn routes<'a>(release: &Release, routes: impl Iterator<Item = (&'a Route, &'a Bytes)>) -> Option<Vec<Bytes>> {
    let named = |backends: &Backends| matches!(backends, Backends::Dns { .. });
    if release.upstream.tls.is_some() || release.versions.iter().any(|version| named(&version.backends)) {
        return None;
    }
    Some(
        routes.map(|(route, bytes)| plain(route).map_or_else(|| bytes.clone(), |plain| canonical::encode(&plain).into())).collect(),
    )
}

/// A route whose path is a prefix that ends at slashes, said by an expression; `None` for another, which stays as it is.
fn plain(route: &Route) -> Option<Route> {
    let place = route.r#match.as_ref()?;
    let Some(PathSpecifier::PathSeparatedPrefix(prefix)) = &place.path_specifier else { return None };
    let regex = PathSpecifier::SafeRegex(pb::regex(format!("{}(?:/.*)?", regex::escape(prefix))));
    let place = RouteMatch { path_specifier: Some(regex), ..place.clone() };
    Some(Route { r#match: Some(place), ..route.clone() })
}

/// The listener and the routes of a service, under its name.
pub(super) fn of_service(service: &ServiceObjects) -> Vec<Object> {
    objects(&service.service, name_of_routes(service), &[service])
}

/// The routes of a service, without the listener.
pub(super) fn routes_of_service(service: &ServiceObjects) -> Option<Object> {
    route_configuration(&service.service, name_of_routes(service), &[service])
}

fn name_of_routes(service: &ServiceObjects) -> String {
    format!("{ROUTES}/grpc/service/{}", service.service)
}

/// The listener and the routes of a host, if it is a name and gRPC takes all services on it, those left out that are there for a preview.
pub(super) fn of_host(host: &str, services: &[&ServiceObjects]) -> Vec<Object> {
    let own = |service: &&ServiceObjects| service.preview.as_deref() != Some(host);
    let services: Vec<&ServiceObjects> = services.iter().copied().filter(own).collect();
    if !is_exact(host) || services.is_empty() {
        return vec![];
    }
    objects(host, format!("{ROUTES}/grpc/host/{host}"), &services)
}

fn objects(target: &str, routes: String, services: &[&ServiceObjects]) -> Vec<Object> {
    let Some(routes) = route_configuration(target, routes, services) else { return vec![] };
    vec![listener(target, &routes.name), routes]
}

/// The routes under that name; `None` if gRPC does not take one of the services.
fn route_configuration(target: &str, name: String, services: &[&ServiceObjects]) -> Option<Object> {
    let plain: Vec<&Vec<Bytes>> = services.iter().map(|service| service.proxyless_routes.as_ref()).collect::<Option<_>>()?;
    // A client asks with the name that it was given, or with another if it was told to: the listener has one virtual host anyway.
    let virtual_host = VirtualHost {
        name: target.to_owned(),
        domains: vec!["*".to_owned()],
        routes: plain.into_iter().flatten().cloned().collect(),
    };
    let refs: BTreeSet<&String> = services.iter().flat_map(|service| &service.proxyless_refs).collect();
    Some(route_config::object(name, vec![virtual_host], refs.into_iter().cloned().collect()))
}

fn listener(name: &str, routes: &str) -> Object {
    let rds = Rds { config_source: Some(pb::ads()), route_config_name: routes.to_owned() };
    let manager = HttpConnectionManager {
        // Envoy's rules ask for it; gRPC has no such statistics.
        stat_prefix: name.to_owned(),
        route_specifier: Some(RouteSpecifier::Rds(rds)),
        http_filters: vec![listener::router()],
        ..HttpConnectionManager::default()
    };
    let made = Listener {
        name: name.to_owned(),
        api_listener: Some(ApiListener { api_listener: Some(pack_any(manager)) }),
        ..Listener::default()
    };
    Object::new(Kind::Listener, name, &made, vec![routes.to_owned()])
}
