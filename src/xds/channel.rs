//! One type on one stream: subscription in, responses out.
//!
//! A channel is pure: it is told of requests, of what is wanted and of the time, and says what is to be sent. It never answers a
//! request as such. A request changes what is owed; `poll` compares what is wanted with the ledger of what was sent, and a response
//! is whatever makes the two agree. A NACK changes nothing in that comparison, so it is silent until the content changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::board::Variant;
use super::ledger::Ledger;
use super::request::{DeltaRequest, Request, Response, SotwRequest};
use super::subscription::{Change, Name, Subscription};
use crate::snapshot::{Kind, Resource, TypeView, Version};

mod draft;

use draft::Draft;

/// Responses of one type that may await an answer at once; of older ones the answer is not waited for any more.
const MAX_OUTSTANDING: usize = 8;

/// What a channel should bring its client to.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The resources there are.
    pub view: &'a TypeView,
    /// Names that stay as the client has them for the time being, whatever the view says.
    pub keep: &'a BTreeSet<Name>,
    /// Resources that have left the view and are still given to who needs them.
    pub spare: &'a BTreeMap<Name, Arc<Resource>>,
}

impl<'a> Wanted<'a> {
    fn get(&self, name: &str) -> Option<&'a Arc<Resource>> {
        self.view.get(name).or_else(|| self.spare.get(name))
    }

    fn keeps(&self, name: &str) -> bool {
        self.keep.contains(name) && !self.spare.contains_key(name)
    }
}

/// One type on one stream.
#[derive(Debug)]
pub struct Channel {
    kind: Kind,
    variant: Variant,
    subscription: Subscription,
    ledger: Ledger,
    /// Names to be sent even if the client was sent them already.
    owed: BTreeSet<Name>,
    /// A response is due even if it is empty.
    answer_due: bool,
    /// The first request has come.
    opened: bool,
    /// The client came with something it holds from before.
    brought: bool,
    /// What was rejected goes out once more, by itself, now that something else has changed.
    retry: bool,
    /// Something happened since the last comparison.
    dirty: bool,
    newest: u64,
    outstanding: Vec<Outstanding>,
    rejected: bool,
}

#[derive(Debug)]
struct Outstanding {
    nonce: u64,
    version: Version,
    names: Vec<Name>,
    at: Instant,
}

/// What a request said to a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It was accepted.
    Ack {
        /// Version of the response.
        version: Version,
        /// Time from sending to this answer.
        after: Duration,
    },
    /// It was rejected.
    Nack {
        /// Version of the response.
        version: Version,
        /// The client's error text.
        message: String,
        /// Names it carried.
        names: Vec<Name>,
    },
}

/// A response, and the names in it whose content is new to the client.
#[derive(Debug, PartialEq, Eq)]
pub struct Sent {
    /// What to send.
    pub response: Response,
    /// Names whose content the client did not have.
    pub fresh: Vec<Name>,
}

impl Channel {
    /// A channel on which no request has come yet.
    pub fn new(kind: Kind, variant: Variant) -> Channel {
        Channel {
            kind,
            variant,
            subscription: Subscription::default(),
            ledger: Ledger::default(),
            owed: BTreeSet::new(),
            answer_due: false,
            opened: false,
            brought: false,
            retry: false,
            dirty: false,
            newest: 0,
            outstanding: Vec::new(),
            rejected: false,
        }
    }

    /// Its type.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What the client asks for.
    pub fn subscription(&self) -> &Subscription {
        &self.subscription
    }

    /// What the client was sent.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Whether the newest answer of the client is a NACK.
    pub fn is_rejected(&self) -> bool {
        self.rejected
    }

    /// Whether the client has everything it should have, and has said so.
    pub fn is_in_sync(&self) -> bool {
        self.opened && !self.dirty && !self.rejected && self.owed.is_empty() && self.outstanding.is_empty()
    }

    /// Whether the client came with something it holds from before.
    pub fn has_brought(&self) -> bool {
        self.brought
    }

    /// Whether the client came with something it holds from before, or was sent something: whether it has something to lose.
    pub fn has_history(&self) -> bool {
        self.brought || self.ledger.iter().next().is_some()
    }

    /// What is wanted has changed: compare again.
    pub fn touch(&mut self) {
        self.dirty = true;
    }

    /// Owes the client these names, if it subscribes to them, even if it was sent them already.
    pub fn owe(&mut self, names: impl IntoIterator<Item = Name>) {
        for name in names.into_iter().filter(|name| self.subscription.wants(name)) {
            self.owed.insert(name);
            self.dirty = true;
        }
    }

    /// A client that reconnects holds what is in `old`. What it should have otherwise is the news of it.
    pub fn remember(&mut self, old: &TypeView, new: &TypeView) {
        let other = |resource: &&Arc<Resource>| new.get(&resource.name).is_none_or(|now| now.version != resource.version);
        for resource in old.iter().map(|(_, resource)| resource).filter(other).filter(|r| self.subscription.wants(&r.name)) {
            self.ledger.held(resource);
        }
    }

    /// Finds what the client told of, as it reconnected, among the resources there are.
    pub fn recognise(&mut self, view: &TypeView) {
        if self.dirty {
            self.ledger.recognise(view);
        }
    }

    /// When to compare again although nothing happens: a response was not answered for so long.
    pub fn wake_at(&self, patience: Duration) -> Option<Instant> {
        self.outstanding.last().filter(|_| self.dirty).map(|newest| newest.at + patience)
    }

