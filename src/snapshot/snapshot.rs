//! A generation as it is served: a view for every node.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, OnceLock};

use super::{Node, Resource, View};
use crate::model::Config;
use crate::translate::{self, ServiceObjects, XdsVariant};

/// One service, translated and encoded; kept over generations as long as its release does not change.
#[derive(Debug)]
pub struct Service {
    objects: ServiceObjects,
    resources: Vec<Arc<Resource>>,
    /// The same for Envoys on typed services, state of the world and delta; made when the first of them comes.
    typed: [OnceLock<Vec<Arc<Resource>>>; 2],
}

impl Service {
    /// Encodes what translation made of a release.
    pub fn new(objects: ServiceObjects) -> Service {
        let resources = objects.objects.iter().map(|object| Arc::new(Resource::new(object))).collect();
        Service { objects, resources, typed: Default::default() }
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

/// A group of nodes that are served the same: their fleets, and how they are connected.
type Group = (BTreeSet<String>, Transport);

/// Name that bootstraps give to the management server; an Envoy on typed services is referred to it by this name.
const MANAGEMENT_SERVER: &str = "xds";

/// What all nodes are served in one generation. Views are made when the first node of a group asks, and shared by the group.
#[derive(Debug)]
pub struct Snapshot {
    generation: u64,
    services: Vec<Arc<Service>>,
    config: Arc<Config>,
    before: HashMap<Group, Arc<View>>,
    views: Mutex<HashMap<Group, Arc<View>>>,
}

impl Snapshot {
    /// A snapshot of these services. Resources that are equal to those of `before` are shared with it.
    pub fn new(generation: u64, services: Vec<Arc<Service>>, config: Arc<Config>, before: Option<&Snapshot>) -> Snapshot {
        Snapshot { generation, services, config, before: before.map(Snapshot::made).unwrap_or_default(), views: Mutex::default() }
    }

    /// Counts the generations since the start.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// What this node is served, connected like this.
    pub fn view(&self, node: &Node, transport: Transport) -> Arc<View> {
        let group = (self.config.fleets_of(node), transport);
        let mut views = self.views.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(view) = views.get(&group) {
            return view.clone();
        }
        let view = Arc::new(self.compose(&group));
        views.insert(group, view.clone());
        view
    }

    /// Makes the views that the snapshot before this one had, so that streams find them made when it is published.
    pub fn prepare(&self) {
        let groups = self.before.keys().map(|group| (group.clone(), Arc::new(self.compose(group))));
        let made: HashMap<Group, Arc<View>> = groups.collect();
        self.views.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).extend(made);
    }

    fn made(&self) -> HashMap<Group, Arc<View>> {
        self.views.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    fn compose(&self, group: &Group) -> View {
        let (fleets, transport) = group;
        let before = self.before.get(group).map(Arc::as_ref);
        let services: Vec<&Service> = self.services.iter().map(Arc::as_ref).filter(|service| service.is_for(fleets)).collect();
        let objects: Vec<&ServiceObjects> = services.iter().map(|service| &service.objects).collect();
        let shared = translate::fleet(&objects, &self.config, fleets).into_iter().map(|object| {
            let object = match *transport {
                Transport::Aggregated => object,
                Transport::Typed(variant) => translate::typed(&object, variant, MANAGEMENT_SERVER),
            };
            let made = Resource::new(&object);
            let old = before.and_then(|view| view.of(made.kind).get(&made.name)).filter(|old| old.version == made.version);
            old.cloned().unwrap_or_else(|| Arc::new(made))
        });
        let own = services.iter().flat_map(|service| service.resources(*transport).iter().cloned());
        View::new(own.chain(shared), before)
    }
}
