//! A generation as it is served: a view for every node.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use super::{Node, Resource, View};
use crate::model::Config;
use crate::translate::{self, ServiceObjects};

/// One service, translated and encoded; kept over generations as long as its release does not change.
#[derive(Debug)]
pub struct Service {
    objects: ServiceObjects,
    resources: Vec<Arc<Resource>>,
}

impl Service {
    /// Encodes what translation made of a release.
    pub fn new(objects: ServiceObjects) -> Service {
        let resources = objects.objects.iter().map(|object| Arc::new(Resource::new(object))).collect();
        Service { objects, resources }
    }

    /// The translated form.
    pub fn objects(&self) -> &ServiceObjects {
        &self.objects
    }

    fn is_for(&self, fleets: &BTreeSet<String>) -> bool {
        self.objects.fleets.is_empty() || self.objects.fleets.iter().any(|fleet| fleets.contains(fleet))
    }
}

/// What all nodes are served in one generation. Views are made when the first node of a group asks, and shared by the group.
#[derive(Debug)]
pub struct Snapshot {
    generation: u64,
    services: Vec<Arc<Service>>,
    config: Arc<Config>,
    before: HashMap<BTreeSet<String>, Arc<View>>,
    views: Mutex<HashMap<BTreeSet<String>, Arc<View>>>,
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

    /// What this node is served.
    pub fn view(&self, node: &Node) -> Arc<View> {
        let fleets = self.config.fleets_of(node);
        let mut views = self.views.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(view) = views.get(&fleets) {
            return view.clone();
        }
        let view = Arc::new(self.compose(&fleets));
        views.insert(fleets, view.clone());
        view
    }

    fn made(&self) -> HashMap<BTreeSet<String>, Arc<View>> {
        self.views.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    fn compose(&self, fleets: &BTreeSet<String>) -> View {
        let before = self.before.get(fleets).map(Arc::as_ref);
        let services: Vec<&Service> = self.services.iter().map(Arc::as_ref).filter(|service| service.is_for(fleets)).collect();
        let objects: Vec<&ServiceObjects> = services.iter().map(|service| &service.objects).collect();
        let shared = translate::fleet(&objects, &self.config, fleets).into_iter().map(|object| {
            let made = Resource::new(&object);
            let old = before.and_then(|view| view.of(made.kind).get(&made.name)).filter(|old| old.version == made.version);
            old.cloned().unwrap_or_else(|| Arc::new(made))
        });
        View::new(services.iter().flat_map(|service| service.resources.iter().cloned()).chain(shared), before)
    }
}
