//! The control plane, over a directory of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::Duration;

use tidegate::control::ServerStatus;
use tidegate::reports::Loads;
use tidegate::serve::{self, Options, Running};
use tidegate::snapshot::Kind;
use tidegate::xds::{Board, StreamStatus};
use tokio::sync::watch;

use crate::backend::Backend;

/// Longest wait for one thing.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a cluster outlives its last route in these tests.
const DRAIN: Duration = Duration::from_millis(200);

/// Addresses given out so far.
static STARTED: AtomicU8 = AtomicU8::new(0);

/// A server in this process.
pub struct Server {
    running: Running,
    folder: tempfile::TempDir,
    _witness: Witness,
}

/// Tells of a server that a failed test drops.
struct Witness {
    status: watch::Receiver<Arc<ServerStatus>>,
    board: Arc<Board>,
}

impl Drop for Witness {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the server's problems:\n{}", tidegate::diag::render(&self.status.borrow().problems, false));
            self.board.streams().iter().for_each(|stream| eprintln!("{}: {:#?}", stream.node.id, stream.types));
        }
    }
}

impl Server {
    /// Starts over these files, and waits until they are served.
    pub async fn start(files: &[(&str, String)]) -> Server {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("releases")).expect("a folder");
        files.iter().for_each(|(name, text)| std::fs::write(folder.path().join("releases").join(name), text).expect("written"));
        // An address of its own: the system gives ports of 127.0.0.1 to every connection that is made, and a server that returns must
        // find its port free.
        let address = [127, 0, 24, STARTED.fetch_add(1, Relaxed)];
        Server::serve(folder, (address, 0).into()).await
    }

    /// Ends it, and starts it again where it was.
    pub async fn restart(self) -> Server {
        let xds = self.xds();
        self.running.shutdown().await.expect("a clean end");
        Server::serve(self.folder, xds).await
    }

    async fn serve(folder: tempfile::TempDir, xds: SocketAddr) -> Server {
        let local = Options::local(folder.path().join("releases"), folder.path().join("state"));
        let running = serve::start(Options { xds, drain: DRAIN, ..local }).await.expect("a server");
        let mut status = running.status.clone();
        let ready = tokio::time::timeout(PATIENCE, status.wait_for(|status| status.ready)).await;
        ready.expect("the first load in time").expect("a server that lives");
        let _witness = Witness { status: running.status.clone(), board: running.board.clone() };
        Server { running, folder, _witness }
    }

    /// Where clients connect.
    pub fn xds(&self) -> SocketAddr {
        self.running.xds
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("releases")
    }

    /// Saves a file as an editor does.
    pub fn save(&self, name: &str, text: &str) {
        std::fs::write(self.dir().join(".new"), text).expect("written");
        std::fs::rename(self.dir().join(".new"), self.dir().join(name)).expect("renamed");
    }

    /// Deletes a file.
    pub fn delete(&self, name: &str) {
        std::fs::remove_file(self.dir().join(name)).expect("deleted");
    }

    /// Waits until who is connected, and what they acknowledged, is such.
    pub async fn until(&self, what: &str, good: impl Fn(&[StreamStatus]) -> bool) -> Vec<StreamStatus> {
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

    /// Waits until what clients report of their calls is such.
    pub async fn loads_until(&self, good: impl Fn(&Loads) -> bool) {
        let loads = &self.running.loads;
        let mut changes = loads.changes();
        let look = async {
            while !good(loads) {
                changes.changed().await.expect("loads");
            }
        };
        let waited = tokio::time::timeout(PATIENCE, look).await;
        waited
            .unwrap_or_else(|_| panic!("waited {PATIENCE:?} for other reports; {} came, {} nodes", loads.reports(), loads.nodes()));
    }

    /// Waits until so many clients have what they asked for and have acknowledged it.
    pub async fn in_sync(&self, clients: usize) {
        let is = |stream: &StreamStatus| stream.types.values().count() == 4 && stream.types.values().all(|of| of.in_sync);
        self.until("clients in sync", |streams| streams.len() == clients && streams.iter().all(is)).await;
    }

    /// Waits until every client has acknowledged the routes of the newest edit, which is under way.
    pub async fn routes_acknowledged_again(&self) {
        let acks = |streams: &[StreamStatus]| -> Vec<u64> {
            streams.iter().map(|stream| stream.types.get(&Kind::Route).map_or(0, |of| of.acks)).collect()
        };
        let before = acks(&self.running.board.streams());
        self.until("routes acknowledged", |streams| acks(streams).iter().zip(&before).all(|(now, before)| now > before)).await;
    }

    /// Checks that no client has rejected anything.
    #[track_caller]
    pub fn nothing_was_rejected(&self) {
        let streams = self.running.board.streams();
        let nacks: u64 = streams.iter().flat_map(|stream| stream.types.values()).map(|of| of.nacks).sum();
        assert_eq!((nacks, streams.is_empty()), (0, false));
    }
}

/// The service of that name, with these versions, the first of them stable, and more lines at the end.
pub fn release(service: &str, versions: &[(&str, &[&Backend])], more: &str) -> String {
    let (name, _) = versions.first().expect("a version");
    let lines: String = versions.iter().map(|(name, backends)| format!("  {name}: {}\n", list(backends))).collect();
    format!("service: {service}\nhosts: [{service}.example.com]\nversions:\n{lines}stable: {name}\n{more}\n")
}

/// Their addresses, as YAML.
fn list(backends: &[&Backend]) -> String {
    let addresses: Vec<String> = backends.iter().map(|backend| format!("\"{}\"", backend.address())).collect();
    format!("[{}]", addresses.join(", "))
}
