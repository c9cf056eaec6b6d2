//! RouteConfigurations: the one over all services, and one for each host.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use prost::Message;
use prost::encoding::message;

use super::hosts::Hosts;
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
pub(super) struct VirtualHost {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, repeated, tag = "2")]
    pub domains: Vec<String>,
    #[prost(bytes = "bytes", repeated, tag = "3")]
    pub routes: Vec<Bytes>,
}

/// Tag of [`RouteConfiguration::virtual_hosts`].
const VIRTUAL_HOSTS: u32 = 2;

/// The RouteConfiguration `tidegate`: there even when no service is, as a listener that names it waits for it.
pub(super) fn object_of_all(hosts: &Hosts<'_>) -> Object {
    let (pieces, refs) = (virtual_hosts(hosts), route_refs(hosts.services()));
    Object { kind: Kind::Route, name: ROUTES.to_owned(), bytes: whole(&pieces.iter().collect::<Vec<_>>()), refs }
}

/// A piece of the RouteConfiguration `tidegate`: the virtual host of these domains, in order of their names, on all of which these
/// services are, in the order of [`Hosts`]. It has the name of its first domain.
pub fn virtual_host<'a>(domains: impl IntoIterator<Item = &'a str>, services: &[&ServiceObjects]) -> Bytes {
    let domains: Vec<String> = domains.into_iter().map(str::to_owned).collect();
    let routes = services.iter().flat_map(|service| service.routes.iter().cloned()).collect();
    let made = VirtualHost { name: domains.first().cloned().unwrap_or_default(), domains, routes };
    let mut piece = Vec::new();
    message::encode(VIRTUAL_HOSTS, &made, &mut piece);
    piece.into()
}

/// The RouteConfiguration `tidegate` of these pieces, in order of their names; its bytes.
pub fn whole(pieces: &[&Bytes]) -> Vec<u8> {
    // Fields stand in the order of their tags, so the pieces come between these two.
    let name = RouteConfiguration { name: ROUTES.to_owned(), ..RouteConfiguration::default() }.encode_to_vec();
    let rest = RouteConfiguration { ignore_port_in_host_matching: true, ..RouteConfiguration::default() }.encode_to_vec();
    let mut bytes = Vec::with_capacity(name.len() + rest.len() + pieces.iter().map(|piece| piece.len()).sum::<usize>());
    bytes.extend_from_slice(&name);
    pieces.iter().for_each(|piece| bytes.extend_from_slice(piece));
    bytes.extend_from_slice(&rest);
    bytes
}

/// The RouteConfiguration of one host: what the whole has for it, and nothing else, so that a change of it costs what the host is
/// large and not what the whole is. Its name is the host's for good: a scope that is in use must never be led to another
/// RouteConfiguration, as Envoy answers 404 on it until it has that one.
pub(super) fn of_host(host: &str, services: &[&ServiceObjects]) -> Object {
    let routes = services.iter().flat_map(|service| service.routes.iter().cloned()).collect();
    let virtual_host = VirtualHost { name: host.to_owned(), domains: vec![host.to_owned()], routes };
    object(name_of_host(host), vec![virtual_host], route_refs(services))
}

/// The name of a host's RouteConfiguration.
pub(super) fn name_of_host(host: &str) -> String {
    format!("{ROUTES}/{host}")
}

/// Ports are ignored: hosts are written without, and clients that use another port than 80 or 443 send theirs.
pub(super) fn object(name: String, virtual_hosts: Vec<VirtualHost>, refs: Vec<String>) -> Object {
    let configuration = RouteConfiguration { name: name.clone(), virtual_hosts, ignore_port_in_host_matching: true };
    Object { kind: Kind::Route, name, bytes: configuration.encode_to_vec(), refs }
}

/// The clusters that these services' routes send to, sorted, each once.
pub(super) fn route_refs(services: &[&ServiceObjects]) -> Vec<String> {
    let refs: BTreeSet<&String> = services.iter().flat_map(|service| &service.route_refs).collect();
    refs.into_iter().cloned().collect()
}

/// One virtual host for each set of hosts that the same services share, by its first host.
fn virtual_hosts(hosts: &Hosts<'_>) -> Vec<Bytes> {
    let mut alike: BTreeMap<&[usize], Vec<&str>> = BTreeMap::new();
    for (host, services) in hosts.iter() {
        alike.entry(services).or_default().push(host);
    }
    let mut sets: Vec<(&[usize], Vec<&str>)> = alike.into_iter().collect();
    sets.sort_by(|(_, a), (_, b)| a.first().cmp(&b.first()));
    sets.into_iter().map(|(services, names)| virtual_host(names, &hosts.at(services))).collect()
}
