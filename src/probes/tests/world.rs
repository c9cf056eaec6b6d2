//! What is wanted, and what is found.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::model::Endpoint;
use crate::probes::{How, Prober, Target, Way};

/// A prober under way.
pub(super) struct World {
    pub wanted: watch::Sender<BTreeSet<Target>>,
    pub facts: watch::Receiver<BTreeMap<Endpoint, bool>>,
    _task: AbortOnDropHandle<()>,
}

impl World {
    pub fn new(targets: &[Target]) -> World {
        let wanted = watch::Sender::new(targets.iter().cloned().collect());
        let (found, facts) = watch::channel(BTreeMap::new());
        let task = AbortOnDropHandle::new(tokio::spawn(Prober::new(wanted.subscribe(), found).run()));
        World { wanted, facts, _task: task }
    }

    /// Waits until these are the facts.
    pub async fn until(&mut self, facts: &[(SocketAddr, bool)]) {
        let want: BTreeMap<Endpoint, bool> = facts.iter().map(|(address, fact)| (Endpoint { address: *address }, *fact)).collect();
        self.facts.wait_for(|facts| *facts == want).await.expect("the prober runs");
    }
}

/// Asked every millisecond, which may take ten seconds.
pub(super) fn target(address: SocketAddr, way: Way) -> Target {
    let how = How { way, every: Duration::from_millis(1), timeout: Duration::from_secs(10), healthy: 1, unhealthy: 1 };
    Target { endpoint: Endpoint { address }, how }
}

pub(super) fn http1() -> Way {
    Way::Http1 { host: "a.example.com".to_owned(), path: "/healthz".to_owned() }
}

pub(super) fn http2() -> Way {
    Way::Http2 { host: "a.example.com".to_owned(), path: "/healthz".to_owned() }
}

pub(super) fn grpc() -> Way {
    Way::Grpc { host: "a.example.com".to_owned() }
}
