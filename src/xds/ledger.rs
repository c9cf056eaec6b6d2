//! What one client was sent of one type, and what it said to it.
//!
//! Most clients hold just what others hold: a whole view, all of it accepted. So that is how it is written down: a view that all
//! such ledgers share, and beside it only the names for which something else is true. What a change costs, in time and in memory,
//! depends on the names that changed, not on those that there are.

use std::collections::HashMap;
use std::sync::Arc;

use super::subscription::Name;
use crate::snapshot::{Resource, TypeView};

mod entry;
mod own;

pub use entry::{Entry, Held, Known, State};

use entry::Confirmed;
use own::Own;

/// The record of one type on one stream. Answers depend on it, never on what a client claims in a request; the one exception is
/// the map with which a client reconnects, and that is taken in here once.
#[derive(Debug, Default)]
pub struct Ledger {
    whole: Option<Whole>,
    /// Names of which something else is true: a record of their own, or that the client does not hold them although the whole has them.
    own: Own,
}

/// A view that the client was sent as a whole, or has come to hold.
#[derive(Debug)]
struct Whole {
    view: Arc<TypeView>,
    /// Nonce of the response that carried it.
    nonce: u64,
    acked: bool,
    /// It is known to be used; not if no more is known than that the client named its version as it reconnected.
    used: bool,
}

/// The names that a response carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carried {
    /// All of a view.
    Whole(Arc<TypeView>),
    /// These.
    Names(Vec<Name>),
}

impl Carried {
    /// The names, one by one.
    pub fn into_names(self) -> Vec<Name> {
        match self {
            Carried::Whole(view) => view.names().iter().cloned().collect(),
            Carried::Names(names) => names,
        }
    }
}

