//! What one group of nodes is served.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::derived::Derived;
use super::{Kind, Resource, Version};

/// Resources of one kind, by name.
pub type Resources = BTreeMap<Arc<str>, Arc<Resource>>;

/// The same, on the way there.
type Entries = Vec<(Arc<str>, Arc<Resource>)>;

/// The resources of one kind, by name, with a version of the whole.
#[derive(Debug, PartialEq, Eq)]
pub struct TypeView {
    resources: Resources,
    /// What nobody gets who does not ask for it by name.
    on_request: Resources,
    version: Version,
    derived: Derived,
}

impl TypeView {
    /// A view of these resources. Its version is a hash over the sorted names and their versions.
    pub fn new(resources: Resources) -> TypeView {
        TypeView::with_on_request(resources, Resources::new())
    }

    /// A view of these resources, and of some that are given only to who asks for them by name; the version covers both.
    pub fn with_on_request(resources: Resources, on_request: Resources) -> TypeView {
        let mut text = Vec::new();
        for (name, resource) in resources.iter().chain(&on_request) {
            // Lengths keep `a` + `bc` apart from `ab` + `c`.
            text.extend_from_slice(&(name.len() as u64).to_le_bytes());
            text.extend_from_slice(name.as_bytes());
            text.extend_from_slice(resource.version.as_str().as_bytes());
        }
        TypeView { version: Version::of(&text), resources, on_request, derived: Derived::default() }
    }

    /// The resource of that name among those that everybody gets who asks for all.
    pub fn get(&self, name: &str) -> Option<&Arc<Resource>> {
        self.resources.get(name)
    }

    /// What somebody gets who asks for this name: that resource, or else the one that is given on request.
    pub fn get_on_request(&self, name: &str) -> Option<&Arc<Resource>> {
        self.get(name).or_else(|| self.on_request.get(name))
    }

    /// Whether a name is given only on request.
    pub fn is_on_request(&self, name: &str) -> bool {
        !self.on_request.is_empty() && self.on_request.contains_key(name) && !self.resources.contains_key(name)
    }

    /// All resources, by name, but for those on request.
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
        View::with_on_request(resources, [], before)
    }

    /// A view of these resources, and of some that are given only to who asks for them by name. Where one name is given twice on
    /// request, the first counts.
    pub fn with_on_request(
        resources: impl IntoIterator<Item = Arc<Resource>>,
        on_request: impl IntoIterator<Item = Arc<Resource>>,
        before: Option<&View>,
    ) -> View {
        // Maps are made of whole lists, which is cheaper than one by one; of a name that is there twice they keep the last.
        let mut lists: BTreeMap<Kind, (Entries, Entries)> = BTreeMap::new();
        for resource in resources {
            lists.entry(resource.kind).or_default().0.push((resource.name.clone(), resource));
        }
        for resource in on_request {
            lists.entry(resource.kind).or_default().1.push((resource.name.clone(), resource));
        }
        let share = |(kind, (listed, on_request)): (Kind, (Entries, Entries))| {
            let made = TypeView::with_on_request(listed.into_iter().collect(), on_request.into_iter().rev().collect());
            let shared = before.and_then(|view| view.types.get(&kind)).filter(|old| old.version == made.version);
            (kind, shared.cloned().unwrap_or_else(|| Arc::new(made)))
        };
        View { types: lists.into_iter().map(share).collect() }
    }

    /// The resources of one kind.
    pub fn of(&self, kind: Kind) -> &Arc<TypeView> {
        static NONE: LazyLock<Arc<TypeView>> = LazyLock::new(|| Arc::new(TypeView::new(BTreeMap::new())));
        self.types.get(&kind).unwrap_or(&NONE)
    }
}
