//! What a request does: whose it is, whether it may be, and what the session is told of it.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use jiff::Timestamp;
use tokio_stream::wrappers::WatchStream;
use tonic::Status;
use xxhash_rust::xxh3::xxh3_128;

use super::{Client, Stream};
use crate::snapshot::{Kind, Node, Snapshot, View};
use crate::xds::board::{StreamStatus, Variant};
use crate::xds::channel::Verdict;
use crate::xds::inbound::Chunks;
use crate::xds::limits::{self, TooMuch};
use crate::xds::live::Live;
use crate::xds::request::Request;
use crate::xds::wire::{self, Incoming, Told, Unreadable};

/// Longest part of an unknown type's name that is logged, in bytes.
const SHOWN: usize = 200;

impl Stream {
    pub(super) fn on_message(&mut self, message: Chunks, now: Instant) -> Result<(), Status> {
        if self.pace.read(self.shared.limits.requests, now) {
            self.shared.metrics.throttled();
            tracing::debug!(stream = self.id, "requests come too fast, and wait");
        }
        let decoded = wire::decode_request(self.origin.variant, message, self.client.is_none());
        let mut incoming = decoded.map_err(|error| match error {
            Unreadable::Malformed(text) => Status::invalid_argument(format!("not a discovery request: {text}")),
            Unreadable::TooMuch(too_much) => self.refuse(too_much),
        })?;
        match (&self.client, incoming.node.take()) {
            (None, Some(Told::Node(node))) => self.introduce(node)?,
            (None, _) => return Err(unnamed()),
            (Some(client), Some(Told::Id(id))) => client.check_node(&id)?,
            (Some(_), _) => {}
        }
        self.shared.limits.check(&mut incoming.request).map_err(|too_much| self.refuse(too_much))?;
        self.on_request(incoming, now)
    }

    fn on_request(&mut self, incoming: Incoming, now: Instant) -> Result<(), Status> {
        let sotw = self.origin.variant == Variant::Sotw;
        let kind = match (self.origin.kind, incoming.type_url.as_str()) {
            (None, "") => {
                return Err(Status::invalid_argument("type_url is empty, and an aggregated stream needs one in every request"));
            }
            (Some(kind), "") => Some(kind),
            (None, type_url) => Kind::from_type_url(type_url).filter(|kind| !(sotw && kind.is_delta_only())),
            (Some(kind), type_url) if type_url == kind.type_url() => Some(kind),
            (Some(kind), type_url) => {
                let text = format!("{type_url} was asked for on the service for {}", kind.type_url());
                return Err(Status::invalid_argument(text));
            }
        };
        match kind {
            Some(kind) => self.on_known(kind, &incoming.request, now)?,
            None => self.on_foreign(&incoming),
        }
        Ok(())
    }

    pub(super) fn admit(&self, node: &Node, snapshot: &Snapshot) -> Result<(), Status> {
        self.peer.may_speak_for(node, snapshot).inspect_err(|_| self.shared.metrics.refused("identity"))
    }

    pub(super) fn refuse(&self, too_much: TooMuch) -> Status {
        self.shared.metrics.refused("too_much");
        tracing::warn!(stream = self.id, peer = ?self.origin.peer, "a stream is ended: {too_much}");
        too_much.into()
    }

