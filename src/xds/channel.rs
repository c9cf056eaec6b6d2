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
use super::request::{Resources, Response};
use super::subscription::{Name, Subscription};
use crate::snapshot::{Kind, Resource, TypeView, Version};

mod account;
mod asking;
mod draft;
mod owed;
mod reach;
mod sending;

pub use account::{Account, Refusal};
use owed::Owed;
use reach::Reach;
pub use sending::nonce_text;

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

    /// Whether the client has everything it should have, and has said so.
    pub fn is_in_sync(&self) -> bool {
        let answered = self.outstanding.is_empty() && !self.rejected;
        // Of a list that was rejected not all was news, and what was none may not have been accepted before.
        let all = answered && !(self.is_full_list() && self.ledger.is_open());
        self.opened && !self.dirty && self.owed.is_empty() && all
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
        (self.ledger, self.adopted) = (ledger.carried_over(), true);
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
}
