//! A server in this process, over a directory of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tidegate::control::ServerStatus;
use tidegate::serve::{self, Options, Running};
use tidegate::xds::StreamStatus;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub const CDS: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
pub const EDS: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
pub const LDS: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";
pub const RDS: &str = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
pub const RTDS: &str = "type.googleapis.com/envoy.service.runtime.v3.Runtime";
pub const VHDS: &str = "type.googleapis.com/envoy.config.route.v3.VirtualHost";

/// Longest wait for anything in these tests. It ends a hanging test and is no measure of speed.
pub const LIMIT: Duration = Duration::from_secs(20);

/// A release file: its name and its text.
pub fn release(service: &str, versions: &[&str], stable: &str) -> (String, String) {
    let versions: Vec<String> = versions.iter().map(|version| format!("  {version}: [\"127.0.1.11:8080\"]")).collect();
    let text =
        format!("service: {service}\nhosts: [{service}.example.com]\nversions:\n{}\nstable: {stable}\n", versions.join("\n"));
    (format!("{service}.yaml"), text)
}

pub struct TestServer {
    running: Running,
    files: Files,
}

/// The folders of a server.
pub struct Files(tempfile::TempDir);

impl Files {
    fn options(&self) -> Options {
        // As short as it can be, so that tests do not have to wait for reports.
        let load_report_interval = Duration::ZERO;
        Options {
            drain: Duration::ZERO,
            load_report_interval,
            ..Options::local(self.0.path().join("releases"), self.0.path().join("state"))
        }
    }

    /// Saves a file as an editor does.
    pub fn write(&self, (name, text): &(String, String)) {
        let dir = self.0.path().join("releases");
        std::fs::write(dir.join(".new"), text).expect("written");
        std::fs::rename(dir.join(".new"), dir.join(name)).expect("renamed");
    }
}

impl TestServer {
    /// Starts over these files, and waits until they are served if there are any.
    pub async fn start(files: &[(String, String)]) -> TestServer {
        TestServer::start_with(files, |options| options).await
    }

    /// The same, with other options.
    pub async fn start_with(files: &[(String, String)], change: impl FnOnce(Options) -> Options) -> TestServer {
        let folders = Files(tempfile::tempdir().expect("a folder"));
        std::fs::create_dir(folders.0.path().join("releases")).expect("a folder");
        files.iter().for_each(|file| folders.write(file));
        let running = serve::start(change(folders.options())).await.expect("a server");
        let server = TestServer { running, files: folders };
        if !files.is_empty() {
            server.ready().await;
        }
        server
    }

    /// Ends it, does something to its files, and starts it again over the same folders.
    pub async fn restart(self, meanwhile: impl FnOnce(&Files)) -> TestServer {
        let server = self.restart_unready(meanwhile).await;
        server.ready().await;
        server
    }

    /// The same, without waiting until anything is served.
    pub async fn restart_unready(self, meanwhile: impl FnOnce(&Files)) -> TestServer {
        self.running.shutdown().await.expect("a clean end");
        meanwhile(&self.files);
        TestServer { running: serve::start(self.files.options()).await.expect("a server"), files: self.files }
    }

    /// A file of its directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.files.0.path().join("releases").join(name)
    }

    /// The status as soon as it is so.
    pub async fn status_when(&self, good: impl Fn(&ServerStatus) -> bool) -> Arc<ServerStatus> {
        self.status_until(good).await;
        self.running.status.borrow().clone()
    }

    /// The line of its metrics that begins so.
    pub async fn metrics_line(&self, begin: &str) -> String {
        let text = self.http("/metrics").await;
        text.lines().find(|line| line.starts_with(begin)).unwrap_or_else(|| panic!("no {begin} in {text}")).to_owned()
    }

    /// What its HTTP port answers.
    pub async fn http(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.running.http).await.expect("the HTTP port");
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.expect("asked");
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("an answer");
        text
    }

    /// Waits until it has ended.
    pub async fn ended(mut self) {
        tokio::time::timeout(LIMIT, self.running.wait()).await.expect("in time").expect("a clean end");
    }

    pub fn running(&self) -> &Running {
        &self.running
    }

    pub fn xds(&self) -> SocketAddr {
        self.running.xds
    }

    pub fn admin(&self) -> SocketAddr {
        self.running.admin
    }

    pub fn generation(&self) -> u64 {
        self.running.status.borrow().generation
    }

    /// How many snapshots it has published.
    pub fn snapshots(&self) -> u64 {
        self.running.status.borrow().snapshot
    }

    pub fn write(&self, file: &(String, String)) {
        self.files.write(file);
    }

    pub async fn ready(&self) {
        self.status_until(|status| status.ready).await;
    }

    pub async fn generation_after(&self, before: u64) {
        self.status_until(|status| status.generation > before).await;
    }

    async fn status_until(&self, good: impl Fn(&tidegate::control::ServerStatus) -> bool) {
        let mut status = self.running.status.clone();
        let waited = tokio::time::timeout(LIMIT, status.wait_for(|status: &Arc<_>| good(status))).await;
        waited.expect("in time").expect("a server that lives");
    }

    pub async fn board_until(&self, good: impl Fn(&[StreamStatus]) -> bool) -> Vec<StreamStatus> {
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
        tokio::time::timeout(LIMIT, look).await.expect("in time")
    }
}
