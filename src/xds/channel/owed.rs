//! Names to be sent even if the client was sent them already.

use std::collections::BTreeSet;

use crate::xds::subscription::{Name, Subscription};

/// What a client is owed, whatever it holds.
#[derive(Debug, Default)]
pub(super) struct Owed {
    /// Every name it subscribes to: so it is at the start, and then the names need not be written down.
    all: bool,
    names: BTreeSet<Name>,
}

impl Owed {
    /// These names.
    pub fn just(names: BTreeSet<Name>) -> Owed {
        Owed { all: false, names }
    }

    pub fn is_empty(&self) -> bool {
        !self.all && self.names.is_empty()
    }

    pub fn contains(&self, name: &str, subscription: &Subscription) -> bool {
        self.names.contains(name) || (self.all && subscription.names().contains(name))
    }

    /// The names, if not all of the subscription are meant anyway.
    pub fn names(&self) -> &BTreeSet<Name> {
        &self.names
    }

    /// Whether all names of the subscription are meant.
    pub fn is_all(&self) -> bool {
        self.all
    }

    pub fn add_all(&mut self) {
        self.all = true;
    }

    pub fn add(&mut self, name: Name) {
        self.names.insert(name);
    }

    pub fn remove(&mut self, name: &str) {
        self.names.remove(name);
    }

    /// A response goes out, and pays for all but the names to be kept back.
    pub fn pay(&mut self, subscription: &Subscription, kept: &BTreeSet<Name>, keep: impl Fn(&Name) -> bool) {
        if std::mem::take(&mut self.all) {
            self.names.extend(kept.iter().filter(|name| subscription.names().contains(*name)).cloned());
        }
        self.names.retain(keep);
    }
}
