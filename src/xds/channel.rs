//! One type on one stream: subscription in, responses out.
//!
//! A channel is pure: it is told of requests, of what is wanted and of the time, and says what is to be sent. It never answers a
//! request as such. A request changes what is owed; `poll` compares what is wanted with the ledger of what was sent, and a response
//! is whatever makes the two agree. A NACK changes nothing in that comparison, so it is silent until the content changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::board::Variant;
use super::ledger::{Carried, Ledger};
use super::request::{DeltaRequest, Request, Resources, Response, SotwRequest, identity};
use super::subscription::{Change, Name, Subscription};
use crate::snapshot::{Kind, Resource, Serial, TypeView, Version};

mod account;
mod draft;
mod owed;
mod reach;

pub use account::{Account, Refusal};
use draft::Draft;
use owed::Owed;
use reach::Reach;

/// Responses of one type that may await an answer at once; of older ones the answer is not waited for any more.
const MAX_OUTSTANDING: usize = 8;

/// What a channel should bring its client to.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The resources there are.
    pub view: &'a Arc<TypeView>,
    /// The generation that they are of.
    pub generation: u64,
    /// Names that stay as the client has them for the time being, whatever the view says.
    pub keep: &'a BTreeSet<Name>,
    /// Those of them that wait for an answer of the client, which is not a rejection.
    pub waits: &'a BTreeSet<Name>,
    /// Resources that have left the view and are still given to who needs them.
    pub spare: &'a BTreeMap<Name, Arc<Resource>>,
}

impl<'a> Wanted<'a> {
    /// The resource of that name for this subscription.
    fn get(&self, name: &str, subscription: &Subscription) -> Option<&'a Arc<Resource>> {
        let named = subscription.names().contains(name);
        let found = if named { self.view.get_on_request(name) } else { self.view.get(name) };
        found.or_else(|| self.spare.get(name))
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
    owed: Owed,
    /// A response is due even if it is empty.
    answer_due: bool,
    /// The first request has come.
    opened: bool,
    /// The client came with something it holds from before.
    brought: bool,
    /// What that is was known from a stream that ended.
    adopted: bool,
    /// What was rejected goes out once more, by itself, now that something else has changed.
    retry: bool,
    /// Something happened since the last comparison.
    dirty: bool,
    /// An answer came since records were last given up for the view they are of.
    answered: bool,
    newest: u64,
    /// By nonce; mostly it is one.
    outstanding: SmallVec<[Outstanding; 1]>,
    rejected: bool,
    reach: Reach,
    account: Account,
}

#[derive(Debug)]
struct Outstanding {
    nonce: u64,
    version: Version,
    carried: Carried,
    /// What of it the client goes on with until it gives it up itself: routes.
    routes: Option<Resources>,
    at: Instant,
    /// The newest generation of which the client has all, once it has answered this and what was sent before.
    covers: Option<u64>,
}

/// What a request was about.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// What it said to a response.
    pub verdict: Option<Verdict>,
    /// It asks for other names than the one before.
    pub resubscribed: bool,
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
        /// Names it carried that were news to the client.
        names: Carried,
    },
}

/// A response, and the clusters in it that may be news to the client: new content, what it rejected before, what it asked for again.
#[derive(Debug, PartialEq, Eq)]
pub struct Sent {
    /// What to send.
    pub response: Response,
    /// These; `None` in a response of another kind.
    pub clusters: Option<Carried>,
}

impl Channel {
    /// A channel on which no request has come yet.
    pub fn new(kind: Kind, variant: Variant) -> Channel {
        Channel {
            kind,
            variant,
            subscription: Subscription::default(),
            ledger: Ledger::default(),
            owed: Owed::default(),
            answer_due: false,
            opened: false,
            brought: false,
            adopted: false,
            retry: false,
            dirty: false,
            answered: false,
            newest: 0,
            outstanding: SmallVec::new(),
            rejected: false,
            reach: Reach::default(),
            account: Account::default(),
        }
    }

