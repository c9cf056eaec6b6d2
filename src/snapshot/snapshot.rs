//! A generation as it is served: a view for every node.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use super::host::{self, Hosts};
use super::{Kind, Node, Refusal, Resource, Shown, View};
use crate::model::Config;
use crate::translate::{self, Object, ServiceObjects, XdsVariant};

/// One service, translated and encoded; kept over generations as long as its release does not change.
#[derive(Debug)]
pub struct Service {
    objects: ServiceObjects,
    resources: Vec<Arc<Resource>>,
    /// For clients without a proxy.
    on_request: Vec<Arc<Resource>>,
    /// `resources` for Envoys on typed services, state of the world and delta; made when the first of them comes.
    typed: [OnceLock<Vec<Arc<Resource>>>; 2],
}

impl Service {
    /// Encodes what translation made of a release.
    pub fn new(objects: ServiceObjects) -> Service {
        let encode = |objects: &[Object]| objects.iter().map(|object| Arc::new(Resource::new(object))).collect();
        let (resources, on_request) = (encode(&objects.objects), encode(&translate::proxyless_service(&objects)));
        Service { objects, resources, on_request, typed: Default::default() }
    }

    fn resources(&self, transport: Transport) -> &[Arc<Resource>] {
        let Transport::Typed(variant) = transport else { return &self.resources };
        self.typed[usize::from(variant == XdsVariant::Delta)].get_or_init(|| {
            let typed = self.objects.objects.iter().map(|object| translate::typed(object, variant, MANAGEMENT_SERVER));
            typed.map(|object| Arc::new(Resource::new(&object))).collect()
        })
    }

    /// The translated form.
    pub fn objects(&self) -> &ServiceObjects {
        &self.objects
    }

    fn is_for(&self, fleets: &BTreeSet<String>) -> bool {
        self.objects.fleets.is_empty() || self.objects.fleets.iter().any(|fleet| fleets.contains(fleet))
    }
}

/// Where a node's clusters and listeners take their endpoints and routes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// The aggregated stream they came on.
    Aggregated,
    /// The typed services, in this variant, of the server that the node's bootstrap calls `xds`.
    Typed(XdsVariant),
}

/// A group of nodes that are served the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Group {
    fleets: BTreeSet<String>,
    /// They can be given scoped routes.
    scopes: bool,
    transport: Transport,
}

/// The group of a node under one configuration.
#[derive(Debug, Clone)]
pub struct Membership {
    config: Arc<Config>,
    group: Group,
}

impl Membership {
    /// Whether it was found out under the configuration of this snapshot.
    pub fn is_of(&self, snapshot: &Snapshot) -> bool {
        Arc::ptr_eq(&self.config, &snapshot.content.config)
    }
}

/// Name that bootstraps give to the management server; an Envoy on typed services is referred to it by this name.
const MANAGEMENT_SERVER: &str = "xds";

/// What all nodes are served in one generation. Views are made when the first node of a group asks, and shared by the group.
#[derive(Debug)]
pub struct Snapshot {
    generation: u64,
    content: Arc<Content>,
    /// What was served before, newest first: what a client may still hold that comes back.
    older: Vec<Arc<Content>>,
}

/// The services and the configuration of a generation, and the views made of them.
#[derive(Debug)]
struct Content {
    services: Vec<Arc<Service>>,
    config: Arc<Config>,
    views: Mutex<HashMap<Group, Made>>,
}

/// A view, and the hosts in it, for the next generation to go on from.
#[derive(Debug, Clone)]
struct Made {
    view: Arc<View>,
    hosts: Arc<Hosts>,
}

/// Generations that are remembered for clients that come back.
const REMEMBERED: usize = 4;

impl Snapshot {
    /// A snapshot of these services. Resources that are equal to those of `before` are shared with it.
    pub fn new(generation: u64, services: Vec<Arc<Service>>, config: Arc<Config>, before: Option<&Snapshot>) -> Snapshot {
        let older = before.iter().flat_map(|before| [&before.content].into_iter().chain(&before.older));
        let older = older.take(REMEMBERED).cloned().collect();
        Snapshot { generation, content: Arc::new(Content { services, config, views: Mutex::default() }), older }
    }

