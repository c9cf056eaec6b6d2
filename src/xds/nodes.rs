//! From the board's streams to nodes: who is connected, and what each of them holds.

use super::board::{Rejection, StreamStatus, TypeStatus};
use crate::snapshot::Kind;

/// The connected nodes, by id and cluster. An Envoy on typed services has a stream a type; they are one node. Of a large fleet this is
/// made at each look, so it is one list, in which the streams of a node stand together.
#[derive(Debug)]
pub struct Nodes<'a>(Vec<&'a StreamStatus>);

impl<'a> Nodes<'a> {
    /// Puts streams of the same node together.
    pub fn of(streams: &'a [StreamStatus]) -> Nodes<'a> {
        let mut streams: Vec<&StreamStatus> = streams.iter().collect();
        // The board lists them by id already, and what is in order is not sorted but looked through.
        streams.sort_by_key(|stream| key(stream));
        Nodes(streams)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether nobody is connected.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The streams of each node, of which there is at least one, by the nodes' ids.
    pub fn iter(&self) -> impl Iterator<Item = &[&'a StreamStatus]> {
        self.0.chunk_by(|a, b| key(a) == key(b))
    }

    /// The nodes behind this id and cluster, in order.
    pub fn behind(&self, after: Option<(&str, &str)>) -> impl Iterator<Item = &[&'a StreamStatus]> {
        let from = after.map_or(0, |after| self.0.partition_point(|stream| key(stream) <= after));
        self.0[from..].chunk_by(|a, b| key(a) == key(b))
    }
}

/// What tells a node from others.
fn key(stream: &StreamStatus) -> (&str, &str) {
    (stream.node.id.as_str(), stream.node.cluster.as_str())
}

/// Whether a node holds what it should, and if not, why.
#[derive(Debug, PartialEq, Eq)]
pub enum Holding {
    /// It does.
    InSync,
    /// It rejects something, in these words.
    Rejecting(String),
    /// Something is held back, for this reason.
    Waiting(String),
    /// It has not acknowledged something yet.
    Behind(String),
}

impl Holding {
    /// How it stands with a node that has these streams.
    pub fn of(streams: &[&StreamStatus]) -> Holding {
        match rejections(streams).next() {
            Some((kind, rejection)) => Holding::Rejecting(format!("{} rejected: {}", kind.short(), rejection.message)),
            None => Holding::but_for_rejections(streams),
        }
    }

    /// As `of`, but if it rejects something that alone is no reason.
    pub fn but_for_rejections(streams: &[&StreamStatus]) -> Holding {
        let types = || streams.iter().flat_map(|stream| stream.types.iter());
        if let Some((kind, waiting)) = types().find_map(|(kind, state)| Some((kind, held_back(*kind, state)?))) {
            return Holding::Waiting(format!("{} {waiting}", kind.short()));
        }
        if let Some((kind, _)) = types().find(|(_, state)| lags(state)) {
            return Holding::Behind(format!("{} not acknowledged yet", kind.short()));
        }
        if types().next().is_none() {
            return Holding::Behind("has not subscribed to anything yet".to_owned());
        }
        Holding::InSync
    }
}

/// What a node with these streams rejects.
pub fn rejections<'a>(streams: &[&'a StreamStatus]) -> impl Iterator<Item = (Kind, &'a Rejection)> {
    let types = streams.iter().flat_map(|stream| stream.types.iter());
    types.filter_map(|(kind, state)| Some((*kind, state.rejected.as_deref()?)))
}

/// Whether there is something to be acknowledged yet, and not only something rejected.
fn lags(state: &TypeStatus) -> bool {
    !state.in_sync && (state.rejected.is_none() || state.unanswered.is_some())
}

/// Why a type is held back. Clusters never are: what there is to say of them is which are draining, and a node in sync has those too.
fn held_back(kind: Kind, state: &TypeStatus) -> Option<&str> {
    state.waiting.as_deref().filter(|_| !state.in_sync && kind != Kind::Cluster)
}
