//! The driver of one stream: moves requests and responses between the connection and the session, and tells the board.
//!
//! It is pulled by HTTP/2, which keeps one response in hand beyond what the client's window has room for: so a client that stops reading
//! costs no more memory than that, and skips what became old while it did not read. Requests are taken in before responses are made.

mod noted;
mod ready;
mod requests;
mod signals;

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt as _;
use hyper::body::Incoming;
use tokio_stream::wrappers::WatchStream;
use tonic::Status;

use self::noted::Noted;
use self::ready::Ready;
use self::signals::{Signal, Signals};
use super::admission::Place;
use super::board::Variant;
use super::clock::now;
use super::guard::guarded;
use super::identity::Peer;
use super::inbound::{Fault, Inbound};
use super::pace::Pace;
use super::server::{Conversation, Shared};
use super::watchdog::{GULP, Pulse};
use super::wire;
use crate::snapshot::{Kind, Membership, Node, Transport};

/// Requests taken in at a go before the stream looks whether there is something to send.
const REQUESTS_AT_A_GO: usize = 64;
/// Responses of more bytes are told of. gRPC takes 4 MiB by default, and a client that is sent more ends its stream, comes back and is
/// sent the same; so it is to be known before.
const LARGE: usize = 3 << 20;
/// How long a stream whose connection ends may still wait for its first answer.
const LAST_WORD: Duration = Duration::from_secs(1);

/// What a stream is, as its service and connection say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    /// The one type of a typed service; `None` on ADS.
    pub kind: Option<Kind>,
    pub variant: Variant,
    pub peer: Option<SocketAddr>,
}

impl Origin {
    /// Whether it is an aggregated stream.
    pub fn is_aggregated(&self) -> bool {
        self.kind.is_none()
    }

    fn transport(&self) -> Transport {
        if self.is_aggregated() { Transport::Aggregated } else { Transport::Typed(self.variant) }
    }
}

/// One stream.
pub(super) struct Stream {
    id: u64,
    origin: Origin,
    /// Asked for at the beginning, and not in the way of the rest.
    peer: Box<Peer>,
    shared: Arc<Shared>,
    signals: Signals,
    inbound: Inbound<Incoming>,
    place: Place,
    pulse: Arc<Pulse>,
    pace: Pace,
    /// Set by the first request.
    client: Option<Client>,
    ready: Ready,
    /// How often the gate was forced, as far as it was told.
    forced: u64,
    noted: Noted,
    /// Something happened since there was last nothing to be sent.
    stirred: bool,
    /// Something was sent.
    answered: bool,
    /// The connection is to end, and this stream at that moment if not before.
    leaving: Option<Instant>,
}

struct Client {
    node: Arc<Node>,
    /// Hash of the node's id, by which it is known when a request repeats it.
    known_by: u128,
    membership: Membership,
    conversation: Arc<Conversation>,
    bell: Option<WatchStream<()>>,
}

/// Which of the requests that are there were taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    All,
    SomeOf,
    /// All, and the client has ended the stream.
    Ended,
}

impl Stream {
    pub fn new(shared: Arc<Shared>, origin: Origin, peer: Peer, place: Place, inbound: Inbound<Incoming>) -> Stream {
        let (id, signals) = (shared.next_id(), Signals::new(&shared, &peer));
        let pulse = shared.watchdog.watch(peer.line.clone());
        shared.metrics.stream_opened(origin.variant, origin.is_aggregated());
        Stream {
            id,
            origin,
            peer: Box::new(peer),
            shared,
            signals,
            inbound,
            place,
            pulse,
            pace: Pace::default(),
            client: None,
            ready: Ready::default(),
            forced: 0,
            noted: Noted::default(),
            stirred: true,
            answered: false,
            leaving: None,
        }
    }

