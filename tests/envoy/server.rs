//! The control plane, over a directory of its own.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tidegate::control::{FileState, ServerStatus};
use tidegate::reports::Loads;
use tidegate::serve::{self, Options, Running};
use tidegate::snapshot::Kind;
use tidegate::xds::{StreamStatus, TypeStatus};

/// Longest wait for one thing.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a cluster outlives its last route in these tests.
const DRAIN: Duration = Duration::from_millis(200);

/// A server in this process.
pub struct Server {
    running: Running,
    dir: PathBuf,
    folder: tempfile::TempDir,
}

impl Server {
    /// Starts over these files, and waits until they are served.
    pub async fn start(files: &[(&str, String)]) -> Server {
        Server::start_with(files, |options| options).await
    }

    /// The same, with other options.
    pub async fn start_with(files: &[(&str, String)], change: impl FnOnce(Options) -> Options) -> Server {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path().join("releases");
        std::fs::create_dir(&dir).expect("a folder");
        files.iter().for_each(|(name, text)| std::fs::write(dir.join(name), text).expect("written"));
        let options = Options {
            drain: DRAIN,
            load_report_interval: Duration::from_secs(1),
            ..Options::local(dir.clone(), folder.path().join("state"))
        };
        let server = Server { running: serve::start(change(options)).await.expect("a server"), dir, folder };
        server.status_until("the first load", |status| status.ready).await;
        server
    }

    /// Where Envoys connect.
    pub fn xds(&self) -> SocketAddr {
        self.running.xds
    }

    /// Where it is asked about its Envoys.
    pub fn admin(&self) -> SocketAddr {
        self.running.admin
    }

    /// Where the writer of what is served is turned to.
    pub fn desk(&self) -> &tidegate::control::Desk {
        &self.running.desk
    }

    /// Where its metrics are.
    pub fn http(&self) -> SocketAddr {
        self.running.http
    }

    /// A file in the directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The directory.
    pub fn dir(&self) -> PathBuf {
        self.dir.clone()
    }

    /// A path beside the directory.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Saves a file as an editor does.
    pub fn save(&self, name: &str, text: &str) {
        std::fs::write(self.path(".new"), text).expect("written");
        std::fs::rename(self.path(".new"), self.path(name)).expect("renamed");
    }

    /// Saves a file, and waits until an Envoy has acknowledged resources of that kind again, and all of them everything.
    pub async fn change(&self, kind: Kind, name: &str, text: &str) {
        let before = self.count(kind, |of| of.acks);
        self.save(name, text);
        let done = |streams: &[StreamStatus]| count(streams, kind, |of| of.acks) > before;
        self.board_until(&format!("ACKs of {name}"), |streams| done(streams) && in_sync(streams)).await;
    }

    /// Waits until so many Envoys are connected and have acknowledged everything.
    pub async fn in_sync(&self, envoys: usize) {
        let nodes = |streams: &[StreamStatus]| streams.iter().map(|stream| stream.node.id.clone()).collect::<BTreeSet<_>>().len();
        self.board_until("Envoys in sync", |streams| nodes(streams) == envoys && in_sync(streams)).await;
    }

    pub fn status(&self) -> Arc<ServerStatus> {
        self.running.status.borrow().clone()
    }

    pub async fn status_until(&self, what: &str, good: impl Fn(&ServerStatus) -> bool) -> Arc<ServerStatus> {
        let mut status = self.running.status.clone();
        let found = tokio::time::timeout(PATIENCE, status.wait_for(|status| good(status))).await;
        let found = found.unwrap_or_else(|_| panic!("waited {PATIENCE:?} for {what}"));
        found.expect("a server that lives").clone()
    }

    pub async fn board_until(&self, what: &str, good: impl Fn(&[StreamStatus]) -> bool) -> Vec<StreamStatus> {
        let mut changes = self.running.board.changes();
        let look = async {
            loop {
                let streams = self.running.board.streams();
                if good(&streams) {
                    return streams;
                }
                changes.changed().await.expect("a board");
            }
        };
        tokio::time::timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("waited {PATIENCE:?} for {what}"))
    }

    /// What the Envoys report of their load.
    pub fn loads(&self) -> &Loads {
        &self.running.loads
    }

    /// Waits until what the Envoys report of their load is such, and returns what was found.
    pub async fn loads_until<T>(&self, what: &str, find: impl Fn(&Loads) -> Option<T>) -> T {
        let mut changes = self.running.loads.changes();
        let look = async {
            loop {
                if let Some(found) = find(&self.running.loads) {
                    return found;
                }
                changes.changed().await.expect("a table");
            }
        };
        tokio::time::timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("waited {PATIENCE:?} for {what}"))
    }

    /// Waits until the newest routes are acknowledged, whatever remains to be done for clusters.
    pub async fn routes_in_sync(&self) {
        let routes =
            |streams: &[StreamStatus]| streams.iter().filter_map(|stream| stream.types.get(&Kind::Route)).all(|of| of.in_sync);
        self.board_until("routes in sync", routes).await;
    }

    /// Whether all streams are aggregated ones.
    pub fn is_aggregated(&self) -> bool {
        self.running.board.streams().iter().all(|stream| stream.aggregated)
    }

    /// A number of all streams together.
    pub fn count(&self, kind: Kind, number: impl Fn(&TypeStatus) -> u64) -> u64 {
        count(&self.running.board.streams(), kind, number)
    }

    /// Responses sent so far, by kind.
    pub fn pushes(&self) -> [(Kind, u64); 4] {
        [Kind::Cluster, Kind::Endpoints, Kind::Listener, Kind::Route].map(|kind| (kind, self.count(kind, |of| of.pushes)))
    }
}

fn count(streams: &[StreamStatus], kind: Kind, number: impl Fn(&TypeStatus) -> u64) -> u64 {
    streams.iter().filter_map(|stream| stream.types.get(&kind)).map(number).sum()
}

/// Whether all who are connected have acknowledged everything, routes among it.
fn in_sync(streams: &[StreamStatus]) -> bool {
    let types = || streams.iter().flat_map(|stream| stream.types.iter());
    types().any(|(kind, _)| *kind == Kind::Route) && types().all(|(_, of)| of.in_sync)
}

/// Whether that service is served from older content than its file's.
pub fn is_stale(status: &ServerStatus, service: &str) -> bool {
    status.services.iter().any(|one| one.name == service && matches!(one.state, FileState::Stale { .. }))
}

impl Drop for Server {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let status = self.status();
        let problems = tidegate::diag::render(&status.problems, false);
        eprintln!("the server: generation {}, directory {:?}, problems:\n{problems}", status.generation, status.directory);
        self.running.board.streams().iter().for_each(|stream| eprintln!("{}: {:#?}", stream.node.id, stream.types));
    }
}
