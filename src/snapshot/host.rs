//! One host of a group of nodes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Resource, Service};
use crate::translate::{self, Object, ServiceObjects};

/// What a host has of its own, encoded; kept over generations as long as the same services are on it and none of them changes.
#[derive(Debug)]
pub(super) struct Host {
    services: Vec<Arc<Service>>,
    /// For scoped routes.
    resources: Vec<Arc<Resource>>,
    /// For clients without a proxy.
    on_request: Vec<Arc<Resource>>,
}

/// The hosts of a group, by name.
pub(super) type Hosts = BTreeMap<String, Arc<Host>>;

impl Host {
    /// A host with these services, in the order in which they are tried.
    fn new(host: &str, services: Vec<Arc<Service>>, before: Option<&Host>) -> Host {
        let objects: Vec<&ServiceObjects> = services.iter().map(|service| service.objects()).collect();
        let encode = |objects: Vec<Object>| objects.iter().map(|object| encoded(object, before)).collect();
        let resources = encode(translate::of_host(host, &objects));
        let on_request = encode(translate::proxyless_host(host, &objects));
        Host { services, resources, on_request }
    }

    fn is_of(&self, services: &[Arc<Service>], places: &[usize]) -> bool {
        self.services.len() == places.len() && self.services.iter().zip(places).all(|(own, i)| Arc::ptr_eq(own, &services[*i]))
    }

    /// Its scope and its RouteConfiguration.
    pub fn resources(&self) -> &[Arc<Resource>] {
        &self.resources
    }

    /// Its listener and its routes for clients without a proxy.
    pub fn on_request(&self) -> &[Arc<Resource>] {
        &self.on_request
    }
}

/// The resource of an object: the one of before, if it is the same.
fn encoded(object: &Object, before: Option<&Host>) -> Arc<Resource> {
    let made = Resource::new(object);
    let known = before.into_iter().flat_map(|before| before.resources.iter().chain(&before.on_request));
    let same = known.into_iter().find(|old| old.kind == made.kind && old.name == made.name && old.version == made.version);
    same.cloned().unwrap_or_else(|| Arc::new(made))
}

/// The hosts of these services; those of `before` on which nothing changed are taken over.
pub(super) fn hosts(sorted: &translate::Hosts<'_>, services: &[Arc<Service>], before: Option<&Hosts>) -> Hosts {
    let one = |(host, places): (&str, &[usize])| {
        let before = before.and_then(|before| before.get(host));
        let same = before.filter(|before| before.is_of(services, places)).cloned();
        let on_it = || places.iter().map(|i| services[*i].clone()).collect();
        (host.to_owned(), same.unwrap_or_else(|| Arc::new(Host::new(host, on_it(), before.map(Arc::as_ref)))))
    };
    sorted.iter().map(one).collect()
}