    /// Counts the generations since the start.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether whoever shows this may be served as that node.
    ///
    /// # Errors
    /// Why not.
    pub fn admits(&self, node: &Node, shown: Shown<'_>) -> Result<(), Refusal> {
        self.content.config.admits(node, shown)
    }

    /// What this node is served, connected like this.
    pub fn view(&self, node: &Node, transport: Transport) -> Arc<View> {
        self.content.view(self.content.group(node, transport), self.older.first())
    }

    /// The group that a node belongs to, connected like this; to be asked for again when the configuration has changed.
    pub fn membership(&self, node: &Node, transport: Transport) -> Membership {
        Membership { config: self.content.config.clone(), group: self.content.group(node, transport) }
    }

    /// What this node is served. Its membership, found out before, is renewed if the configuration is not the same.
    pub fn view_of(&self, node: &Node, membership: &mut Membership) -> Arc<View> {
        if !membership.is_of(self) {
            *membership = self.membership(node, membership.group.transport);
        }
        self.content.view(membership.group.clone(), self.older.first())
    }

    /// What this node was served before, if there was a time at which that version of a kind was all it had of it.
    pub fn view_told(&self, node: &Node, transport: Transport, kind: Kind, version: &str) -> Option<Arc<View>> {
        let views = self.older.iter().map(|content| content.view(content.group(node, transport), None));
        views.into_iter().find(|view| view.of(kind).version().as_str() == version)
    }

    /// Makes the views that the snapshot before this one had, so that streams find them made when it is published.
    pub fn prepare(&self) {
        let before = self.older.first();
        let groups: Vec<Group> = before.map(|before| before.made().keys().cloned().collect()).unwrap_or_default();
        groups.into_iter().for_each(|group| drop(self.content.view(group, before)));
    }
}

impl Content {
    fn group(&self, node: &Node, transport: Transport) -> Group {
        Group { fleets: self.config.fleets_of(node), scopes: node.takes_scopes(), transport }
    }

    fn made(&self) -> MutexGuard<'_, HashMap<Group, Made>> {
        self.views.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn view(&self, group: Group, before: Option<&Arc<Content>>) -> Arc<View> {
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
        let objects: Vec<&ServiceObjects> = services.iter().map(|service| &service.objects).collect();
        let sorted = translate::Hosts::new(&objects);
        let hosts = host::hosts(&sorted, &services, before.map(|before| before.hosts.as_ref()));
        let before = before.map(|before| before.view.as_ref());
        let shared: Vec<Arc<Resource>> = translate::shared(&sorted, &self.config, &group.fleets, group.scopes)
            .into_iter()
            .map(|object| {
                let object = match group.transport {
                    Transport::Aggregated => object,
                    Transport::Typed(variant) => translate::typed(&object, variant, MANAGEMENT_SERVER),
                };
                let made = Resource::new(&object);
                let old = before.and_then(|view| view.of(made.kind).get(&made.name)).filter(|old| old.version == made.version);
                old.cloned().unwrap_or_else(|| Arc::new(made))
            })
            .collect();
        let own = services.iter().flat_map(|service| service.resources(group.transport).iter().cloned());
        let of_hosts = hosts.values().flat_map(|host| host.resources().iter().cloned());
        let on_request = on_request(&services, &hosts, &shared).filter(|_| group.transport == Transport::Aggregated).cloned();
        let on_request: Vec<_> = on_request.collect();
        let view = Arc::new(View::with_on_request(own.chain(of_hosts).chain(shared), on_request, before));
        Made { view, hosts: Arc::new(hosts) }
    }
}

/// What clients without a proxy ask for by name. They know the aggregated stream alone. A name is first a listener's that Envoys get,
/// then a service's, then a host's.
fn on_request<'a>(
    services: &'a [Arc<Service>],
    hosts: &'a Hosts,
    shared: &[Arc<Resource>],
) -> impl Iterator<Item = &'a Arc<Resource>> {
    let taken: BTreeSet<Arc<str>> =
        shared.iter().filter(|resource| resource.kind == Kind::Listener).map(|listener| listener.name.clone()).collect();
    let all = services.iter().flat_map(|service| &service.on_request).chain(hosts.values().flat_map(|host| host.on_request()));
    all.filter(move |resource| resource.kind != Kind::Listener || !taken.contains(&resource.name))
}
