//! The RouteConfiguration over all services.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;

use super::{Kind, Object, ROUTES, ServiceObjects};

/// `envoy.config.route.v3.RouteConfiguration` with its routes encoded already: the same bytes on the wire, for a fraction of the work.
/// A change in one of 500 services encodes that service's routes, and puts those of the others together as they are.
#[derive(Clone, PartialEq, Message)]
struct RouteConfiguration {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "2")]
    virtual_hosts: Vec<VirtualHost>,
    #[prost(bool, tag = "14")]
    ignore_port_in_host_matching: bool,
}

/// `envoy.config.route.v3.VirtualHost`, likewise.
#[derive(Clone, PartialEq, Message)]
struct VirtualHost {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, repeated, tag = "2")]
    domains: Vec<String>,
    #[prost(bytes = "vec", repeated, tag = "3")]
    routes: Vec<Vec<u8>>,
}

/// The RouteConfiguration `tidegate`: there even when no service is, as a listener that names it waits for it. Ports are ignored:
/// hosts are written without, and clients that use another port than 80 or 443 send theirs.
pub(super) fn object(services: &[&ServiceObjects]) -> Object {
    let configuration =
        RouteConfiguration { name: ROUTES.to_owned(), virtual_hosts: virtual_hosts(services), ignore_port_in_host_matching: true };
    let refs: BTreeSet<&String> = services.iter().flat_map(|service| &service.route_refs).collect();
    let refs = refs.into_iter().cloned().collect();
    Object { kind: Kind::Route, name: ROUTES.to_owned(), bytes: configuration.encode_to_vec(), refs }
}

/// One virtual host for each set of hosts that the same services share, by its first host. Envoy takes each host once only, so a host
/// has the routes of all its services: longest path first, else the service with the shorter would get the requests of both.
fn virtual_hosts(services: &[&ServiceObjects]) -> Vec<VirtualHost> {
    let mut in_order: Vec<&ServiceObjects> = services.to_vec();
    in_order.sort_by(|a, b| b.path.len().cmp(&a.path.len()).then_with(|| a.service.cmp(&b.service)));
    let mut services_of: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (i, service) in in_order.iter().enumerate() {
        for host in service.hosts.iter().map(String::as_str).collect::<BTreeSet<_>>() {
            services_of.entry(host).or_default().push(i);
        }
    }
    let mut hosts_of: BTreeMap<&[usize], Vec<&str>> = BTreeMap::new();
    for (host, services) in &services_of {
        hosts_of.entry(services).or_default().push(host);
    }
    let mut made: Vec<VirtualHost> =
        hosts_of.into_iter().map(|(services, hosts)| virtual_host(&in_order, services, &hosts)).collect();
    made.sort_by(|a, b| a.name.cmp(&b.name));
    made
}

fn virtual_host(in_order: &[&ServiceObjects], services: &[usize], hosts: &[&str]) -> VirtualHost {
    VirtualHost {
        name: hosts.first().copied().unwrap_or_default().to_owned(),
        domains: hosts.iter().map(|host| (*host).to_owned()).collect(),
        routes: services.iter().flat_map(|i| in_order[*i].routes.iter().cloned()).collect(),
    }
}