    /// The next message to send, `None` when the client has ended the stream.
    ///
    /// # Errors
    /// The status with which the stream ends.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Status>> {
        let (shared, id) = (self.shared.clone(), self.id);
        let panicked = || {
            shared.metrics.panicked();
            tracing::error!(stream = id, "a stream is ended by a fault");
        };
        guarded(|| self.poll_piece(cx), panicked)
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Status>> {
        ready!(self.poll_begin(cx))?;
        let now = now();
        loop {
            if let Some(piece) = self.next_piece(now) {
                return Poll::Ready(Ok(Some(piece)));
            }
            let taken = self.take_in_requests(cx, now)?;
            if taken == Taken::Ended {
                return Poll::Ready(Ok(None));
            }
            let changed = self.take_in_signals(cx, now)?;
            if self.respond(now) || changed || !self.ready.is_empty() {
                continue;
            }
            if taken == Taken::SomeOf {
                // Others have a turn before the rest.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            ready!(self.poll_event(cx, now))?;
            self.stirred = true;
        }
    }

    /// Waits for its turn, before anything is done for it.
    fn poll_begin(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        if self.place.begins.is_some() {
            while let Poll::Ready(signal) = self.signals.poll_next(cx) {
                if signal != Some(Signal::Published) {
                    return Poll::Ready(Err(self.farewell()));
                }
            }
            ready!(self.signals.poll_alarm(self.place.begins, cx));
            self.place.begins = None;
        }
        Poll::Ready(Ok(()))
    }

    fn next_piece(&mut self, now: Instant) -> Option<Bytes> {
        let piece = self.ready.pop(GULP)?;
        Some(self.pulse.give(piece, now))
    }

    fn farewell(&self) -> Status {
        if self.shared.shutdown.is_cancelled() {
            return Status::unavailable("the server is shutting down");
        }
        Status::unavailable("this connection has lasted long enough: open another")
    }

    /// Takes in the requests that are there already, unless they come too fast.
    fn take_in_requests(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<Taken, Status> {
        for _ in 0..REQUESTS_AT_A_GO {
            if self.pace.pause(now).is_some() {
                return Ok(Taken::All);
            }
            let message = self.inbound.poll_message(cx).map_err(|fault| match fault {
                Fault::TooMuch(too_much) => self.refuse(too_much),
                Fault::Status(status) => *status,
            });
            match message? {
                Poll::Ready(Some(message)) => {
                    self.on_message(message, now)?;
                    self.stirred = true;
                }
                Poll::Ready(None) => return Ok(Taken::Ended),
                Poll::Pending => return Ok(Taken::All),
            }
        }
        Ok(Taken::SomeOf)
    }

    /// Takes in what has come from outside meanwhile. If there was something, there may be more.
    fn take_in_signals(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, Status> {
        let Poll::Ready(signal) = self.signals.poll_next(cx) else { return Ok(false) };
        match signal.ok_or_else(|| Status::unavailable("the server is shutting down"))? {
            Signal::Published => self.retarget()?,
            Signal::Closing => self.leaving = Some(now + LAST_WORD),
        }
        self.stirred = true;
        Ok(true)
    }

    /// Waits until something happens besides requests and signals.
    fn poll_event(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Result<(), Status>> {
        // Who has just come is answered first: ended without an answer, a stream looks like a broken server.
        if self.leaving.is_some_and(|by| self.answered || by <= now) {
            return Poll::Ready(Err(self.farewell()));
        }
        let bell = self.client.as_mut().and_then(|client| client.bell.as_mut());
        let rung = bell.is_some_and(|bell| bell.poll_next_unpin(cx).is_ready());
        let wake_at = self.client.as_ref().and_then(|client| client.conversation.session().wake_at(self.id));
        let alarm = [wake_at, self.pace.pause(now), self.leaving].into_iter().flatten().min();
        if rung || self.signals.poll_alarm(alarm, cx).is_ready() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn retarget(&mut self) -> Result<(), Status> {
        let snapshot = self.shared.published.borrow().clone();
        let Some((snapshot, client)) = snapshot.zip(self.client.as_ref()) else { return Ok(()) };
        // The node may be in other fleets now, and those ask for other certificates.
        if !client.membership.is_of(&snapshot) {
            self.admit(&client.node, &snapshot)?;
        }
        if let Some(client) = &mut self.client {
            let view = snapshot.view_of(&client.node, &mut client.membership);
            client.conversation.session().retarget(view, snapshot.generation());
        }
        Ok(())
    }

    /// Makes the next response, if one is to be sent now.
    fn respond(&mut self, now: Instant) -> bool {
        let Some(client) = self.client.as_ref().filter(|_| self.stirred) else { return false };
        let (response, forced, ring) = {
            let mut session = client.conversation.session();
            (session.poll(self.id, now), session.sequence().times_forced(), session.take_ring())
        };
        if ring {
            client.conversation.ring();
        }
        if forced > self.forced {
            self.shared.metrics.gate_timeout();
            tracing::warn!(node = %client.node.id, "clusters were not acknowledged in time, routes to them go out all the same");
        }
        self.forced = forced;
        let Some(response) = response else {
            self.stirred = false;
            self.shared.board.changed();
            return false;
        };
        let message = wire::encode_response(self.origin.variant, &response, &self.shared.identifier);
        let bytes = message.len();
        self.shared.metrics.sent(response.kind, bytes);
        tracing::debug!(node = %client.node.id, kind = response.kind.short(), resources = response.resources.len(),
            removed = response.removed.len(), bytes, version = %response.version, "sent");
        if bytes > LARGE {
            self.shared.metrics.large(response.kind);
            if self.noted.large(response.kind) {
                tracing::warn!(node = %client.node.id, kind = response.kind.short(), bytes,
                    "a response is large: by default gRPC clients take at most 4 MiB");
            }
        }
        self.ready.push(message);
        self.answered = true;
        true
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shared.metrics.stream_closed(self.origin.variant, self.origin.is_aggregated());
        if let Some(Client { node, conversation, .. }) = self.client.take() {
            tracing::info!(node = %node.id, stream = self.id, "a node has disconnected");
            self.shared.board.remove(self.id);
            conversation.session().close(self.id);
            conversation.ring();
            drop(conversation);
            if !self.origin.is_aggregated() {
                self.shared.hang_up(&self.origin, &node);
            }
        }
    }
}
