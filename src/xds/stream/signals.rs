//! What a stream waits for besides requests.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::time::Sleep;
use tokio_stream::wrappers::WatchStream;
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::snapshot::Snapshot;
use crate::xds::identity::Peer;
use crate::xds::seldom::Seldom;
use crate::xds::server::Shared;

/// What a stream waits for besides requests. Each is registered with once and again only when it has happened, not at every wait.
pub(super) struct Signals {
    /// The connection is to end.
    pub closing: Seldom<WaitForCancellationFutureOwned>,
    /// Something else is published.
    pub changes: Seldom<WatchStream<Option<Arc<Snapshot>>>>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Signals {
    /// Begins to listen.
    pub fn new(shared: &Shared, peer: &Peer) -> Signals {
        let mut published = shared.published.clone();
        // The stream begins with what there is now.
        published.mark_unchanged();
        let changes = Seldom::new(WatchStream::from_changes(published));
        Signals { closing: Seldom::new(peer.line.closing()), changes, alarm: None }
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
