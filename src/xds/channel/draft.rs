//! The comparison of what is wanted with what was sent.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Channel, Wanted};
use crate::snapshot::{Kind, Resource, TypeView};
use crate::xds::board::Variant;
use crate::xds::ledger::{Carried, Held, State};
use crate::xds::request::Resources;
use crate::xds::subscription::Name;

/// What is to be sent.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// By name.
    pub resources: Vec<Arc<Resource>>,
    pub removed: Vec<Name>,
    /// In place of `resources`: all of the view.
    pub whole: Option<Arc<TypeView>>,
    /// In a full list: names in `resources` whose content is new to the client.
    pub fresh: Vec<Name>,
    /// Else: some of it is news that the client did not ask for.
    changed: bool,
    /// Names that left a full-state response, or went without the variant having a word for it.
    pub gone: Vec<Name>,
    /// Names that were rejected and are no more, for which the variant has no word.
    pub void: Vec<Name>,
    /// A kept name that the client does not have yet stands in the way of a response that is taken as complete.
    pub withheld: bool,
    /// Something was rejected that should be tried again after this.
    pub retry_later: bool,
}

impl Draft {
    /// Whether it carries nothing.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.removed.is_empty() && self.whole.as_ref().is_none_or(|view| view.is_empty())
    }

    /// Whether it carries this resource, or the name of it.
    pub fn carries(&self, name: &str) -> bool {
        let listed = self.resources.binary_search_by(|resource| resource.name.as_ref().cmp(name)).is_ok();
        listed || self.whole.as_ref().is_some_and(|view| view.get(name).is_some())
    }

    /// Whether it says anything about this name.
    pub fn tells_of(&self, name: &Name) -> bool {
        self.carries(name) || self.removed.binary_search(name).is_ok()
    }

    /// Takes out what goes into the response, beside what is removed.
    pub fn take_resources(&mut self) -> Resources {
        let resources = std::mem::take(&mut self.resources);
        self.whole.take().map_or(Resources::Some(resources), Resources::Whole)
    }
}

impl Channel {
    pub(super) fn draft(&self, wanted: Wanted<'_>) -> Draft {
        let full = self.is_full_list();
        if self.takes_all(wanted) && (full || self.ledger.is_empty()) {
            self.draft_whole(wanted.view)
        } else if full {
            self.draft_full(wanted)
        } else {
            self.draft_changes(wanted)
        }
    }

    /// Whether the client asks for all of the view, no more and no less, and nothing is kept from it.
    fn takes_all(&self, wanted: Wanted<'_>) -> bool {
        let names = self.subscription.names();
        let all = if self.subscription.is_wildcard() { names.is_empty() } else { Arc::ptr_eq(names, wanted.view.names()) };
        all && !self.subscription.is_empty() && wanted.keep.is_empty() && self.owed.names().is_empty()
    }

    /// Everything there is, as one. To a client that holds something it is news only as far as it differs from that.
    fn draft_whole(&self, view: &Arc<TypeView>) -> Draft {
        let mut draft = Draft { whole: Some(view.clone()), ..Draft::default() };
        if self.ledger.is_empty() {
            return draft;
        }
        for name in self.names(view) {
            match (view.get(&name), self.ledger.get(&name)) {
                (Some(now), held) if held.is_none_or(|held| held.sent() != &now.version) => draft.fresh.push(name),
                (None, Some(_)) => draft.gone.push(name),
                _ => {}
            }
        }
        draft
    }

    /// Names that matter. If the client holds a whole view: what is other in this one, and what is owed. Else what the subscription
    /// takes of the view, what the client holds, and what it asked for by name.
    pub(in crate::xds) fn names(&self, view: &Arc<TypeView>) -> Vec<Name> {
        let mut names = Vec::with_capacity(self.ledger.own_len() + self.owed.names().len() + self.subscription.names().len());
        names.extend(self.ledger.own().chain(self.owed.names()).cloned());
        match self.ledger.whole() {
            Some(whole) if Arc::ptr_eq(whole, view) => {}
            Some(whole) => {
                let changes = view.changes_since(whole);
                names.extend(changes.iter().filter(|name| self.subscription.wants(name)).cloned());
            }
            None if self.subscription.is_wildcard() => names.extend(view.iter().map(|(name, _)| name.clone())),
            None => {}
        }
        let asked = self.subscription.names().iter();
        if self.ledger.whole().is_none() || self.owed.is_all() {
            names.extend(asked.cloned());
        } else {
            names.extend(asked.filter(|name| view.is_on_request(name)).cloned());
        }
        // Each part is in order already.
        names.sort();
        names.dedup();
        names
    }

