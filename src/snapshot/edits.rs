//! What is to become of a view.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Kind, Resource};

/// By name, what is to be there; `None` for nothing.
pub(super) type Named = BTreeMap<Arc<str>, Option<Arc<Resource>>>;

/// Changes of one kind.
#[derive(Debug, Default)]
pub(super) struct KindEdits {
    /// Of what everybody gets who asks for all.
    pub listed: Named,
    /// Of what is given only to who asks for it by name.
    pub on_request: Named,
}

/// Changes of a view. What is said of a name last holds.
#[derive(Debug, Default)]
pub(super) struct Edits(BTreeMap<Kind, KindEdits>);

impl Edits {
    /// There is this resource.
    pub fn list(&mut self, resource: &Arc<Resource>) {
        self.of(resource.kind).listed.insert(resource.name.clone(), Some(resource.clone()));
    }

    /// This resource is there no more.
    pub fn unlist(&mut self, resource: &Resource) {
        self.of(resource.kind).listed.insert(resource.name.clone(), None);
    }

    /// This is what is given of a kind to who asks for that name.
    pub fn on_request(&mut self, kind: Kind, name: &Arc<str>, resource: Option<Arc<Resource>>) {
        self.of(kind).on_request.insert(name.clone(), resource);
    }

    /// The changes of each kind.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, &KindEdits)> {
        self.0.iter().map(|(kind, edits)| (*kind, edits))
    }

    fn of(&mut self, kind: Kind) -> &mut KindEdits {
        self.0.entry(kind).or_default()
    }
}
