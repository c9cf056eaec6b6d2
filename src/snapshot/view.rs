//! What one group of nodes is served.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use imbl::OrdMap;
use xxhash_rust::xxh3::xxh3_128;

use super::derived::Derived;
use super::edits::{Edits, KindEdits};
use super::{Kind, Resource, Version};

/// Resources of one kind, by name. Maps of successive generations share what did not change.
pub type Resources = OrdMap<Arc<str>, Arc<Resource>>;

/// The resources of one kind, by name, with a version of the whole.
#[derive(Debug, PartialEq, Eq)]
pub struct TypeView {
    resources: Resources,
    /// What nobody gets who does not ask for it by name.
    on_request: Resources,
    digest: Digest,
    version: Version,
    derived: Derived,
}

impl TypeView {
    /// A view of these resources.
    pub fn new(resources: Resources) -> TypeView {
        let edits = resources.into_iter().map(|(name, resource)| (name, Some(resource))).collect();
        TypeView::default().edited(&KindEdits { listed: edits, on_request: BTreeMap::new() }).unwrap_or_default()
    }

    /// This view with some names changed; `None` if it stays as it is. Content that is equal is kept. What follows from the names, or
    /// from what refers to what, is taken over if these stay.
    pub(super) fn edited(&self, edits: &KindEdits) -> Option<TypeView> {
        let (mut resources, mut on_request, mut digest) = (self.resources.clone(), self.on_request.clone(), self.digest);
        let (mut changed, mut same_names, mut same_refs) = (false, true, true);
        for (name, to) in &edits.listed {
            let Some(old) = replace(&mut resources, name, to) else { continue };
            digest.replace(Access::Listed, name, old.as_deref(), to.as_deref());
            let kept = old.as_deref().zip(to.as_deref());
            same_names &= kept.is_some();
            same_refs &= kept.is_some_and(|(old, new)| old.refs == new.refs);
            changed = true;
        }
        for (name, to) in &edits.on_request {
            let Some(old) = replace(&mut on_request, name, to) else { continue };
            digest.replace(Access::OnRequest, name, old.as_deref(), to.as_deref());
            changed = true;
        }
        let derived = || self.derived.after(same_names, same_refs);
        changed.then(|| TypeView { resources, on_request, version: digest.version(), digest, derived: derived() })
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

    pub(super) fn resources(&self) -> &Resources {
        &self.resources
    }

    pub(super) fn derived(&self) -> &Derived {
        &self.derived
    }

    /// Version of the whole: of the names and their versions, on request or not, whatever was there before.
    pub fn version(&self) -> &Version {
        &self.version
    }
}

impl Default for TypeView {
    /// Nothing.
    fn default() -> TypeView {
        let (resources, on_request, digest) = (Resources::new(), Resources::new(), Digest::default());
        TypeView { resources, on_request, version: digest.version(), digest, derived: Derived::default() }
    }
}

/// Puts in or takes out; what was there before, or `None` if that is equal.
fn replace(resources: &mut Resources, name: &Arc<str>, to: &Option<Arc<Resource>>) -> Option<Option<Arc<Resource>>> {
    let old = resources.get(name).map(|old| &old.version);
    if old == to.as_ref().map(|new| &new.version) {
        return None;
    }
    Some(match to {
        Some(new) => resources.insert(name.clone(), new.clone()),
        None => resources.remove(name),
    })
}

/// To whom a resource is given.
#[derive(Debug, Clone, Copy)]
enum Access {
    Listed = 0,
    OnRequest = 1,
}

/// A sum of hashes, one of each entry: equal for equal entries, in whatever order and by whatever detours they came, and renewed for the
/// price of what changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Digest(u128);

impl Digest {
    fn replace(&mut self, access: Access, name: &str, old: Option<&Resource>, new: Option<&Resource>) {
        let of = |resource: Option<&Resource>| resource.map_or(0, |resource| entry(access, name, &resource.version));
        self.0 = self.0.wrapping_sub(of(old)).wrapping_add(of(new));
    }

    fn version(self) -> Version {
        Version::of(&self.0.to_le_bytes())
    }
}

fn entry(access: Access, name: &str, version: &Version) -> u128 {
    // The length keeps `a` + `bc` apart from `ab` + `c`.
    let length = (name.len() as u64).to_le_bytes();
    xxh3_128(&[&[access as u8], &length[..], name.as_bytes(), version.as_str().as_bytes()].concat())
}

/// What one group of nodes is served, of every kind.
#[derive(Debug, PartialEq, Eq)]
pub struct View {
    /// By kind, in their order. All of which there is nothing are one.
    types: [Arc<TypeView>; Kind::ALL.len()],
}

impl Default for View {
    /// Nothing.
    fn default() -> View {
        View { types: std::array::from_fn(|_| nothing().clone()) }
    }
}

fn nothing() -> &'static Arc<TypeView> {
    static NOTHING: LazyLock<Arc<TypeView>> = LazyLock::new(Arc::default);
    &NOTHING
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
        on_request: impl IntoIterator<Item = Arc<Resource>, IntoIter: DoubleEndedIterator>,
        before: Option<&View>,
    ) -> View {
        let mut edits = Edits::default();
        resources.into_iter().for_each(|resource| edits.list(&resource));
        on_request.into_iter().rev().for_each(|resource| edits.on_request(resource.kind, &resource.name, Some(resource.clone())));
        let mut view = View::default().edited(&edits);
        for (made, old) in view.types.iter_mut().zip(before.iter().flat_map(|view| &view.types)) {
            if old.version == made.version {
                *made = old.clone();
            }
        }
        view
    }

    /// This view with some resources changed. Types in which nothing did are shared.
    pub(super) fn edited(&self, edits: &Edits) -> View {
        let mut types = self.types.clone();
        for (kind, edits) in edits.iter() {
            let Some(made) = self.of(kind).edited(edits) else { continue };
            let empty = made.resources.is_empty() && made.on_request.is_empty();
            types[kind as usize] = if empty { nothing().clone() } else { Arc::new(made) };
        }
        View { types }
    }

    /// The resources of one kind.
    pub fn of(&self, kind: Kind) -> &Arc<TypeView> {
        &self.types[kind as usize]
    }
}