    fn introduce(&mut self, node: Bytes) -> Result<(), Status> {
        limits::check_node(node.len()).map_err(|too_much| self.refuse(too_much))?;
        let node = wire::decode_node(node).map_err(|error| Status::invalid_argument(format!("not a node: {error}")))?;
        if node.id.is_empty() {
            return Err(unnamed());
        }
        limits::check_name(&node.id).map_err(|too_much| self.refuse(too_much))?;
        let snapshot = self.shared.published.borrow().clone();
        let snapshot = snapshot.ok_or_else(|| Status::unavailable("nothing has been loaded yet"))?;
        self.admit(&node, &snapshot)?;
        let mut membership = snapshot.membership(&node, self.origin.transport());
        let view = snapshot.view_of(&node, &mut membership);
        let conversation = self.shared.conversation(&self.origin, &node, view, snapshot.generation());
        let node = Arc::new(node);
        tracing::info!(node = %node.id, cluster = %node.cluster, version = %node.version, stream = self.id, variant = ?self.origin.variant,
            service = self.origin.kind.map_or("ADS", Kind::short), "a node has connected");
        let bell = conversation.listen().map(WatchStream::from_changes);
        let stream = StreamStatus {
            id: self.id,
            node: node.clone(),
            peer: self.origin.peer,
            variant: self.origin.variant,
            aggregated: self.origin.is_aggregated(),
            since: Timestamp::now(),
            acked: None,
            types: Default::default(),
        };
        let (transport, published) = (self.origin.transport(), self.shared.published.clone());
        self.shared.board.put(Live { stream, transport, conversation: conversation.clone(), published });
        let known_by = xxh3_128(node.id.as_bytes());
        self.client = Some(Client { node, known_by, membership, conversation, bell });
        Ok(())
    }

    fn on_known(&mut self, kind: Kind, request: &Request, now: Instant) -> Result<(), Status> {
        let Some(client) = &self.client else { return Ok(()) };
        let old = self.told_view(client, kind, request);
        let (heard, names) = {
            let mut session = client.conversation.session();
            let heard = session.on_request(self.id, kind, request, now);
            old.iter().for_each(|old| session.remember(self.id, kind, old));
            let names = if heard.resubscribed { session.names_on(self.id) } else { 0 };
            (heard, names)
        };
        self.shared.limits.check_count(names).map_err(|too_much| self.refuse(too_much))?;
        match &heard.verdict {
            Some(Verdict::Ack { after, .. }) => self.shared.metrics.acked(kind, after.as_secs_f64()),
            Some(Verdict::Nack { message, version, names }) => {
                self.shared.metrics.nacked(kind);
                tracing::warn!(node = %client.node.id, kind = kind.short(), %version, ?names, message, "a node has rejected what it was sent");
            }
            None => {}
        }
        Ok(())
    }

    /// What a state-of-the-world client holds that comes back, if its first request of a type tells a version that is remembered.
    fn told_view(&self, client: &Client, kind: Kind, request: &Request) -> Option<Arc<View>> {
        let Request::Sotw(request) = request else { return None };
        if request.version.is_empty() || client.conversation.session().channel(self.id, kind).is_some() {
            return None;
        }
        let snapshot = self.shared.published.borrow().clone()?;
        snapshot.view_told(&client.node, self.origin.transport(), kind, &request.version)
    }

    /// A type that is not served: it harms nobody. In delta the client is told that its names do not exist.
    fn on_foreign(&mut self, incoming: &Incoming) {
        let Some(client) = &self.client else { return };
        if self.noted.unknown(&incoming.type_url) {
            self.shared.metrics.unknown_type();
            let type_url = &incoming.type_url[..incoming.type_url.floor_char_boundary(SHOWN)];
            tracing::info!(node = %client.node.id, stream = self.id, type_url, "a type that is not served is asked for");
        }
        let Request::Delta(request) = &incoming.request else { return };
        if let Some((nonce, names)) = client.conversation.session().on_foreign(request) {
            self.ready.push(wire::encode_foreign(&incoming.type_url, nonce, &names, &self.shared.identifier));
            self.answered = true;
        }
    }
}

fn unnamed() -> Status {
    Status::invalid_argument("the first request of a stream must name the node: node.id is empty")
}

impl Client {
    /// A node may be repeated, but never changed for another: one stream must not be fed another node's configuration.
    fn check_node(&self, id: &str) -> Result<(), Status> {
        if id.is_empty() || xxh3_128(id.as_bytes()) == self.known_by {
            return Ok(());
        }
        let known = &self.node.id;
        Err(Status::invalid_argument(format!("this stream belongs to node {known:?}, and a request on it came from {id:?}")))
    }
}
