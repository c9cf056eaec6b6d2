//! What one client was sent of one type, name by name, and what it said to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::subscription::Name;
use crate::snapshot::{Resource, TypeView, Version};

/// The record of one type on one stream. Answers depend on it, never on what a client claims in a request; the one exception is
/// the map with which a client reconnects, and that is taken in here once.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: BTreeMap<Name, Entry>,
}

/// One name.
#[derive(Debug)]
pub struct Entry {
    /// Version sent last, or told by the client as it reconnected.
    pub sent: Version,
    /// What was sent; `None` when the client told of it and this server knows no such content, or when it was removed.
    pub resource: Option<Arc<Resource>>,
    /// The newest word about it was that it is gone. It stands here until the client has accepted that.
    pub removed: bool,
    /// Nonce of the newest response that carried it; 0 when the client told of it.
    pub nonce: u64,
    /// What the client said to it.
    pub state: State,
    /// What the client is known to use.
    pub confirmed: Confirmed,
    /// What it was sent before the newest and never accepted, with the nonces: its answers may be under way, so it may be using any.
    earlier: Vec<(u64, Arc<Resource>)>,
}

/// How many of these are remembered of a name: as many responses as may await an answer at once.
const EARLIER: usize = 8;

/// What a client said to the newest version of a name that it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing yet.
    Sent,
    /// ACK.
    Acked,
    /// NACK of the response that carried it. A NACK does not say which of the names it is about.
    Rejected,
}

/// What a client is known to use of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmed {
    /// Nothing that this server knows of.
    Nothing,
    /// Something it brought along, unknown here.
    Foreign,
    /// This.
    Known(Arc<Resource>),
}

impl Ledger {
    /// The record of one name.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// All records, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Entry)> {
        self.entries.iter()
    }

    /// A client reconnects and tells that it holds this.
    pub fn told(&mut self, name: &str, version: &str) {
        let entry = Entry {
            sent: Version::told(version),
            resource: None,
            removed: false,
            nonce: 0,
            state: State::Acked,
            confirmed: Confirmed::Foreign,
            earlier: Vec::new(),
        };
        self.entries.insert(name.into(), entry);
    }

    /// A client reconnects and holds this very resource.
    pub fn held(&mut self, resource: &Arc<Resource>) {
        self.told(&resource.name, resource.version.as_str());
        if let Some(entry) = self.entries.get_mut(&resource.name) {
            entry.resource = Some(resource.clone());
            entry.confirmed = Confirmed::Known(resource.clone());
        }
    }

    /// Finds what the client told of among the resources there are.
    pub fn recognise(&mut self, view: &TypeView) {
        for (name, entry) in self.entries.iter_mut().filter(|(_, entry)| entry.confirmed == Confirmed::Foreign) {
            if let Some(resource) = view.get(name).filter(|resource| resource.version == entry.sent) {
                entry.resource = Some(resource.clone());
                entry.confirmed = Confirmed::Known(resource.clone());
            }
        }
    }

    /// This resource goes out with this nonce.
    pub fn sent(&mut self, resource: &Arc<Resource>, nonce: u64) {
        let (confirmed, earlier) = self.entries.remove(&resource.name).map_or((Confirmed::Nothing, Vec::new()), Entry::superseded);
        let entry = Entry {
            sent: resource.version.clone(),
            resource: Some(resource.clone()),
            removed: false,
            nonce,
            state: State::Sent,
            confirmed,
            earlier,
        };
        self.entries.insert(resource.name.clone(), entry);
    }

    /// Word that this name is gone goes out with this nonce. Whether the client still uses it is not known until it answers.
    pub fn removed(&mut self, name: &Name, nonce: u64) {
        if let Some(entry) = self.entries.get_mut(name) {
            let sent = entry.sent.clone();
            let (state, confirmed, earlier) = (State::Sent, Confirmed::Nothing, Vec::new());
            *entry = Entry { sent, resource: None, removed: true, nonce, state, confirmed, earlier };
        }
    }

    /// The client does not hold this name any more, or should not.
    pub fn forget(&mut self, name: &str) {
        self.entries.remove(name);
    }

    /// Keeps the records of those names alone.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.entries.retain(|name, _| keep(name));
    }

    /// The client acknowledges the response with this nonce that carried these names.
    pub fn acked(&mut self, names: &[Name], nonce: u64) {
        for name in names {
            if let Some(entry) = self.entries.get_mut(name) {
                entry.acked(nonce);
            }
        }
        self.entries.retain(|_, entry| !(entry.removed && entry.state == State::Acked));
    }

    /// Whether the client rejected the newest word about any name.
    pub fn has_rejected(&self) -> bool {
        self.entries.values().any(|entry| entry.state == State::Rejected)
    }

    /// The client rejects the response with this nonce that carried these names.
    pub fn rejected(&mut self, names: &[Name], nonce: u64) {
        for name in names {
            if let Some(entry) = self.entries.get_mut(name).filter(|entry| entry.nonce == nonce) {
                entry.state = State::Rejected;
            }
        }
    }
}

impl Entry {
    /// What is left to be known of this name when something newer goes out.
    fn superseded(self) -> (Confirmed, Vec<(u64, Arc<Resource>)>) {
        let mut earlier = self.earlier;
        if let (Some(resource), State::Sent | State::Rejected) = (self.resource, self.state) {
            if earlier.len() == EARLIER {
                earlier.remove(0);
            }
            earlier.push((self.nonce, resource));
        }
        (self.confirmed, earlier)
    }

    /// The client accepts what carried this nonce: the newest, or something before it whose answer was still under way.
    fn acked(&mut self, nonce: u64) {
        if self.nonce == nonce {
            self.state = State::Acked;
            self.confirmed = self.resource.clone().map_or(Confirmed::Nothing, Confirmed::Known);
            self.earlier.clear();
        } else if let Some((_, resource)) = self.earlier.iter().find(|(earlier, _)| *earlier == nonce) {
            self.confirmed = Confirmed::Known(resource.clone());
            self.earlier.retain(|(earlier, _)| *earlier > nonce);
        }
    }

    /// Whether the client uses some version of this resource.
    pub fn is_in_use(&self) -> bool {
        self.confirmed != Confirmed::Nothing
    }

    /// Calls `each` with every resource that the client may be using under this name: what it confirmed, and all it was sent since. Returns false if it may be using something that is unknown here.
    pub fn may_use<'a>(&'a self, mut each: impl FnMut(&'a Arc<Resource>)) -> bool {
        if let (Some(resource), State::Sent | State::Rejected) = (&self.resource, self.state) {
            each(resource);
        }
        self.earlier.iter().for_each(|(_, resource)| each(resource));
        match &self.confirmed {
            Confirmed::Known(resource) => each(resource),
            Confirmed::Foreign => return false,
            Confirmed::Nothing => {}
        }
        true
    }
}
