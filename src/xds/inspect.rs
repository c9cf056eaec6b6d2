//! What one client has and lacks, resource by resource: the board says how each type stands, this says it of each name.
//!
//! Pure: read from the ledger of a channel when somebody asks.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use super::channel::{Account, Channel, Refusal};
use super::ledger::{Held, State};
use super::subscription::Name;
use super::wall::Wall;
use crate::snapshot::{Kind, Resource, TypeView, Version};

/// One resource, as it stands between the server and one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: Name,
    /// How it stands.
    pub standing: Standing,
    /// The version that this is said of; `None` if the name does not exist, or is to be removed.
    pub version: Option<Version>,
    /// The content of that version; `None` if there is none, or if it is known to the client alone.
    pub resource: Option<Arc<Resource>>,
    /// When the client was last sent something of the kind, acknowledged something of it, or rejected this, as it stands. Of one
    /// resource among others no more is kept.
    pub since: Option<Timestamp>,
    /// The client's words, if it was rejected.
    pub refusal: Option<Arc<Refusal>>,
}

/// How a resource stands with a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// What the client should have was not sent: it is held back, or there is no such thing.
    NotSent,
    /// It was sent, and the client has not said anything to it.
    Sent,
    /// It was acknowledged.
    Acked,
    /// It was in a response that was rejected. Which resource of a response is at fault, only the words can tell.
    Rejected,
}

impl Inspection {
    fn complete(&mut self, account: &Account, wall: &Wall) {
        if self.standing == Standing::Rejected {
            self.refusal = account.refusal_of(&self.name).cloned();
        }
        let last = |told: &Option<(Version, Instant)>| told.as_ref().map(|(_, at)| wall.time(*at));
        self.since = match self.standing {
            Standing::NotSent => None,
            Standing::Sent => last(&account.sent),
            Standing::Acked => last(&account.acked),
            Standing::Rejected => self.refusal.as_ref().map(|refusal| wall.time(refusal.at)),
        };
    }
}

/// The names of a channel: those that its client asks for, holds or should have.
pub(super) fn inspect(channel: &Channel, target: &TypeView, wall: &Wall) -> Vec<Inspection> {
    let subscription = channel.subscription();
    let mut names: BTreeSet<&Name> = subscription.names().iter().filter(|name| &***name != "*").collect();
    names.extend(channel.ledger().iter().map(|(name, _)| name));
    names.extend(target.iter().map(|(name, _)| name).filter(|name| subscription.wants(name)));
    let held = |name: &Name| channel.ledger().get(name);
    let meant = |name: &Name| if subscription.names().contains(name) { target.get_on_request(name) } else { target.get(name) };
    let mut found: Vec<Inspection> =
        names.into_iter().map(|name| inspect_one(channel.kind(), name, meant(name), held(name))).collect();
    found.iter_mut().for_each(|one| one.complete(channel.account(), wall));
    found
}

fn inspect_one(kind: Kind, name: &Name, target: Option<&Arc<Resource>>, held: Option<Held<'_>>) -> Inspection {
    let of = |standing, version, resource| {
        let (name, since, refusal) = (name.clone(), None, None);
        Inspection { kind, name, standing, version, resource, since, refusal }
    };
    let not_sent = || of(Standing::NotSent, target.map(|target| target.version.clone()), target.cloned());
    let Some(held) = held else { return not_sent() };
    let standing = match held.state() {
        State::Rejected => Standing::Rejected,
        State::Sent => Standing::Sent,
        // It has acknowledged something else than what it should have, and is to be sent that.
        State::Acked if target.is_some_and(|target| target.version != *held.sent()) => return not_sent(),
        State::Acked => Standing::Acked,
    };
    let version = (!held.is_removed()).then(|| held.sent().clone());
    of(standing, version, held.resource().cloned())
}
