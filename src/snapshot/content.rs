//! The content of a generation, and what is made of it for each group of nodes.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use super::host::{self, Hosts};
use super::{Kind, Node, Resource, Service, Transport, View};
use crate::model::{Config, ListenerRoutes};
use crate::translate::{self, Object, ServiceObjects};

/// A group of nodes that are served the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Group {
    fleets: BTreeSet<String>,
    /// They can be given scoped routes.
    scopes: bool,
    /// How they are connected.
    pub transport: Transport,
}

/// The services and the configuration of a generation, and the views made of them.
#[derive(Debug)]
pub(super) struct Content {
    services: Vec<Arc<Service>>,
    config: Arc<Config>,
    views: Mutex<HashMap<Group, Made>>,
}

/// A view, and the hosts in it, for the next generation to go on from.
#[derive(Debug, Clone)]
pub(super) struct Made {
    view: Arc<View>,
    hosts: Arc<Hosts>,
}

impl Content {
    /// Nothing is made yet.
    pub fn new(services: Vec<Arc<Service>>, config: Arc<Config>) -> Content {
        Content { services, config, views: Mutex::default() }
    }

    /// The configuration.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// The group of a node.
    pub fn group(&self, node: &Node, transport: Transport) -> Group {
        // Nodes are told apart by what they take only if it can make a difference.
        let scoped = self.config.listeners.iter().any(|listener| listener.routes != ListenerRoutes::Single);
        Group { fleets: self.config.fleets_of(node), scopes: scoped && node.takes_scopes(), transport }
    }

    /// The views made so far.
    pub fn made(&self) -> MutexGuard<'_, HashMap<Group, Made>> {
        self.views.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// What a group is served; made if nobody of it has asked yet, from what it was served before.
    pub fn view(&self, group: Group, before: Option<&Arc<Content>>) -> Arc<View> {
        let mut views = self.made();
        if let Some(made) = views.get(&group) {
            return made.view.clone();
        }
        let before = before.and_then(|before| before.made().get(&group).cloned());
        let made = self.compose(&group, before.as_ref());
        let view = made.view.clone();
        views.insert(group, made);
        view
    }

    fn compose(&self, group: &Group, before: Option<&Made>) -> Made {
        let services: Vec<Arc<Service>> = self.services.iter().filter(|service| service.is_for(&group.fleets)).cloned().collect();
        let objects: Vec<&ServiceObjects> = services.iter().map(|service| service.objects()).collect();
        let sorted = translate::Hosts::new(&objects);
        let hosts = host::hosts(&sorted, &services, before.map(|before| before.hosts.as_ref()));
        let before = before.map(|before| before.view.as_ref());
        let shared = self.shared(&sorted, group, before);
        let asked: Vec<Arc<Resource>> = match group.transport {
            Transport::Aggregated => on_request(&services, &hosts, &shared).cloned().collect(),
            // Clients without a proxy know the aggregated stream alone.
            Transport::Typed(_) => vec![],
        };
        let own = services.iter().flat_map(|service| service.resources(group.transport).iter().cloned());
        let of_hosts = hosts.values().flat_map(|host| host.resources().iter().cloned());
        let view = Arc::new(View::with_on_request(own.chain(of_hosts).chain(shared), asked, before));
        Made { view, hosts: Arc::new(hosts) }
    }

    /// What depends on all hosts of the group.
    fn shared(&self, hosts: &translate::Hosts<'_>, group: &Group, before: Option<&View>) -> Vec<Arc<Resource>> {
        let objects = translate::shared(hosts, &self.config, &group.fleets, group.scopes).into_iter();
        let encode = |object: Object| {
            let made = Resource::new(&group.transport.of(object));
            let old = before.and_then(|view| view.of(made.kind).get(&made.name)).filter(|old| old.version == made.version);
            old.cloned().unwrap_or_else(|| Arc::new(made))
        };
        objects.map(encode).collect()
    }
}

/// What clients without a proxy ask for by name. A name is first a listener's that Envoys get, then a service's, then a host's.
fn on_request<'a>(
    services: &'a [Arc<Service>],
    hosts: &'a Hosts,
    shared: &[Arc<Resource>],
) -> impl Iterator<Item = &'a Arc<Resource>> {
    let taken: BTreeSet<Arc<str>> =
        shared.iter().filter(|resource| resource.kind == Kind::Listener).map(|listener| listener.name.clone()).collect();
    let all = services.iter().flat_map(|service| service.on_request()).chain(hosts.values().flat_map(|host| host.on_request()));
    all.filter(move |resource| resource.kind != Kind::Listener || !taken.contains(&resource.name))
}
