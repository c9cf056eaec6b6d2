//! The board: what every connected node was sent, and what it said to it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use dashmap::DashMap;
use jiff::Timestamp;
use tokio::sync::watch;

use super::clock::now;
use super::inspect::Inspection;
use super::wall::Wall;
pub use crate::snapshot::XdsVariant as Variant;
use crate::snapshot::{Kind, Node, Version};

/// One connected stream. An Envoy on ADS has one; an Envoy on typed services has one a type or more.
#[derive(Debug, Clone)]
pub struct StreamStatus {
    /// Counts streams since the start.
    pub id: u64,
    /// Who the client says it is.
    pub node: Arc<Node>,
    /// The client's address.
    pub peer: Option<SocketAddr>,
    /// Protocol variant.
    pub variant: Variant,
    /// Whether it is an aggregated stream (ADS).
    pub aggregated: bool,
    /// When it was opened.
    pub since: Timestamp,
    /// The newest snapshot, by its generation, of which the client has acknowledged everything that it should have of the kinds it
    /// subscribed to; `None` while there is a kind of which it has not. What it rejects does not count here, nor what waits for it to
    /// take something better: that is told by `types`.
    pub acked: Option<u64>,
    /// By kind, for the kinds the client subscribed to.
    pub types: ByKind,
}

/// What is said of each kind that a client subscribed to: a few of them on most streams, and there are many streams.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ByKind(Vec<(Kind, TypeStatus)>);

impl ByKind {
    /// What is said of a kind.
    pub fn get(&self, kind: &Kind) -> Option<&TypeStatus> {
        self.iter().find(|(of, _)| *of == kind).map(|(_, status)| status)
    }

    /// What is said of a kind, to be changed; it begins as nothing.
    pub fn of_mut(&mut self, kind: Kind) -> &mut TypeStatus {
        let at = self.0.partition_point(|(of, _)| *of < kind);
        if self.0.get(at).is_none_or(|(of, _)| *of != kind) {
            self.0.reserve_exact(1);
            self.0.insert(at, (kind, TypeStatus::default()));
        }
        &mut self.0[at].1
    }

    /// All that is said, in the order in which types are sent.
    pub fn iter(&self) -> impl Iterator<Item = (&Kind, &TypeStatus)> {
        self.0.iter().map(|(kind, status)| (kind, status))
    }

    /// All that is said, without the kinds.
    pub fn values(&self) -> impl Iterator<Item = &TypeStatus> {
        self.0.iter().map(|(_, status)| status)
    }

    /// Whether nothing is said: the client has not asked for anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Kind, TypeStatus)> for ByKind {
    fn from_iter<I: IntoIterator<Item = (Kind, TypeStatus)>>(all: I) -> ByKind {
        let mut made = ByKind::default();
        all.into_iter().for_each(|(kind, status)| *made.of_mut(kind) = status);
        made
    }
}

/// One type on one stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TypeStatus {
    /// Version of the newest response sent.
    pub sent: Option<Version>,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
    /// Since when responses have been without an answer, if the newest is.
    pub unanswered: Option<Timestamp>,
    /// Version of the newest response acknowledged.
    pub acked: Option<Version>,
    /// When it was acknowledged.
    pub acked_at: Option<Timestamp>,
    /// The newest response, if it was rejected and nothing newer was acknowledged.
    pub rejected: Option<Box<Rejection>>,
    /// Everything this client should have was sent and acknowledged, what its stream has not heard of yet among it.
    pub in_sync: bool,
    /// Why something is being held back, for example `routes wait for the ACK of clusters checkout/v2`.
    pub waiting: Option<Box<str>>,
    /// Responses sent.
    pub pushes: u64,
    /// Responses acknowledged.
    pub acks: u64,
    /// Responses rejected.
    pub nacks: u64,
}

/// A NACK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Version of the rejected response.
    pub version: Version,
    /// The client's own error text.
    pub message: String,
    /// Names that the rejected response carried; the client does not say which of them it rejects.
    pub resources: Vec<Arc<str>>,
    /// When it came.
    pub at: Timestamp,
}

/// A connected stream, as the board asks it.
pub trait Seen: std::fmt::Debug + Send + Sync + 'static {
    /// Counts streams since the start.
    fn id(&self) -> u64;

    /// How it stands now.
    fn status(&self, wall: &Wall) -> StreamStatus;

    /// Every resource of the stream: what its client has, what it asked for and what it should have, by kind and name.
    fn inspect(&self, _: &Wall) -> Vec<Inspection> {
        Vec::new()
    }
}

/// A stream that stands as is said here.
impl Seen for StreamStatus {
    fn id(&self) -> u64 {
        self.id
    }

    fn status(&self, _: &Wall) -> StreamStatus {
        self.clone()
    }
}

/// All connected streams. What is said of them is worked out when somebody asks: streams have more to do than to write down at every
/// message what mostly nobody reads.
#[derive(Debug)]
pub struct Board {
    streams: DashMap<u64, Arc<dyn Seen>>,
    changes: watch::Sender<u64>,
    wall: Mutex<Wall>,
}

impl Default for Board {
    fn default() -> Self {
        let (streams, changes) = (DashMap::new(), watch::Sender::new(0));
        Board { streams, changes, wall: Mutex::new(Wall::new(now(), Timestamp::now())) }
    }
}

impl Board {
    /// All streams, by node id and then by stream.
    pub fn streams(&self) -> Vec<StreamStatus> {
        let wall = self.wall();
        // No stream that comes or goes waits until all were asked.
        let streams: Vec<Arc<dyn Seen>> = self.streams.iter().map(|stream| stream.clone()).collect();
        let mut all: Vec<StreamStatus> = streams.iter().map(|stream| stream.status(&wall)).collect();
        all.sort_by(|a, b| (&a.node.id, a.id).cmp(&(&b.node.id, b.id)));
        all
    }

    /// Every resource of a stream, by kind and name. Empty if the stream has ended.
    pub fn inspect(&self, id: u64) -> Vec<Inspection> {
        let stream = self.streams.get(&id).map(|stream| stream.clone());
        stream.map(|stream| stream.inspect(&self.wall())).unwrap_or_default()
    }

    /// How many streams are connected.
    pub fn len(&self) -> usize {
        self.streams.len()
    }

    /// Whether no stream is connected.
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// Changes whenever anything on the board does.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Puts a stream on the board, in place of the one of that id.
    pub fn put(&self, stream: impl Seen) {
        self.streams.insert(stream.id(), Arc::new(stream));
        self.changed();
    }

    /// Takes a stream off.
    pub fn remove(&self, id: u64) {
        self.streams.remove(&id);
        self.changed();
    }

    /// Something may have changed of a stream. Wakes those who read; mostly nobody does, and streams have more to do than to ring for
    /// nobody.
    pub fn changed(&self) {
        if self.changes.receiver_count() > 0 {
            self.changes.send_modify(|count| *count += 1);
        }
    }

    fn wall(&self) -> Wall {
        let mut wall = self.wall.lock().unwrap_or_else(PoisonError::into_inner);
        wall.follow(now(), Timestamp::now());
        *wall
    }
}
