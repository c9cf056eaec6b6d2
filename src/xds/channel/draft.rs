//! The comparison of what is wanted with what was sent.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Channel, Wanted};
use crate::snapshot::{Kind, Resource, TypeView};
use crate::xds::board::Variant;
use crate::xds::ledger::{Entry, State};
use crate::xds::subscription::Name;

/// What is to be sent.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub resources: Vec<Arc<Resource>>,
    pub removed: Vec<Name>,
    /// Names in `resources` whose content is new to the client.
    pub fresh: Vec<Name>,
    /// Names that left a full-state response, or went without the variant having a word for it.
    pub gone: Vec<Name>,
    /// A kept name that the client does not have yet stands in the way of a response that is taken as complete.
    pub withheld: bool,
    /// Something was rejected that should be tried again after this.
    pub retry_later: bool,
}

impl Channel {
    pub(super) fn draft(&self, wanted: Wanted<'_>) -> Draft {
        match (self.variant, self.kind.is_full_state()) {
            (Variant::Sotw, true) => self.draft_full(wanted),
            _ => self.draft_changes(wanted),
        }
    }

    /// Names that matter: what the subscription takes of the view, what the client holds, and what it asked for by name.
    fn names(&self, view: &TypeView) -> BTreeSet<Name> {
        let mut names: BTreeSet<Name> = self.subscription.names().clone();
        if self.subscription.is_wildcard() {
            names.extend(view.iter().map(|(name, _)| name.clone()));
        }
        names.extend(self.ledger.iter().map(|(name, _)| name.clone()));
        names.extend(self.owed.iter().cloned());
        names
    }

    fn draft_full(&self, wanted: Wanted<'_>) -> Draft {
        let mut draft = Draft::default();
        for name in self.names(wanted.view) {
            let held = self.ledger.get(&name);
            let now = match wanted.keeps(&name) {
                true => held.and_then(|entry| entry.resource.as_ref()),
                false => wanted.get(&name),
            };
            draft.withheld |= wanted.keeps(&name) && now.is_none();
            match now {
                Some(resource) => {
                    if held.is_none_or(|entry| entry.sent != resource.version) {
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
            let now = wanted.get(&name).cloned().or_else(|| Resource::stand_in(self.kind, &name).map(Arc::new));
            match now {
                _ if wanted.keeps(&name) => self.draft_kept(name, held, &mut draft),
                Some(resource) => self.draft_present(name, &resource, held, &mut draft, &mut rejected),
                None => self.draft_absent(name, held, &mut draft, &mut rejected),
            }
        }
        let changed = draft.fresh.iter().chain(&draft.removed).any(|name| !self.owed.contains(name));
        let empty = draft.resources.is_empty() && draft.removed.is_empty();
        // What was rejected is not sent for its own sake, but nobody knows which part of that response the client took, so it follows
        // the next change (and not the answer to a mere question); by itself, so that the change is not rejected with it.
        if empty && self.retry {
            return Draft { withheld: draft.withheld, ..rejected };
        }
        draft.retry_later = (changed || self.retry) && !(rejected.resources.is_empty() && rejected.removed.is_empty());
        draft
    }

    fn draft_kept(&self, name: Name, held: Option<&Entry>, draft: &mut Draft) {
        let owed = self.owed.contains(&name);
        match held.map(|entry| entry.resource.as_ref()) {
            Some(Some(resource)) if owed => draft.resources.push(resource.clone()),
            Some(_) => {}
            // A cluster from another time warms on being told that it has no endpoints here.
            None if owed && self.kind == Kind::Endpoints && self.variant == Variant::Delta => draft.removed.push(name),
            // A first answer to a wildcard is taken as complete, so it waits until it is.
            None => draft.withheld |= self.answer_due,
        }
    }

    fn draft_present(&self, name: Name, now: &Arc<Resource>, held: Option<&Entry>, draft: &mut Draft, rejected: &mut Draft) {
        match held.filter(|entry| entry.sent == now.version && !entry.removed) {
            Some(_) if self.owed.contains(&name) => draft.resources.push(now.clone()),
            Some(entry) if entry.state == State::Rejected => rejected.resources.push(now.clone()),
            Some(_) => {}
            None => {
                draft.fresh.push(name);
                draft.resources.push(now.clone());
            }
        }
    }

    fn draft_absent(&self, name: Name, held: Option<&Entry>, draft: &mut Draft, rejected: &mut Draft) {
        let owed = self.owed.contains(&name);
        match held {
            Some(entry) if entry.removed && !owed => {
                if entry.state == State::Rejected {
                    rejected.removed.push(name);
                }
            }
            Some(_) if self.variant == Variant::Sotw => draft.gone.push(name),
            None if !owed || self.variant == Variant::Sotw => {}
            _ => draft.removed.push(name),
        }
    }
}