    /// Takes in a request: first what it says to a response, then what it asks for.
    pub fn on_request(&mut self, request: &Request, now: Instant) -> Option<Verdict> {
        let verdict = self.opened.then(|| self.judge(request, now)).flatten();
        let first = !self.opened;
        self.opened = true;
        let changed = match request {
            Request::Sotw(request) => self.replace(request, first),
            Request::Delta(request) => self.amend(request, first),
        };
        // An answer alone changes nothing that would have to be compared: what was collected meanwhile is marked already.
        self.dirty |= first || changed;
        verdict
    }

    fn judge(&mut self, request: &Request, now: Instant) -> Option<Verdict> {
        let nonce = parse_nonce(request.nonce())?;
        // SotW answers for everything up to its nonce, but an ACK of anything but the newest response is stale and counts for
        // nothing. Delta answers each response by itself.
        if self.variant == Variant::Sotw && nonce != self.newest && request.error().is_none() {
            return None;
        }
        let at = self.outstanding.iter().position(|response| response.nonce == nonce)?;
        let answered = self.outstanding.remove(at);
        if self.variant == Variant::Sotw {
            let older = self.outstanding.extract_if(.., |response| response.nonce < nonce);
            for response in older.filter(|_| request.error().is_none()) {
                self.ledger.acked(&response.names, response.nonce);
            }
        }
        if let Some(message) = request.error() {
            self.ledger.rejected(&answered.names, nonce);
            self.rejected = true;
            return Some(Verdict::Nack { version: answered.version, message: message.to_owned(), names: answered.names });
        }
        self.ledger.acked(&answered.names, nonce);
        self.rejected = self.ledger.has_rejected();
        Some(Verdict::Ack { version: answered.version, after: now.saturating_duration_since(answered.at) })
    }

    fn replace(&mut self, request: &SotwRequest, first: bool) -> bool {
        self.brought |= first && !request.version.is_empty();
        let full = self.kind.is_full_state();
        let change = self.subscription.replace(&request.names, full);
        // An answer is owed to a new wildcard even if there is nothing (an Envoy waits for it before it starts), and to new names of
        // a type in which absence speaks.
        self.answer_due |= change.wildcard_gained || (full && !change.added.is_empty());
        for name in &change.added {
            self.ledger.forget(name);
        }
        self.apply(change, first)
    }

    fn amend(&mut self, request: &DeltaRequest, first: bool) -> bool {
        self.brought |= first && !request.initial.is_empty();
        if first {
            for (name, version) in &request.initial {
                self.ledger.told(name, version);
            }
        }
        let wildcard = self.kind.has_wildcard();
        let change = self.subscription.amend(&request.subscribe, &request.unsubscribe, wildcard, first);
        self.answer_due = (self.answer_due || change.wildcard_gained) && self.subscription.is_wildcard();
        self.apply(change, first)
    }

    fn apply(&mut self, change: Change, first: bool) -> bool {
        let changed = change != Change::default();
        self.owed.extend(change.added);
        for name in change.dropped {
            self.owed.remove(&name);
            if self.subscription.is_wildcard() {
                // The client cannot know whether the wildcard still gives it this name, so it is told.
                if self.variant == Variant::Delta {
                    self.owed.insert(name);
                }
            } else {
                self.ledger.forget(&name);
            }
        }
        if change.wildcard_lost || first {
            let subscription = &self.subscription;
            self.ledger.retain(|name| subscription.wants(name));
        }
        self.rejected = self.rejected && self.ledger.has_rejected();
        changed
    }

    /// What is to be sent now, if anything. While a response awaits its answer, and has not waited longer than `patience`, changes
    /// are collected; what the client asked for itself is answered at once.
    pub fn poll(&mut self, wanted: Wanted<'_>, nonce: u64, now: Instant, patience: Duration) -> Option<Sent> {
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
            return None;
        }
        for name in &draft.gone {
            self.ledger.forget(name);
        }
        self.dirty = false;
        let full_sotw = self.variant == Variant::Sotw && self.kind.is_full_state();
        let due = self.answer_due || (full_sotw && (!draft.fresh.is_empty() || !draft.gone.is_empty() || !self.owed.is_empty()));
        let something = if full_sotw { due } else { due || !draft.resources.is_empty() || !draft.removed.is_empty() };
        self.owed.retain(|name| wanted.keeps(name) && !draft.resources.iter().any(|resource| resource.name == *name));
        something.then(|| self.send(draft, wanted, nonce, now))
    }

    fn send(&mut self, draft: Draft, wanted: Wanted<'_>, nonce: u64, now: Instant) -> Sent {
        self.answer_due = false;
        self.retry = draft.retry_later;
        self.dirty = draft.retry_later;
        self.newest = nonce;
        for resource in &draft.resources {
            self.ledger.sent(resource, nonce);
        }
        for name in &draft.removed {
            self.ledger.removed(name, nonce);
        }
        let version = version(wanted);
        let names = draft.resources.iter().map(|resource| resource.name.clone()).chain(draft.removed.iter().cloned()).collect();
        if self.outstanding.len() == MAX_OUTSTANDING {
            self.outstanding.remove(0);
        }
        self.outstanding.push(Outstanding { nonce, version: version.clone(), names, at: now });
        let response = Response { kind: self.kind, nonce, version, resources: draft.resources, removed: draft.removed };
        Sent { response, fresh: draft.fresh }
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

fn parse_nonce(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}
