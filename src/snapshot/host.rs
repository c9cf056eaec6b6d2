//! One host of a group of nodes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Resource, Service};
use crate::translate::{self, ServiceObjects};

/// What a host needs for scoped routes, encoded; kept over generations as long as the same services are on it and none of them
/// changes.
#[derive(Debug)]
pub(super) struct Host {
    services: Vec<Arc<Service>>,
    resources: Vec<Arc<Resource>>,
}

/// The hosts of a group, by name.
pub(super) type Hosts = BTreeMap<String, Arc<Host>>;

impl Host {
    /// A host with these services, in the order in which they are tried.
    fn new(host: &str, services: Vec<Arc<Service>>, before: Option<&Host>) -> Host {
        let objects: Vec<&ServiceObjects> = services.iter().map(|service| service.objects()).collect();
        let made = translate::of_host(host, &objects).into_iter().map(|object| {
            let made = Resource::new(&object);
            let old =
                before.and_then(|before| before.resources.iter().find(|old| old.kind == made.kind && old.version == made.version));
            old.cloned().unwrap_or_else(|| Arc::new(made))
        });
        let resources = made.collect();
        Host { services, resources }
    }

    fn is_of(&self, services: &[Arc<Service>], places: &[usize]) -> bool {
        self.services.len() == places.len() && self.services.iter().zip(places).all(|(own, i)| Arc::ptr_eq(own, &services[*i]))
    }

    /// Its scope and its RouteConfiguration.
    pub fn resources(&self) -> &[Arc<Resource>] {
        &self.resources
    }
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
