//! What a channel sends, and what it writes down of it.

use std::time::{Duration, Instant};

use super::draft::Draft;
use super::{Channel, MAX_OUTSTANDING, Outstanding, Sent, Wanted};
use crate::snapshot::{Kind, Serial, Version};
use crate::xds::board::Variant;
use crate::xds::ledger::Carried;
use crate::xds::request::{Resources, Response, identity};
use crate::xds::subscription::Name;

impl Channel {
    /// What is to be sent now, if anything. While a response awaits its answer, and has not waited longer than `patience`, changes
    /// are collected; what the client asked for itself is answered at once.
    pub fn poll(&mut self, wanted: Wanted<'_>, now: Instant, patience: Duration) -> Option<Sent> {
        if !self.opened || !self.dirty {
            return None;
        }
        let urgent = self.answer_due || !self.owed.is_empty();
        let waiting = self.outstanding.last().is_some_and(|newest| now < newest.at + patience);
        if waiting && !urgent {
            return None;
        }
        let draft = self.draft(wanted);
        if draft.withheld {
            self.dirty = false;
            self.reach.blocked();
            return None;
        }
        for name in &draft.gone {
            self.ledger.forget(name);
        }
        if !draft.void.is_empty() {
            draft.void.iter().for_each(|name| self.ledger.void(name));
            self.rejected = self.ledger.has_rejected();
            self.account.forgive(self.rejected);
        }
        self.dirty = false;
        let full_sotw = self.is_full_list();
        let news = !draft.fresh.is_empty() || !draft.gone.is_empty() || (draft.whole.is_some() && self.ledger.is_empty());
        let due = self.answer_due || (full_sotw && (news || !self.owed.is_empty()));
        let something = due || (!full_sotw && !draft.is_empty());
        self.owed.pay(&self.subscription, wanted.keep, |name| wanted.keeps(name) && !draft.tells_of(name));
        let sent = something.then(|| self.send(draft, wanted, now));
        self.reach.compared(wanted.generation, wanted.waits.iter().filter(|name| self.subscription.wants(name)));
        self.note_reach();
        sent
    }

    fn send(&mut self, mut draft: Draft, wanted: Wanted<'_>, now: Instant) -> Sent {
        self.answer_due = false;
        self.retry = draft.retry_later;
        self.dirty = draft.retry_later;
        let carried = self.carried(&draft);
        let resources = draft.take_resources();
        let version = version(wanted);
        let identity = identity(self.kind, self.variant, &version, &resources, &draft.removed);
        let clusters = (self.kind == Kind::Cluster).then(|| self.perhaps_news(&carried, &resources));
        let nonce = self.next_nonce(wanted.view.serial(identity));
        self.write_down(&resources, &draft.removed, &carried, nonce);
        if self.outstanding.len() == MAX_OUTSTANDING {
            let oldest = self.outstanding.remove(0);
            self.ledger.unanswered_for_good(oldest.nonce);
        }
        let routes = (self.kind == Kind::Route).then(|| resources.clone());
        self.outstanding.push(Outstanding { nonce, version: version.clone(), carried, routes, at: now, covers: None });
        self.account.send(version.clone(), now);
        let view = wanted.view.clone();
        Sent { response: Response { kind: self.kind, nonce, identity, version, view, resources, removed: draft.removed }, clusters }
    }

    /// Of clusters that are sent, those that may be news to the client. A state-of-the-world client that comes back tells a version that
    /// it has accepted, and may hold something else: of what it rejected since, an Envoy has taken the good part.
    fn perhaps_news(&self, carried: &Carried, resources: &Resources) -> Carried {
        match resources {
            _ if self.newest != 0 || self.variant == Variant::Delta => carried.clone(),
            Resources::Whole(view) => Carried::Whole(view.clone()),
            Resources::Some(some) => Carried::Names(some.iter().map(|resource| resource.name.clone()).collect()),
        }
    }

    /// The nonce of the next response: that of all streams that send the same, if it is newer than what this one sent last.
    fn next_nonce(&mut self, shared: Serial) -> u64 {
        let Serial(nonce) = if shared.0 > self.newest { shared } else { Serial::next() };
        self.newest = nonce;
        nonce
    }

    fn write_down(&mut self, resources: &Resources, removed: &[Name], carried: &Carried, nonce: u64) {
        let names = match carried {
            Carried::Whole(view) => return self.ledger.sent_whole(view, nonce),
            Carried::Names(names) => names,
        };
        let full = self.is_full_list();
        match resources {
            Resources::Whole(view) => {
                names.iter().filter_map(|name| view.get(name)).for_each(|resource| self.ledger.sent(resource, nonce));
            }
            Resources::Some(some) => {
                let sent = some.iter().filter(|resource| !full || names.binary_search(&resource.name).is_ok());
                sent.for_each(|resource| self.ledger.sent(resource, nonce));
            }
        }
        removed.iter().for_each(|name| self.ledger.removed(name, nonce));
    }
}

/// Version of what a client is brought to: that of the view, unless something is kept beside it.
fn version(wanted: Wanted<'_>) -> Version {
    if wanted.keep.is_empty() {
        return wanted.view.version().clone();
    }
    let mut text = wanted.view.version().as_str().to_owned();
    for name in wanted.keep {
        text.push('\n');
        text.push_str(name);
    }
    Version::of(text.as_bytes())
}

/// The nonce of a response on the wire.
pub fn nonce_text(nonce: u64) -> String {
    format!("{nonce:x}")
}