    /// Its variant of the protocol.
    pub fn variant(&self) -> Variant {
        self.variant
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

    /// What came of the responses.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The newest generation of which the client has acknowledged everything that it should have, but for what it rejected and for
    /// what waits for it to take something better than it rejected; `None` if there is none yet. What there is now is of `generation`.
    pub fn acked(&self, generation: u64) -> Option<u64> {
        let acked = self.reach.acked();
        if self.dirty || !self.outstanding.is_empty() { acked } else { acked.max(self.reach.sent_by(generation)) }
    }

    /// What there is now is of this generation. To be told before anything else happens with it.
    pub fn reach(&mut self, generation: u64) {
        if !self.dirty {
            self.reach.unchanged(generation);
            self.note_reach();
        }
    }

    /// All that is to be sent now was sent: the client has it when it has answered the newest response.
    fn note_reach(&mut self) {
        let sent = self.reach.sent();
        match self.outstanding.last_mut() {
            Some(newest) => newest.covers = newest.covers.max(sent),
            None => self.reach.answered(sent),
        }
    }

    /// A response was answered, well or badly. It may be that one sent before it was not.
    fn note_answer(&mut self, answered: &Outstanding) {
        match self.outstanding.iter_mut().rfind(|response| response.nonce < answered.nonce) {
            Some(before) => before.covers = before.covers.max(answered.covers),
            None => self.reach.answered(answered.covers),
        }
    }

    /// Whether something happened since it was last compared what the client has and should have.
    pub fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Whether a request has come.
    pub fn is_open(&self) -> bool {
        self.opened
    }

    /// Whether the client came with something it holds from before.
    pub fn has_brought(&self) -> bool {
        self.brought
    }

    /// Whether the client came with something it holds from before, or was sent something: whether it has something to lose.
    pub fn has_history(&self) -> bool {
        self.brought || !self.ledger.is_empty()
    }

    /// What is wanted has changed: compare again.
    pub fn touch(&mut self) {
        self.dirty = true;
    }

    /// Whether the client is owed all that it subscribes to anyway.
    pub fn owes_all(&self) -> bool {
        self.owed.is_all() && !self.subscription.is_wildcard()
    }

    /// Owes the client these names, if it subscribes to them, even if it was sent them already.
    pub fn owe(&mut self, names: impl IntoIterator<Item = Name>) {
        for name in names.into_iter().filter(|name| self.subscription.wants(name)) {
            if !self.owed.contains(&name, &self.subscription) {
                self.owed.add(name);
            }
            self.dirty = true;
        }
    }

    /// Whether the client uses these is not known any more, until it acknowledges them anew.
    pub fn doubt(&mut self, names: &[Name]) {
        names.iter().for_each(|name| self.ledger.doubt(name));
    }

    /// The stream has ended: versions that the client may name when it opens another, and what it may hold then.
    pub fn part(self) -> (Vec<Version>, Ledger) {
        let open = self.outstanding.into_iter().map(|response| response.version);
        let acked = self.account.acked.as_ref().map(|(version, _)| version.clone());
        (acked.into_iter().chain(open).collect(), self.ledger)
    }

    /// The client opens a stream again that has ended, and holds what it was sent there.
    pub fn adopt(&mut self, ledger: Ledger) {
        (self.ledger, self.adopted) = (ledger, true);
        self.rejected = self.ledger.has_rejected();
        self.forget_the_unwanted();
    }

    /// A client that reconnects holds what is in this view, of what it subscribes to.
    pub fn remember(&mut self, old: &Arc<TypeView>) {
        if self.adopted {
            return;
        }
        self.ledger.held_whole(old, self.kind == Kind::Route);
        self.forget_the_unwanted();
    }

    fn forget_the_unwanted(&mut self) {
        let subscription = &self.subscription;
        if !subscription.is_wildcard() {
            self.ledger.retain(|name| subscription.wants(name));
        }
    }

    /// Whether each response lists everything that the client should have.
    fn is_full_list(&self) -> bool {
        self.variant == Variant::Sotw && self.kind.is_full_state()
    }

    fn owes(&self, name: &str) -> bool {
        self.owed.contains(name, &self.subscription)
    }

    /// Finds what the client told of, as it reconnected, among the resources there are; and gives up records of single names for the
    /// view, where they say no more than it does.
    pub fn recognise(&mut self, view: &Arc<TypeView>) {
        if self.dirty {
            self.ledger.recognise(view);
        }
        if std::mem::take(&mut self.answered) && self.outstanding.is_empty() {
            self.ledger.settle(view);
        }
    }

    /// When to compare again although nothing happens: a response was not answered for so long.
    pub fn wake_at(&self, patience: Duration) -> Option<Instant> {
        self.outstanding.last().filter(|_| self.dirty).map(|newest| newest.at + patience)
    }

    /// Takes in a request: first what it says to a response, then what it asks for. `view` is what there is. `warming` says
    /// that the client may wait for what it has already, as a cluster that was changed waits for its endpoints.
    pub fn on_request(&mut self, request: &Request, view: &Arc<TypeView>, warming: bool, now: Instant) -> Heard {
        let verdict = self.opened.then(|| self.judge(request, now)).flatten();
        let first = !self.opened;
        self.opened = true;
        let changed = match request {
            Request::Sotw(request) => self.replace(request, view, first),
            Request::Delta(request) => self.amend(request, view, first, warming),
        };
        // An answer alone changes nothing that would have to be compared: what was collected meanwhile is marked already.
        self.dirty |= first || changed;
        if let Some(verdict) = &verdict {
            self.account.answered(verdict, self.rejected, now);
        }
        Heard { verdict, resubscribed: first || changed }
    }

    fn judge(&mut self, request: &Request, now: Instant) -> Option<Verdict> {
        let nonce = parse_nonce(request.nonce())?;
        // SotW answers for everything up to its nonce, but an ACK of anything but the newest response is stale and counts for
        // nothing. Delta answers each response by itself.
        if self.variant == Variant::Sotw && nonce != self.newest && request.error().is_none() {
            // It says all the same what the client has come to: who always answers late comes to something, too.
            let stale = self.outstanding.iter().find(|response| response.nonce == nonce);
            self.reach.answered(stale.and_then(|response| response.covers));
            return None;
        }
        let at = self.outstanding.iter().position(|response| response.nonce == nonce)?;
        let answered = self.outstanding.remove(at);
        // Envoy acknowledges that routes are gone, and goes on with them for as long as it asks for them (`RdsRouteConfigSubscription`).
        let heeds = self.kind != Kind::Route;
        if self.variant == Variant::Sotw {
            let older = self.outstanding.partition_point(|response| response.nonce < nonce);
            for response in self.outstanding.drain(..older) {
                match request.error() {
                    None => self.ledger.acked(&response.carried, response.nonce, heeds),
                    Some(_) => self.ledger.unanswered_for_good(response.nonce),
                }
            }
        }
        self.note_answer(&answered);
        if let Some(message) = request.error() {
            self.ledger.rejected(&answered.carried, nonce);
            self.rejected = true;
            return Some(Verdict::Nack { version: answered.version, message: message.to_owned(), names: answered.carried });
        }
        self.ledger.acked(&answered.carried, nonce, heeds);
        if self.is_full_list() {
            self.ledger.acked_all();
        }
        self.answered = true;
        self.rejected = self.ledger.has_rejected();
        Some(Verdict::Ack { version: answered.version, after: now.saturating_duration_since(answered.at) })
    }

    fn replace(&mut self, request: &SotwRequest, view: &Arc<TypeView>, first: bool) -> bool {
        self.brought |= first && !request.version.is_empty();
        // It holds what there is now, and that may have changed before it is answered.
        if first && matches!(self.kind, Kind::Cluster | Kind::Route) && request.version == view.version().as_str() {
            self.ledger.held_whole(view, self.kind == Kind::Route);
        }
        let full = self.kind.is_full_state();
        let change = self.subscription.replace(&request.names, full, view.names());
        // An answer is owed to a new wildcard even if there is nothing (an Envoy waits for it before it starts), and to new names of
        // a type in which absence speaks.
        self.answer_due |= change.wildcard_gained || (full && !change.added.is_empty());
        if !first && !self.ledger.is_empty() {
            change.added.iter().for_each(|name| self.ledger.forget(name));
        }
        self.apply(change, first)
    }

    fn amend(&mut self, request: &DeltaRequest, view: &Arc<TypeView>, first: bool, warming: bool) -> bool {
        if first && !request.initial.is_empty() {
            self.brought = true;
            self.ledger.told(&request.initial, view);
        }
        if !first && self.kind == Kind::Route {
            for name in request.subscribe.iter().filter(|name| under_way(&self.outstanding, name).is_none()) {
                self.ledger.asked_again(name);
            }
        }
        let wildcard = self.kind.has_wildcard();
        let change = self.subscription.amend(&request.subscribe, &request.unsubscribe, wildcard, first, view.names());
        self.answer_due = (self.answer_due || change.wildcard_gained) && self.subscription.is_wildcard();
        let changed = self.apply(change, first);
        if self.brought && first && !warming {
            // What it holds already it need not be sent, and what of that is gone it is told anyway; what does not exist it must be told.
            let unknown = |name: &&Name| view.get_on_request(name).is_none() && self.ledger.get(name).is_none();
            let names = self.subscription.names();
            let all_known = Arc::ptr_eq(names, view.names());
            let absent = if all_known { BTreeSet::new() } else { names.iter().filter(unknown).cloned().collect() };
            self.owed = Owed::just(absent);
        }
        changed
    }

    fn apply(&mut self, change: Change, first: bool) -> bool {
        let changed = change != Change::default();
        if first {
            self.owed.add_all();
        } else {
            for name in change.added {
                // It was given up, and what is under way comes when it is asked for again.
                if let Some((resource, nonce)) = under_way(&self.outstanding, &name).filter(|_| self.ledger.get(&name).is_none()) {
                    self.ledger.sent(resource, nonce);
                }
                self.owed.add(name);
            }
        }
        for name in change.dropped {
            self.owed.remove(&name);
            if self.subscription.is_wildcard() {
                // The client cannot know whether the wildcard still gives it this name, so it is told.
                if self.variant == Variant::Delta {
                    self.owed.add(name);
                }
            } else {
                self.ledger.forget(&name);
            }
        }
        if change.wildcard_lost || (first && !self.ledger.is_empty()) {
            self.forget_the_unwanted();
        }
        self.rejected = self.rejected && self.ledger.has_rejected();
        changed
    }

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
        self.owed.pay(&self.subscription, wanted.keep, |name| wanted.keeps(name) && !draft.carries(name));
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

/// The newest route configuration of that name that the client was sent and has not answered, and the nonce with it.
fn under_way<'a>(outstanding: &'a [Outstanding], name: &str) -> Option<(&'a Arc<Resource>, u64)> {
    outstanding.iter().rev().find_map(|response| {
        let found = response.routes.as_ref()?.get(name)?;
        Some((found, response.nonce))
    })
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
