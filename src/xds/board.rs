//! The board: what every connected node was sent, and what it said to it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use dashmap::DashMap;
use jiff::Timestamp;
use tokio::sync::watch;

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
    /// Everything this client should have was sent and acknowledged.
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

/// All connected streams.
#[derive(Debug)]
pub struct Board {
    streams: DashMap<u64, Row>,
    changes: watch::Sender<u64>,
}

/// What the board says of one stream. Its stream writes there without looking for it.
#[derive(Debug, Clone)]
pub struct Row(Arc<Mutex<StreamStatus>>);

impl Row {
    fn lock(&self) -> MutexGuard<'_, StreamStatus> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Default for Board {
    fn default() -> Self {
        Board { streams: DashMap::new(), changes: watch::Sender::new(0) }
    }
}

impl Board {
    /// All streams, by node id and then by stream.
    pub fn streams(&self) -> Vec<StreamStatus> {
        let mut all: Vec<StreamStatus> = self.streams.iter().map(|row| row.lock().clone()).collect();
        all.sort_by(|a, b| (&a.node.id, a.id).cmp(&(&b.node.id, b.id)));
        all
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

    /// Puts a stream on the board.
    pub fn put(&self, status: StreamStatus) -> Row {
        let (id, row) = (status.id, Row(Arc::new(Mutex::new(status))));
        self.streams.insert(id, row.clone());
        self.changed();
        row
    }

    /// Changes what the board says of a stream.
    pub fn update(&self, row: &Row, change: impl FnOnce(&mut StreamStatus)) {
        change(&mut row.lock());
        self.changed();
    }

    /// Takes a stream off.
    pub fn remove(&self, id: u64) {
        self.streams.remove(&id);
        self.changed();
    }

    /// Wakes those who read. Mostly nobody does, and streams have more to do than to ring for nobody.
    fn changed(&self) {
        if self.changes.receiver_count() > 0 {
            self.changes.send_modify(|count| *count += 1);
        }
    }
}
