//! The control plane, over a directory of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tidegate::serve::{self, Options, Running};
use tidegate::xds::StreamStatus;

use crate::backend::Backend;

/// Longest wait for one thing.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a cluster outlives its last route in these tests.
const DRAIN: Duration = Duration::from_millis(200);

/// A server in this process.
pub struct Server {
    running: Running,
    dir: PathBuf,
    _folder: tempfile::TempDir,
}

impl Server {
    /// Starts over this one file, and waits until it is served.
    pub async fn start(file: (&str, &str)) -> Server {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path().join("releases");
        std::fs::create_dir(&dir).expect("a folder");
        std::fs::write(dir.join(file.0), file.1).expect("written");
        let options = Options { drain: DRAIN, ..Options::local(dir.clone(), folder.path().join("state")) };
        let running = serve::start(options).await.expect("a server");
        let mut status = running.status.clone();
        let ready = tokio::time::timeout(PATIENCE, status.wait_for(|status| status.ready)).await;
        ready.expect("the first load in time").expect("a server that lives");
        Server { running, dir, _folder: folder }
    }

    /// Where clients connect.
    pub fn xds(&self) -> SocketAddr {
        self.running.xds
    }

    /// Saves a file as an editor does.
    pub fn save(&self, name: &str, text: &str) {
        std::fs::write(self.dir.join(".new"), text).expect("written");
        std::fs::rename(self.dir.join(".new"), self.dir.join(name)).expect("renamed");
    }

    /// Deletes a file.
    pub fn delete(&self, name: &str) {
        std::fs::remove_file(self.dir.join(name)).expect("deleted");
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
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let problems = tidegate::diag::render(&self.running.status.borrow().problems, false);
            eprintln!("the server's problems:\n{problems}");
            self.running.board.streams().iter().for_each(|stream| eprintln!("{}: {:#?}", stream.node.id, stream.types));
        }
    }
}

/// The file of the service of that name, with these versions, the first of them stable, and more lines at the end.
pub fn release(service: &str, versions: &[&Backend], more: &str) -> String {
    let lines: String = versions.iter().map(|version| version.version()).collect();
    let stable = versions[0].name();
    format!("service: {service}\nhosts: [{service}.example.com]\nversions:\n{lines}stable: {stable}\nupstream: {{protocol: grpc}}\n{more}\n")
}
