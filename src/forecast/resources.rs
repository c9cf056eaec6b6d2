//! Which of Envoy's resources are other ones.

use std::collections::{BTreeMap, BTreeSet};

use similar::TextDiff;

use crate::control::Side;
use crate::model::Config;
use crate::translate::{self, Kind, Object, ServiceObjects};

/// Lines around a difference.
const AROUND: usize = 3;

/// A resource that is another one.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// It is sent only to who asks for it by name, as gRPC clients without a proxy do.
    pub on_request: bool,
    /// What becomes of it.
    pub what: What,
}

/// What becomes of a resource.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// It was not there.
    Added(Object),
    /// It is there no more.
    Removed(Object),
    /// It says something else.
    Other(Object, Object),
}

impl What {
    /// The word for it: `added`, `removed`, `changed`.
    pub fn as_str(&self) -> &'static str {
        match self {
            What::Added(_) => "added",
            What::Removed(_) => "removed",
            What::Other(..) => "changed",
        }
    }
}

impl Changed {
    /// The difference of its YAML, in the unified form.
    pub fn diff(&self) -> String {
        let (old, new) = match &self.what {
            What::Added(new) => (String::new(), translate::to_yaml(new)),
            What::Removed(old) => (translate::to_yaml(old), String::new()),
            What::Other(old, new) => (translate::to_yaml(old), translate::to_yaml(new)),
        };
        let name = format!("{} {}", self.kind.short(), self.name);
        let header = (format!("{name} (as served)"), format!("{name} (as it would be)"));
        TextDiff::from_lines(&old, &new).unified_diff().context_radius(AROUND).header(&header.0, &header.1).to_string()
    }
}

type Key = (Kind, String, bool);

/// The resources that differ, in the order in which changes are sent.
pub(super) fn changed(before: &Side, after: &Side) -> Vec<Changed> {
    let (mut old, new) = (objects(before), objects(after));
    let mut all: BTreeMap<Key, What> = BTreeMap::new();
    for (key, object) in new {
        match old.remove(&key) {
            Some(same) if same == object => {}
            Some(other) => drop(all.insert(key, What::Other(other, object))),
            None => drop(all.insert(key, What::Added(object))),
        }
    }
    all.extend(old.into_iter().map(|(key, object)| (key, What::Removed(object))));
    all.into_iter().map(|((kind, name, on_request), what)| Changed { kind, name, on_request, what }).collect()
}

/// What all fleets together get. There is nothing where nothing is served.
fn objects(side: &Side) -> BTreeMap<Key, Object> {
    if side.services.is_empty() && side.config == Config::default() {
        return BTreeMap::new();
    }
    let services: Vec<&ServiceObjects> = side.services.values().map(|standing| &standing.objects).collect();
    let fleets: BTreeSet<String> = side.config.fleets.iter().map(|fleet| fleet.name.clone()).collect();
    let own = services.iter().flat_map(|service| service.objects.iter().cloned());
    let sent = own.chain(translate::fleet(&services, &side.config, &fleets)).map(|object| (object, false));
    let asked_for = translate::proxyless(&services, &side.config, &fleets).into_iter().map(|object| (object, true));
    sent.chain(asked_for).map(|(object, on_request)| ((object.kind, object.name.clone(), on_request), object)).collect()
}