    /// A full list that leaves out, or keeps beside it, what is not in the view.
    fn draft_full(&self, wanted: Wanted<'_>) -> Draft {
        let mut draft = Draft::default();
        let mut names: BTreeSet<Name> = self.subscription.names().iter().cloned().collect();
        if self.subscription.is_wildcard() {
            names.extend(wanted.view.iter().map(|(name, _)| name.clone()));
        }
        names.extend(self.ledger.iter().map(|(name, _)| name.clone()));
        for name in names {
            let held = self.ledger.get(&name);
            let now = match wanted.keeps(&name) {
                true => held.and_then(Held::resource),
                false => wanted.get(&name, &self.subscription),
            };
            draft.withheld |= wanted.keeps(&name) && now.is_none();
            match now {
                Some(resource) => {
                    if held.is_none_or(|held| held.sent() != &resource.version) {
                        draft.fresh.push(name);
                    }
                    draft.resources.push(resource.clone());
                }
                None if held.is_some() => draft.gone.push(name),
                None => {}
            }
        }
        draft
    }

    fn draft_changes(&self, wanted: Wanted<'_>) -> Draft {
        let mut draft = Draft::default();
        let mut rejected = Draft::default();
        for name in self.names(wanted.view) {
            let held = self.ledger.get(&name);
            let now = wanted.get(&name, &self.subscription).cloned().or_else(|| Resource::stand_in(self.kind, &name).map(Arc::new));
            match now {
                _ if wanted.keeps(&name) => self.draft_kept(name, held, &mut draft),
                Some(resource) => self.draft_present(&name, &resource, held, &mut draft, &mut rejected),
                None => self.draft_absent(name, held, &mut draft, &mut rejected),
            }
        }
        let changed = draft.changed || draft.removed.iter().any(|name| !self.owes(name));
        // What was rejected is not sent for its own sake, but nobody knows which part of that response the client took, so it follows
        // the next change (and not the answer to a mere question); by itself, so that the change is not rejected with it.
        if draft.is_empty() && self.retry {
            return Draft { withheld: draft.withheld, ..rejected };
        }
        draft.retry_later = (changed || self.retry) && !rejected.is_empty();
        draft
    }

    fn draft_kept(&self, name: Name, held: Option<Held<'_>>, draft: &mut Draft) {
        let owed = self.owes(&name);
        match held.map(Held::resource) {
            Some(Some(resource)) if owed => draft.resources.push(resource.clone()),
            Some(_) => {}
            // A cluster from another time warms on being told that it has no endpoints here.
            None if owed && self.kind == Kind::Endpoints && self.variant == Variant::Delta => draft.removed.push(name),
            // A first answer to a wildcard is taken as complete, so it waits until it is.
            None => draft.withheld |= self.answer_due,
        }
    }

    fn draft_present(&self, name: &str, now: &Arc<Resource>, held: Option<Held<'_>>, draft: &mut Draft, rejected: &mut Draft) {
        let owed = self.owes(name);
        match held.filter(|held| held.sent() == &now.version && !held.is_removed()) {
            Some(_) if owed => draft.resources.push(now.clone()),
            Some(held) if held.state() == State::Rejected => rejected.resources.push(now.clone()),
            Some(_) => {}
            None if owed || self.subscription.wants(name) => {
                draft.changed |= !owed;
                draft.resources.push(now.clone());
            }
            None => {}
        }
    }

    fn draft_absent(&self, name: Name, held: Option<Held<'_>>, draft: &mut Draft, rejected: &mut Draft) {
        let owed = self.owes(&name);
        match held {
            Some(held) if held.is_removed() && !owed => {
                if held.state() == State::Rejected {
                    rejected.removed.push(name);
                }
            }
            // There is no word for it, and a client goes on with the routes that it has for as long as it asks for them.
            Some(held) if self.variant == Variant::Sotw && self.kind == Kind::Route => {
                if held.state() == State::Rejected {
                    draft.void.push(name);
                }
            }
            Some(_) if self.variant == Variant::Sotw => draft.gone.push(name),
            None if !owed || self.variant == Variant::Sotw => {}
            _ => draft.removed.push(name),
        }
    }

    /// What the response with this draft is an answer for: the names that are news to the client, and those whose answer is due.
    pub(super) fn carried(&self, draft: &Draft) -> Carried {
        match &draft.whole {
            Some(view) if self.ledger.is_empty() => Carried::Whole(view.clone()),
            _ if self.is_full_list() => {
                let open = self.ledger.own().filter(|name| self.ledger.get(name).is_some_and(|held| held.state() != State::Acked));
                let names: BTreeSet<Name> = draft.fresh.iter().chain(open).filter(|name| draft.carries(name)).cloned().collect();
                Carried::Names(names.into_iter().collect())
            }
            _ => Carried::Names(
                draft.resources.iter().map(|resource| resource.name.clone()).chain(draft.removed.iter().cloned()).collect(),
            ),
        }
    }
}
