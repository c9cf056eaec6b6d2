//! What one client has and lacks, resource by resource: the board says how each type stands, this says it of each name.
//!
//! Read from the ledger of the live session when somebody asks, so it costs a stream nothing but a note of what was rejected and with
//! which words, which the ledger does not keep.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use dashmap::DashMap;
use jiff::Timestamp;

use super::board::{Board, Rejection, StreamStatus, TypeStatus};
use super::channel::{Channel, Verdict};
use super::ledger::{Held, State};
use super::server::Conversation;
use super::subscription::Name;
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
    pub rejection: Option<Arc<Rejection>>,
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

/// Reads the live streams. Clones read the same.
#[derive(Debug, Clone)]
pub struct Inspector {
    board: Arc<Board>,
    live: Arc<Live>,
}

impl Inspector {
    pub(super) fn new(board: Arc<Board>, live: Arc<Live>) -> Inspector {
        Inspector { board, live }
    }

    /// All streams, by node id and then by stream.
    pub fn streams(&self) -> Vec<StreamStatus> {
        self.board.streams()
    }

    /// Every resource of a stream: what it has, what it asked for and what it should have, by kind and name. Empty if the stream has
    /// ended.
    pub fn inspect(&self, stream: &StreamStatus) -> Vec<Inspection> {
        let Some((conversation, notes)) = self.live.of(stream.id) else { return Vec::new() };
        let mut found: Vec<Inspection> = {
            let session = conversation.session();
            let channels = Kind::ALL.into_iter().filter_map(|kind| Some((session.channel(stream.id, kind)?, kind)));
            channels.flat_map(|(channel, kind)| of_channel(channel, session.target().of(kind))).collect()
        };
        let notes = notes.lock();
        for one in &mut found {
            one.complete(stream.types.get(&one.kind), &notes);
        }
        found
    }
}

impl Inspection {
    fn complete(&mut self, of_type: Option<&TypeStatus>, rejections: &Rejections) {
        if self.standing == Standing::Rejected {
            self.rejection = rejections.get(&(self.kind, self.name.clone())).cloned();
        }
        self.since = match self.standing {
            Standing::NotSent => None,
            Standing::Sent => of_type.and_then(|of_type| of_type.sent_at),
            Standing::Acked => of_type.and_then(|of_type| of_type.acked_at),
            Standing::Rejected => self.rejection.as_ref().map(|rejection| rejection.at),
        };
    }
}

/// The streams that live now.
#[derive(Debug, Default)]
pub(super) struct Live {
    streams: DashMap<u64, (Weak<Conversation>, Arc<Notes>)>,
}

impl Live {
    /// A stream takes part in a conversation from now on. What comes of it is to be noted in the notes returned.
    pub fn open(&self, stream: u64, conversation: &Arc<Conversation>) -> Arc<Notes> {
        let notes = Arc::new(Notes::default());
        self.streams.insert(stream, (Arc::downgrade(conversation), notes.clone()));
        notes
    }

    /// A stream ended.
    pub fn close(&self, stream: u64) {
        self.streams.remove(&stream);
    }

    fn of(&self, stream: u64) -> Option<(Arc<Conversation>, Arc<Notes>)> {
        let entry = self.streams.get(&stream)?;
        Some((entry.0.upgrade()?, entry.1.clone()))
    }
}

/// By kind and name, what a client rejected last.
type Rejections = BTreeMap<(Kind, Name), Arc<Rejection>>;

/// What is noted of one stream.
#[derive(Debug, Default)]
pub(super) struct Notes(Mutex<Rejections>);

impl Notes {
    /// A response was answered. `rejected` says whether the client still rejects anything of the kind.
    pub fn answered(&self, kind: Kind, verdict: &Verdict, rejected: bool, at: Timestamp) {
        let mut noted = self.lock();
        if !rejected {
            noted.retain(|(of, _), _| *of != kind);
        }
        if let Verdict::Nack { version, message, names } = verdict {
            let (version, message, resources) = (version.clone(), message.clone(), names.clone().into_names());
            let rejection = Arc::new(Rejection { version, message, resources, at });
            noted.extend(rejection.resources.iter().map(|name| ((kind, name.clone()), rejection.clone())));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Rejections> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The names of a channel: those that its client asks for, holds or should have.
fn of_channel(channel: &Channel, target: &TypeView) -> Vec<Inspection> {
    let subscription = channel.subscription();
    let mut names: BTreeSet<&Name> = subscription.names().iter().filter(|name| &***name != "*").collect();
    names.extend(channel.ledger().iter().map(|(name, _)| name));
    names.extend(target.iter().map(|(name, _)| name).filter(|name| subscription.wants(name)));
    let held = |name: &Name| channel.ledger().get(name);
    let meant = |name: &Name| if subscription.names().contains(name) { target.get_on_request(name) } else { target.get(name) };
    names.into_iter().map(|name| inspect(channel.kind(), name, meant(name), held(name))).collect()
}

fn inspect(kind: Kind, name: &Name, target: Option<&Arc<Resource>>, held: Option<Held<'_>>) -> Inspection {
    let of = |standing, version, resource| {
        let (name, since, rejection) = (name.clone(), None, None);
        Inspection { kind, name, standing, version, resource, since, rejection }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xds::ledger::Carried;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_words_of_a_rejection_stay_with_its_resources() {
        let notes = Notes::default();
        let nack = |message: &str, name: &str| Verdict::Nack {
            version: Version::told("1"),
            message: message.into(),
            names: Carried::Names(vec![name.into()]),
        };
        notes.answered(Kind::Cluster, &nack("bad moon", "a"), true, at(1));
        notes.answered(Kind::Cluster, &nack("no sun", "b"), true, at(2));
        let words = |notes: &Notes, name: &str| {
            let mut found = Inspection { standing: Standing::Rejected, ..inspect(Kind::Cluster, &name.into(), None, None) };
            found.complete(None, &notes.lock());
            found.rejection.map(|rejection| (rejection.message.clone(), found.since))
        };
        assert_eq!(words(&notes, "a"), Some(("bad moon".into(), Some(at(1)))));
        assert_eq!(words(&notes, "b"), Some(("no sun".into(), Some(at(2)))));
        let ack = Verdict::Ack { version: Version::told("2"), after: std::time::Duration::ZERO };
        notes.answered(Kind::Route, &ack, false, at(3));
        assert!(words(&notes, "a").is_some(), "routes are another matter");
        notes.answered(Kind::Cluster, &ack, false, at(3));
        assert_eq!(words(&notes, "a"), None);
    }
}