impl Ledger {
    /// The record of one name.
    pub fn get(&self, name: &str) -> Option<Held<'_>> {
        match self.own.get(name) {
            Some(own) => own.as_deref().map(Held::Own),
            None => self.in_whole(name),
        }
    }

    fn in_whole(&self, name: &str) -> Option<Held<'_>> {
        let whole = self.whole.as_ref()?;
        whole.view.get(name).map(|resource| Held::Whole(resource, whole.known()))
    }

    /// All records, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, Held<'_>)> {
        let whole = self
            .whole
            .iter()
            .flat_map(|whole| whole.view.iter().map(|(name, resource)| (name, Held::Whole(resource, whole.known()))));
        let own = self.own.iter().filter_map(|(name, own)| own.as_deref().map(|entry| (name, Held::Own(entry))));
        whole.filter(|(name, _)| !self.own.contains(name)).chain(own)
    }

    /// Whether the client was sent nothing and told of nothing.
    pub fn is_empty(&self) -> bool {
        self.whole.is_none() && self.own.is_empty()
    }

    /// The view that the client holds, but for the names in `own`.
    pub fn whole(&self) -> Option<&Arc<TypeView>> {
        self.whole.as_ref().map(|whole| &whole.view)
    }

    /// Names of which something else is true than of the whole.
    pub fn own(&self) -> impl Iterator<Item = &Name> {
        self.own.iter().map(|(name, _)| name)
    }

    /// How many those are.
    pub fn own_len(&self) -> usize {
        self.own.len()
    }

    /// What the client was sent and has not answered.
    pub fn unanswered(&self) -> Carried {
        match &self.whole {
            Some(whole) if !whole.acked => Carried::Whole(whole.view.clone()),
            _ => {
                let open = self.own.iter().filter(|(_, own)| own.as_ref().is_some_and(|entry| entry.state == State::Sent));
                Carried::Names(open.map(|(name, _)| name.clone()).collect())
            }
        }
    }

    /// Names that the client holds and that a view does not have.
    pub fn not_in(&self, view: &Arc<TypeView>) -> Vec<Name> {
        let own = self.own.iter().filter(|(_, own)| own.as_ref().is_some_and(|entry| !entry.removed)).map(|(name, _)| name.clone());
        let mut names: Vec<Name> = own.filter(|name| view.get(name).is_none()).collect();
        if let Some(whole) = self.whole.as_ref().filter(|whole| !Arc::ptr_eq(&whole.view, view)) {
            let gone = view.changes_since(&whole.view);
            let gone = gone.iter().filter(|name| view.get(name).is_none() && !self.own.contains(name));
            names.extend(gone.filter(|name| whole.view.get(name).is_some()).cloned());
        }
        names
    }

    /// Whether anything that the client may be using refers to a name.
    pub fn may_refer_to(&self, name: &str) -> bool {
        let own = self.own.entries().any(|entry| Held::Own(entry).may_refer_to(name));
        own || self.whole.iter().flat_map(|whole| whole.view.referrers(name)).any(|referrer| !self.own.contains(referrer))
    }

    /// A client reconnects and tells that it holds this, names and versions. What is just as in the view needs no record of its own.
    pub fn told(&mut self, held: &HashMap<String, String>, view: &Arc<TypeView>) {
        let same = |name: &str, version: &str| view.get(name).is_some_and(|resource| resource.version.as_str() == version);
        let found = if held.len() * 2 < view.len() { 0 } else { self.told_whole(held, view) };
        if found < held.len() {
            for (name, version) in held.iter().filter(|(name, version)| self.whole.is_none() || !same(name, version)) {
                self.own.insert(name.as_str().into(), Some(Box::new(Entry::told(version))));
            }
            self.recognise(view);
        }
    }

    /// Takes it that the client holds the view, but for the names that it did not tell of, if it told of most. How many resources of
    /// the view are then known that it holds.
    fn told_whole(&mut self, held: &HashMap<String, String>, view: &Arc<TypeView>) -> usize {
        let (mut found, mut missing) = (0, Vec::new());
        for (name, resource) in view.iter() {
            match held.get(name.as_ref()) {
                Some(version) => found += usize::from(version == resource.version.as_str()),
                None => missing.push((name.clone(), None)),
            }
        }
        if view.is_empty() || found * 2 < view.len() {
            return 0;
        }
        self.whole = Some(Whole { view: view.clone(), nonce: 0, acked: true, used: true });
        self.own.extend(missing);
        found
    }

    /// A client reconnects and names the version of just this. Whether it uses it is another matter: who has rejected a part of what
    /// came after it goes on naming it, and may have taken the rest.
    pub fn held_whole(&mut self, view: &Arc<TypeView>, used: bool) {
        self.whole = Some(Whole { view: view.clone(), nonce: 0, acked: true, used });
    }

    /// Goes on on another stream: no answer there is about what was sent on this one.
    pub fn carried_over(mut self) -> Ledger {
        self.whole.iter_mut().for_each(|whole| whole.nonce = 0);
        self.own.entries_mut().for_each(|entry| entry.nonce = 0);
        self
    }

    /// The client acknowledges the list with this nonce of everything that it should have, and with it what was in lists before it.
    pub fn acked_all(&mut self, nonce: u64) {
        if let Some(whole) = self.whole.as_mut().filter(|whole| whole.nonce <= nonce) {
            (whole.acked, whole.used) = (true, true);
        }
        let open = self.own.entries_mut().filter(|entry| entry.state == State::Sent && entry.nonce <= nonce);
        open.for_each(|entry| entry.acked(entry.nonce));
    }

    /// Whether there is something of which the client has said nothing, or no more than its version as it reconnected.
    pub fn is_open(&self) -> bool {
        let whole = self.whole.as_ref().filter(|whole| whole.known() != Known::Used);
        let held = whole.is_some_and(|whole| whole.view.iter().any(|(name, _)| !self.own.contains(name)));
        held || self.own.entries().any(|entry| entry.state == State::Sent)
    }

    /// What was rejected under this name is no more.
    pub fn void(&mut self, name: &str) {
        if let Some(Some(entry)) = self.own.get_mut(name) {
            entry.void();
        }
    }

    /// Whether the client uses this is not known any more, until it acknowledges it anew.
    pub fn doubt(&mut self, name: &str) {
        if let Some(mut entry) = self.take(name) {
            entry.confirmed = Confirmed::Nothing;
            self.own.insert(name.into(), Some(Box::new(entry)));
        }
    }

    /// A client reconnects and holds this very resource.
    pub fn held(&mut self, resource: &Arc<Resource>) {
        self.own.insert(resource.name.clone(), Some(Box::new(Entry::held(resource))));
    }

    /// Finds what the client told of among the resources there are.
    pub fn recognise(&mut self, view: &TypeView) {
        let own = self.own.iter_mut().filter_map(|(name, own)| own.as_deref_mut().map(|entry| (name, entry)));
        // Once it was sent something else, what it told of is not known from that.
        for (name, entry) in own.filter(|(_, entry)| entry.confirmed == Confirmed::Foreign && entry.nonce == 0) {
            if let Some(resource) = view.get_on_request(name).filter(|resource| resource.version == entry.sent) {
                entry.resource = Some(resource.clone());
                entry.confirmed = Confirmed::Known(resource.clone());
            }
        }
    }

    /// A whole view goes out with this nonce, to a client that holds nothing.
    pub fn sent_whole(&mut self, view: &Arc<TypeView>, nonce: u64) {
        self.own = Own::default();
        self.whole = Some(Whole { view: view.clone(), nonce, acked: false, used: false });
    }

    /// This resource goes out with this nonce.
    pub fn sent(&mut self, resource: &Arc<Resource>, nonce: u64) {
        match self.own.get_mut(&resource.name) {
            Some(Some(entry)) => entry.send(resource, nonce),
            Some(none) => *none = Some(Box::new(Entry::sent(resource, nonce))),
            None => {
                let before = self.whole.as_ref().and_then(|whole| whole.entry(&resource.name));
                let entry = before.map_or_else(|| Entry::sent(resource, nonce), |before| before.followed_by(resource, nonce));
                self.own.insert(resource.name.clone(), Some(Box::new(entry)));
            }
        }
    }

    /// Word that this name is gone goes out with this nonce.
    pub fn removed(&mut self, name: &Name, nonce: u64) {
        if let Some(entry) = self.take(name) {
            self.own.insert(name.clone(), Some(Box::new(entry.removed(nonce))));
        }
    }

    /// The client asks for a name that it asks for already. So does an Envoy that has given it up meanwhile, and holds nothing under
    /// it: if it is told then that the name is gone, it does not go on with what it had.
    pub fn asked_again(&mut self, name: &str) {
        if let Some(mut entry) = self.take(name) {
            entry.again = true;
            self.own.insert(name.into(), Some(Box::new(entry)));
        }
    }

    /// The record of a name, taken out, as one of its own. That the client does not hold it, though the whole has it, stays.
    fn take(&mut self, name: &str) -> Option<Entry> {
        match self.own.get(name) {
            Some(None) => None,
            Some(_) => self.own.remove(name).flatten().map(|entry| *entry),
            None => self.whole.as_ref().and_then(|whole| whole.entry(name)),
        }
    }

    /// The client does not hold this name any more, or should not.
    pub fn forget(&mut self, name: &str) {
        match self.whole.as_ref().and_then(|whole| whole.view.get(name)) {
            Some(resource) => self.own.insert(resource.name.clone(), None),
            None => drop(self.own.remove(name)),
        }
    }

    /// Keeps the records of those names alone.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.own.retain(|name, own| own.is_none() || keep(name));
        if let Some(whole) = &self.whole {
            self.own.extend(whole.view.iter().filter(|(name, _)| !keep(name)).map(|(name, _)| (name.clone(), None)));
        }
    }

    /// The client acknowledges the response with this nonce that carried these names. Whether it heeds the word that a name is gone is
    /// a matter of the kind: one that does not goes on with what it had, and so its record stays.
    pub fn acked(&mut self, carried: &Carried, nonce: u64, heeds: bool) {
        if let Some(whole) = self.whole.as_mut().filter(|whole| whole.nonce == nonce) {
            (whole.acked, whole.used) = (true, true);
        }
        match carried {
            Carried::Whole(_) => self.own.entries_mut().for_each(|entry| entry.acked(nonce)),
            Carried::Names(names) => names.iter().for_each(|name| self.acked_one(name, nonce, heeds)),
        }
    }

    fn acked_one(&mut self, name: &str, nonce: u64, heeds: bool) {
        let Some(Some(entry)) = self.own.get_mut(name) else { return };
        entry.acked(nonce);
        if (heeds || entry.again) && entry.removed && entry.state == State::Acked {
            self.forget(name);
        }
    }

    /// The client rejects the response with this nonce that carried these names.
    pub fn rejected(&mut self, carried: &Carried, nonce: u64) {
        self.unanswered_for_good(nonce);
        let reject = |entry: &mut Entry| {
            if entry.nonce == nonce {
                entry.state = State::Rejected;
            }
        };
        match carried {
            Carried::Whole(_) => self.own.entries_mut().for_each(reject),
            Carried::Names(names) => names.iter().for_each(|name| {
                self.own.get_mut(name).and_then(Option::as_deref_mut).into_iter().for_each(reject);
            }),
        }
    }

    /// Whether the client rejected the newest word about any name.
    pub fn has_rejected(&self) -> bool {
        self.own.entries().any(|entry| entry.state == State::Rejected)
    }

    /// No ACK of the response with this nonce will count any more; what it carried may be accepted with a later one, name by name.
    pub fn unanswered_for_good(&mut self, nonce: u64) {
        if self.whole.as_ref().is_some_and(|whole| whole.nonce == nonce && !whole.acked) {
            self.dissolve();
        }
    }

    /// Gives every name a record of its own.
    fn dissolve(&mut self) {
        let Some(whole) = self.whole.take() else { return };
        for (name, _) in whole.view.iter() {
            if !self.own.contains(name) {
                self.own.insert(name.clone(), whole.entry(name).map(Box::new));
            }
        }
        self.own.retain(|_, own| own.is_some());
    }

    /// The client has answered everything. If what it holds is of this view, records of its own are given up for it.
    pub fn settle(&mut self, view: &Arc<TypeView>) {
        let settled = |(name, own): (&Name, &Option<Box<Entry>>)| {
            own.as_ref().is_none_or(|entry| view.get(name).is_some_and(|resource| entry.is_settled(resource)))
        };
        match &self.whole {
            Some(whole) if !whole.acked || (self.own.is_empty() && Arc::ptr_eq(&whole.view, view)) => return,
            Some(whole) => {
                let changes = view.changes_since(&whole.view);
                let (gone, other): (Vec<&Name>, Vec<&Name>) = changes.iter().partition(|name| view.get(name).is_none());
                // What the new view has and the old had not is held only if it has a record; and what left it must have been left.
                let old = |name: &&Name| whole.view.get(name).is_some() && !self.own.contains(name);
                if gone.iter().any(old) || other.iter().any(old) || !self.own.iter().all(settled) {
                    return;
                }
                let new: Vec<Name> = other.into_iter().filter(|name| !self.own.contains(name)).cloned().collect();
                self.own.retain(|name, own| own.is_none() && view.get(name).is_some());
                self.own.extend(new.into_iter().map(|name| (name, None)));
            }
            None => {
                if self.own.is_empty() || self.own.len() * 2 < view.len() || !self.own.iter().all(settled) {
                    return;
                }
                let held = std::mem::take(&mut self.own);
                self.own = view.iter().filter(|(name, _)| !held.contains(name)).map(|(name, _)| (name.clone(), None)).collect();
            }
        }
        self.whole = Some(Whole { view: view.clone(), nonce: 0, acked: true, used: true });
    }
}

impl Whole {
    fn known(&self) -> Known {
        match (self.acked, self.used) {
            (false, _) => Known::Sent,
            (true, false) => Known::Told,
            (true, true) => Known::Used,
        }
    }

    /// The record of one name, as one of its own.
    fn entry(&self, name: &str) -> Option<Entry> {
        let resource = self.view.get(name)?;
        Some(match self.known() {
            Known::Sent => Entry::sent(resource, self.nonce),
            Known::Told => Entry::claimed(resource),
            Known::Used => Entry::held(resource),
        })
    }
}
