//! One host of a group of nodes.

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

impl Host {
    /// A host with these services, in the order in which they are tried.
    pub fn new(host: &str, services: Vec<Arc<Service>>, before: Option<&Host>) -> Host {
        let objects: Vec<&ServiceObjects> = services.iter().map(|service| service.objects()).collect();
        let encode = |objects: Vec<Object>| objects.iter().map(|object| encoded(object, before)).collect();
        let resources = encode(translate::of_host(host, &objects));
        let on_request = encode(translate::proxyless_host(host, &objects));
        Host { services, resources, on_request }
    }

    /// The services on it, in the order in which they are tried.
    pub fn services(&self) -> &[Arc<Service>] {
        &self.services
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
