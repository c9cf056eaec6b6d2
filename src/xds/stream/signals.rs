//! What a stream waits for besides requests.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_util::{FutureExt as _, Stream, StreamExt as _};
use tokio::time::Sleep;
use tokio_stream::wrappers::WatchStream;
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::snapshot::Snapshot;
use crate::xds::identity::Peer;
use crate::xds::seldom::{Rings, Seldom};
use crate::xds::server::Shared;

/// All rings of what comes from outside, and those of connections that close.
static SIGNALS: Rings = Rings::new();
static CLOSINGS: Rings = Rings::new();

/// What a stream waits for besides requests. Each is registered with once and again only when it has happened, not at every wait.
pub(super) struct Signals {
    seldom: Seldom<Outside>,
    alarm: Option<Pin<Box<Sleep>>>,
}

/// What comes from outside of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// Something else is published.
    Published,
    /// The connection is to end. It is told once.
    Closing,
}

struct Outside {
    changes: WatchStream<Option<Arc<Snapshot>>>,
    /// Until it is told. With a bell of its own, by which it is not looked at whenever something is published.
    closing: Option<Seldom<WaitForCancellationFutureOwned>>,
}

impl Stream for Outside {
    type Item = Signal;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Signal>> {
        if self.closing.as_mut().is_some_and(|closing| closing.poll_unpin(cx).is_ready()) {
            self.closing = None;
            return Poll::Ready(Some(Signal::Closing));
        }
        self.changes.poll_next_unpin(cx).map(|changed| changed.map(|_| Signal::Published))
    }
}

impl Signals {
    /// Begins to listen.
    pub fn new(shared: &Shared, peer: &Peer) -> Signals {
        let mut published = shared.published.clone();
        // The stream begins with what there is now.
        published.mark_unchanged();
        let (changes, closing) = (WatchStream::from_changes(published), Some(Seldom::new(peer.line.closing(), &CLOSINGS)));
        Signals { seldom: Seldom::new(Outside { changes, closing }, &SIGNALS), alarm: None }
    }

    /// Waits for the next signal; `None` when nothing will ever be published again.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Signal>> {
        self.seldom.poll_next_unpin(cx)
    }

    /// Waits until that time, if there is one.
    pub fn poll_alarm(&mut self, at: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
        let at = at.map(tokio::time::Instant::from);
        if self.alarm.as_ref().map(|alarm| alarm.deadline()) != at {
            self.alarm = at.map(|at| Box::pin(tokio::time::sleep_until(at)));
        }
        match &mut self.alarm {
            Some(alarm) => alarm.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}
