//! What one group of nodes is served.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::derived::Derived;
use super::{Kind, Resource, Version};

/// The resources of one kind, by name, with a version of the whole.
#[derive(Debug, PartialEq, Eq)]
pub struct TypeView {
    resources: BTreeMap<Arc<str>, Arc<Resource>>,
    version: Version,
    derived: Derived,
}

impl TypeView {
    /// A view of these resources. Its version is a hash over the sorted names and their versions.
    pub fn new(resources: BTreeMap<Arc<str>, Arc<Resource>>) -> TypeView {
        let mut text = Vec::new();
        for (name, resource) in &resources {
            // Lengths keep `a` + `bc` apart from `ab` + `c`.
            text.extend_from_slice(&(name.len() as u64).to_le_bytes());
            text.extend_from_slice(name.as_bytes());
            text.extend_from_slice(resource.version.as_str().as_bytes());
        }
        TypeView { version: Version::of(&text), resources, derived: Derived::default() }
    }

    /// The resource of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<Resource>> {
        self.resources.get(name)
    }

    /// All resources, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<Resource>)> {
        self.resources.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.resources.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }

    pub(super) fn derived(&self) -> &Derived {
        &self.derived
    }

    /// Version of the whole.
    pub fn version(&self) -> &Version {
        &self.version
    }
}

/// What one group of nodes is served, of every kind.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct View {
    types: BTreeMap<Kind, Arc<TypeView>>,
}

impl View {
    /// A view of these resources. Where `before` has an equal type, it is shared.
    pub fn new(resources: impl IntoIterator<Item = Arc<Resource>>, before: Option<&View>) -> View {
        let mut maps: BTreeMap<Kind, BTreeMap<Arc<str>, Arc<Resource>>> = BTreeMap::new();
        for resource in resources {
            maps.entry(resource.kind).or_default().insert(resource.name.clone(), resource);
        }
        let share = |(kind, map)| {
            let made = TypeView::new(map);
            let shared = before.and_then(|view| view.types.get(&kind)).filter(|old| old.version == made.version);
            (kind, shared.cloned().unwrap_or_else(|| Arc::new(made)))
        };
        View { types: maps.into_iter().map(share).collect() }
    }

    /// The resources of one kind.
    pub fn of(&self, kind: Kind) -> &Arc<TypeView> {
        static NONE: LazyLock<Arc<TypeView>> = LazyLock::new(|| Arc::new(TypeView::new(BTreeMap::new())));
        self.types.get(&kind).unwrap_or(&NONE)
    }
}
