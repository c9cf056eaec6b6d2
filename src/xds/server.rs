//! What all streams share, and the services they come in by.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use dashmap::DashMap;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::admission::Admission;
use super::board::{Board, Variant};
use super::clock::now;
use super::limits::Limits;
use super::metrics::Metrics;
use super::sequence::Timing;
use super::session::Session;
use super::stream::Origin;
use super::watchdog::Watchdog;
use crate::snapshot::{Node, Snapshot, View};

/// The newest snapshot; `None` until the first complete load, and until then every stream is refused.
pub type Published = watch::Receiver<Option<Arc<Snapshot>>>;

/// The xDS server. Clones share everything.
#[derive(Debug, Clone)]
pub struct Server {
    pub(super) shared: Arc<Shared>,
}

/// A node on typed services: connection, variant and node id.
type Caller = (Option<SocketAddr>, Variant, String);

/// What all streams share.
#[derive(Debug)]
pub(super) struct Shared {
    pub published: Published,
    pub board: Arc<Board>,
    pub metrics: Metrics,
    pub timing: Timing,
    pub limits: Limits,
    pub admission: Admission,
    pub watchdog: Watchdog,
    /// `control_plane.identifier` of every response.
    pub identifier: String,
    /// Lets no more streams in. Those that are open end with their connections.
    pub shutdown: CancellationToken,
    ids: AtomicU64,
    /// Sessions of nodes on typed services, and how many streams take part: they share one order.
    typed: DashMap<Caller, (Arc<Conversation>, usize)>,
}

/// A session and its doorbell: it rings when something on one stream may let another go on.
#[derive(Debug)]
pub(super) struct Conversation {
    session: Mutex<Session>,
    /// A node on ADS has one stream, and nobody to ring for.
    bell: Option<watch::Sender<()>>,
}

impl Conversation {
    pub fn aggregated(session: Session) -> Arc<Conversation> {
        Arc::new(Conversation { session: Mutex::new(session), bell: None })
    }

    pub fn typed(session: Session) -> Arc<Conversation> {
        Arc::new(Conversation { session: Mutex::new(session), bell: Some(watch::Sender::new(())) })
    }

    /// Hears the bell.
    pub fn listen(&self) -> Option<watch::Receiver<()>> {
        self.bell.as_ref().map(watch::Sender::subscribe)
    }

    /// Wakes the node's other streams.
    pub fn ring(&self) {
        if let Some(bell) = &self.bell {
            bell.send_replace(());
        }
    }

    /// The session. It is never held over an await, and every use of it is short.
    pub fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Server {
    /// A server of what is published, writing to the board and the metrics given.
    pub fn new(
        published: Published,
        board: Arc<Board>,
        metrics: Metrics,
        timing: Timing,
        limits: Limits,
        shutdown: CancellationToken,
    ) -> Server {
        Server {
            shared: Arc::new(Shared {
                published,
                board,
                metrics,
                timing,
                limits,
                admission: Admission::new(limits),
                watchdog: Watchdog::new(limits.unread, now()),
                identifier: identifier(),
                shutdown,
                ids: AtomicU64::new(1),
                typed: DashMap::new(),
            }),
        }
    }

    /// Ends the connections of clients that take nothing of what they are sent, for as long as it runs.
    pub async fn watch_over_streams(&self) -> Infallible {
        let Shared { watchdog, metrics, .. } = self.shared.as_ref();
        let Some(pace) = watchdog.pace() else { return std::future::pending().await };
        loop {
            tokio::time::sleep(pace).await;
            let stuck = watchdog.sweep(now());
            if stuck > 0 {
                metrics.unread(stuck as u64);
                tracing::warn!(streams = stuck, "clients that read nothing are disconnected");
            }
        }
    }
}

/// What this server calls itself: its version, and the host it runs on, as other servers of the fleet run on others.
fn identifier() -> String {
    let host = rustix::system::uname();
    format!("tidegate/{}/{}", env!("CARGO_PKG_VERSION"), host.nodename().to_string_lossy())
}

impl Shared {
    pub fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// The conversation that a new stream takes part in: its own on ADS, else that of its connection and node. The view is of this
    /// generation.
    pub fn conversation(&self, origin: &Origin, node: &Node, view: Arc<View>, generation: u64) -> Arc<Conversation> {
        if origin.is_aggregated() {
            return Conversation::aggregated(Session::new(view, generation, self.timing));
        }
        let key = (origin.peer, origin.variant, node.id.clone());
        let begin = || (Conversation::typed(Session::typed(view.clone(), generation, self.timing)), 0);
        let mut entry = self.typed.entry(key).or_insert_with(begin);
        entry.1 += 1;
        let conversation = entry.0.clone();
        drop(entry);
        // The node's other streams may not have heard yet of what this one begins with, and it will not hear of that again.
        conversation.session().retarget(view, generation);
        conversation
    }

    /// A stream on typed services ended: forget its node's conversation if it was the last.
    pub fn hang_up(&self, origin: &Origin, node: &Node) {
        self.typed.remove_if_mut(&(origin.peer, origin.variant, node.id.clone()), |_, (_, streams)| {
            *streams -= 1;
            *streams == 0
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::View;

    /// A server that nobody has told anything yet.
    fn server() -> Server {
        let (metrics, timing, limits) = (Metrics::default(), Timing::default(), Limits::default());
        Server::new(watch::channel(None).1, Arc::default(), metrics, timing, limits, CancellationToken::new())
    }

    #[test]
    fn a_stream_on_typed_services_begins_with_what_there_is_also_if_others_of_its_node_have_not_heard_of_it() {
        let (shared, node, old, new) = (server().shared, Node::default(), Arc::new(View::default()), Arc::new(View::default()));
        let origin = Origin { kind: Some(crate::snapshot::Kind::Cluster), variant: Variant::Delta, peer: None };
        let first = shared.conversation(&origin, &node, old.clone(), 1);
        let second = shared.conversation(&origin, &node, new.clone(), 2);
        assert!(Arc::ptr_eq(first.session().target(), &new));
        shared.conversation(&origin, &node, old, 1);
        assert!(Arc::ptr_eq(second.session().target(), &new), "what is older does not come back");
    }

    #[test]
    fn o5_a_server_says_on_which_host_it_is() {
        let identifier = server().shared.identifier.clone();
        let parts: Vec<&str> = identifier.splitn(3, '/').collect();
        assert_eq!(parts[..2], ["tidegate", env!("CARGO_PKG_VERSION")]);
        assert_eq!(parts[2].as_bytes(), rustix::system::uname().nodename().to_bytes());
    }

    #[test]
    fn the_last_stream_of_a_node_on_typed_services_takes_its_session_along() {
        let (shared, node, view) = (server().shared, Node::default(), Arc::new(View::default()));
        let origin = Origin { kind: Some(crate::snapshot::Kind::Cluster), variant: Variant::Delta, peer: None };
        let (one, two) = (shared.conversation(&origin, &node, view.clone(), 1), shared.conversation(&origin, &node, view, 1));
        assert!(Arc::ptr_eq(&one, &two), "streams of one node share it");
        shared.hang_up(&origin, &node);
        assert_eq!(shared.typed.len(), 1);
        shared.hang_up(&origin, &node);
        assert!(shared.typed.is_empty());
    }
}
