//! One service as it is served.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use imbl::OrdMap;

use super::{Resource, Transport};
use crate::translate::{self, Object, ServiceObjects, XdsVariant};

/// Services by their names. Maps of successive generations share what did not change.
pub type Services = OrdMap<String, Arc<Service>>;

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
        Service::after(None, objects)
    }

    /// The same, at the cost of what is other than it was: what is equal is shared with the service as it was before.
    pub fn after(before: Option<&Service>, objects: ServiceObjects) -> Service {
        let resources = objects.objects.iter().map(|object| encoded(object, before)).collect();
        let listener = before.filter(|before| before.name() == objects.service).and_then(|before| before.on_request.first());
        let on_request = match listener {
            Some(listener) => {
                let routes = translate::proxyless_service_routes(&objects);
                routes.into_iter().flat_map(|routes| [listener.clone(), Arc::new(Resource::new(&routes))]).collect()
            }
            None => translate::proxyless_service(&objects).iter().map(|object| Arc::new(Resource::new(object))).collect(),
        };
        Service { objects, resources, on_request, typed: Default::default() }
    }

    /// Its clusters and endpoints, for nodes that are connected like this.
    pub(super) fn resources(&self, transport: Transport) -> &[Arc<Resource>] {
        let Transport::Typed(variant) = transport else { return &self.resources };
        self.typed[usize::from(variant == XdsVariant::Delta)].get_or_init(|| {
            let typed = self.objects.objects.iter().map(|object| transport.of(object.clone()));
            typed.map(|object| Arc::new(Resource::new(&object))).collect()
        })
    }

    /// Its listener and its routes for clients without a proxy.
    pub(super) fn on_request(&self) -> &[Arc<Resource>] {
        &self.on_request
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.objects.service
    }

    /// The translated form.
    pub fn objects(&self) -> &ServiceObjects {
        &self.objects
    }

    /// Whether nodes of these fleets get it.
    pub(super) fn is_for(&self, fleets: &BTreeSet<String>) -> bool {
        self.objects.fleets.is_empty() || self.objects.fleets.iter().any(|fleet| fleets.contains(fleet))
    }
}

/// The resource of an object: the one of before, if that was made of the same.
fn encoded(object: &Object, before: Option<&Service>) -> Arc<Resource> {
    let known = before.into_iter().flat_map(|before| before.objects.objects.iter().zip(&before.resources));
    let same = known.into_iter().find(|(old, _)| *old == object);
    same.map_or_else(|| Arc::new(Resource::new(object)), |(_, resource)| resource.clone())
}

impl PartialEq for Service {
    /// All follows from the translated form.
    fn eq(&self, other: &Service) -> bool {
        self.objects == other.objects
    }
}

impl Eq for Service {}
