//! The RouteConfiguration over all services of a group of nodes, put together from pieces.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use imbl::{OrdMap, OrdSet};

use super::layout::{Change, Layout};
use super::{Kind, Resource};
use crate::translate::{self, ROUTES, ServiceObjects};

/// The RouteConfiguration, and what it is made of: encoded virtual hosts by name, which successive generations share.
#[derive(Debug, Clone)]
pub(super) struct Whole {
    virtual_hosts: OrdMap<String, Bytes>,
    clusters: OrdSet<Arc<str>>,
    resource: Arc<Resource>,
}

impl Default for Whole {
    /// Without services. It is there all the same, as a listener that names it waits for it.
    fn default() -> Whole {
        let (virtual_hosts, clusters) = (OrdMap::new(), OrdSet::new());
        let resource = Arc::new(encoded(&virtual_hosts, Arc::default()));
        Whole { virtual_hosts, clusters, resource }
    }
}

impl Whole {
    /// It as streams serve it.
    pub fn resource(&self) -> &Arc<Resource> {
        &self.resource
    }

    /// The next one, after changes that concern these hosts.
    pub fn after(&self, changes: &[Change<'_>], concerned: &BTreeSet<String>, before: &Layout, after: &Layout) -> Whole {
        let virtual_hosts = self.virtual_hosts_after(concerned, before, after);
        let (clusters, refs) = self.clusters_after(changes);
        let resource = encoded(&virtual_hosts, refs);
        let same = resource.version == self.resource.version;
        Whole { virtual_hosts, clusters, resource: if same { self.resource.clone() } else { Arc::new(resource) } }
    }

    /// A virtual host is made anew if one of its hosts is concerned, be it one that it had or one that it gets.
    fn virtual_hosts_after(&self, concerned: &BTreeSet<String>, before: &Layout, after: &Layout) -> OrdMap<String, Bytes> {
        let mut virtual_hosts = self.virtual_hosts.clone();
        let mut hosts: BTreeSet<&str> = concerned.iter().map(String::as_str).collect();
        for host in concerned {
            hosts.extend(before.alike(host));
            hosts.extend(after.alike(host));
        }
        // Each is known by its first host.
        hosts.iter().for_each(|host| drop(virtual_hosts.remove(*host)));
        for host in hosts {
            let (Some(there), domains) = (after.get(host), after.alike(host)) else { continue };
            if domains.first() == Some(&host) {
                let services: Vec<&ServiceObjects> = there.services().iter().map(|service| service.objects()).collect();
                virtual_hosts.insert(host.to_owned(), translate::virtual_host(domains, &services));
            }
        }
        virtual_hosts
    }

    /// The clusters that are sent to.
    fn clusters_after(&self, changes: &[Change<'_>]) -> (OrdSet<Arc<str>>, Arc<[Arc<str>]>) {
        let of =
            |service: Option<&Arc<super::Service>>| service.map(|service| service.objects().route_refs.clone()).unwrap_or_default();
        let moved: Vec<_> = changes.iter().map(|change| (of(change.old), of(change.new))).filter(|(old, new)| old != new).collect();
        if moved.is_empty() {
            return (self.clusters.clone(), self.resource.refs.clone());
        }
        let mut clusters = self.clusters.clone();
        moved.iter().flat_map(|(old, _)| old).for_each(|name| drop(clusters.remove(name.as_str())));
        moved.iter().flat_map(|(_, new)| new).for_each(|name| drop(clusters.insert(name.as_str().into())));
        let refs = clusters.iter().cloned().collect();
        (clusters, refs)
    }
}

fn encoded(virtual_hosts: &OrdMap<String, Bytes>, refs: Arc<[Arc<str>]>) -> Resource {
    let pieces: Vec<&Bytes> = virtual_hosts.values().collect();
    Resource::of_bytes(Kind::Route, ROUTES, &translate::whole(&pieces), refs)
}
