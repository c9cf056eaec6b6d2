//! The server dies without a word and comes back.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::Duration;

use tidegate::admin::pb::admin_client::AdminClient;
use tidegate::admin::pb::{GetStatusRequest, ListNodesRequest, Node, Status, file_state};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tonic::transport::Channel;

use crate::proxy::Proxy;
use crate::releases::{FILE, Two};
use crate::run::{Setup, bounded, on_every_envoy};

/// Servers started so far.
static STARTED: AtomicU8 = AtomicU8::new(0);
/// Longest wait for one thing, and the time between two looks.
const PATIENCE: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(5);

/// Counts the RouteConfigurations that differ from the one before.
const RELOADS: &str = "http.http.rds.tidegate.config_reload";

/// `tidegate serve` as a process. Dropping it kills it.
pub struct Process {
    child: Child,
    xds: SocketAddr,
    admin: AdminClient<Channel>,
    folder: tempfile::TempDir,
    more: &'static [&'static str],
}

impl Process {
    /// Starts it over this text of a release file, with more arguments.
    pub async fn start(text: &str, more: &'static [&'static str]) -> Process {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("releases")).expect("a folder");
        std::fs::write(folder.path().join("releases").join(FILE), text).expect("written");
        // An address of its own: the system gives ports of 127.0.0.1 to every connection that is made, and a server that returns must
        // find its port free.
        let address = [127, 0, 23, STARTED.fetch_add(1, Relaxed)];
        let (child, xds, admin) = spawn(&folder, SocketAddr::from((address, 0)), more).await;
        Process { child, xds, admin, folder, more }
    }

    /// The directory.
    pub fn dir(&self) -> PathBuf {
        self.folder.path().join("releases")
    }

    /// The state folder.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Where Envoys connect.
    pub fn xds(&self) -> SocketAddr {
        self.xds
    }

    /// What it has said so far, a JSON object a line.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// `kill -9`.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("killed");
    }

    /// Starts it again, where it was.
    pub async fn start_again(&mut self) {
        (self.child, self.xds, self.admin) = spawn(&self.folder, self.xds, self.more).await;
    }

    async fn status(&mut self) -> Status {
        let answer = self.admin.get_status(GetStatusRequest::default()).await.expect("an answer");
        answer.into_inner().status.expect("a status")
    }

    /// Waits until its one Envoy is connected and has acknowledged everything.
    pub async fn in_sync(&mut self) {
        let is = |nodes: &[Node]| matches!(nodes, [node] if node.in_sync && node.streams.iter().any(has_routes));
        let wait = async {
            while !is(&self.admin.list_nodes(ListNodesRequest::default()).await.expect("an answer").get_ref().nodes) {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("in sync");
    }
}

fn has_routes(stream: &tidegate::admin::pb::Stream) -> bool {
    stream.types.iter().any(|of| of.r#type == "RDS")
}

/// Starts the program, and waits for the line by which it tells its ports.
async fn spawn(folder: &tempfile::TempDir, xds: SocketAddr, more: &[&str]) -> (Child, SocketAddr, AdminClient<Channel>) {
    let log = File::options().create(true).append(true).open(folder.path().join("log")).expect("a log");
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .arg("serve")
        .arg(folder.path().join("releases"))
        .arg("--state")
        .arg(folder.path().join("state"))
        .args(["--xds", &xds.to_string(), "--admin", "127.0.0.1:0", "--http", "127.0.0.1:0", "--log-format", "json"])
        .args(more)
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .expect("a server");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let line = lines.next_line().await.expect("its output").expect("a line");
    let port = |name: &str| line.split_whitespace().find_map(|word| word.strip_prefix(name)).expect("a port").to_owned();
    let admin = AdminClient::connect(format!("http://{}", port("admin="))).await.expect("an admin port");
    (child, port("xds=").parse().expect("an address"), admin)
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("what the server said:\n{}", self.log());
        }
    }
}

on_every_envoy!(a_server_that_was_killed_and_returns_moves_nothing);

async fn a_server_that_was_killed_and_returns_moves_nothing(setup: Setup) {
    let two = Two::start().await;
    let mut server = Process::start(&two.file("split: {v1: 50%, v2: 50%}"), &[]).await;
    let mut proxy = Proxy::start_at(setup, server.xds, "envoy-1", "envoy").await;
    server.in_sync().await;
    let (changes, load) = (proxy.changes().await, proxy.load().await);

    server.kill().await;
    proxy.envoy.wait_stat("control_plane.connected_state", |connected| connected == 0).await.expect("a loss that is noticed");
    load.more(50).await;
    server.start_again().await;
    server.in_sync().await;
    load.more(50).await;
    assert_eq!(proxy.changes().await, changes);

    // It really is managed again.
    std::fs::write(server.dir().join(FILE), two.file("split: {v1: 0%, v2: 100%}")).expect("written");
    proxy.envoy.wait_stat(RELOADS, |now| now == changes[RELOADS] + 1).await.expect("new routes");
    assert_eq!(proxy.version().await, "v2");
    load.lost_none().await;
}

/// What must be served then is in the state folder alone.
#[test]
fn a_server_that_returns_to_a_broken_file_serves_the_last_good_one() {
    bounded(returns_to(|server| std::fs::write(server.dir().join(FILE), "service: checkout\nversions: [").expect("written")));
}

#[test]
fn a_server_that_returns_to_no_directory_serves_what_was_in_it() {
    bounded(returns_to(|server| std::fs::rename(server.dir(), server.folder.path().join("away")).expect("renamed")));
}

async fn returns_to(trouble: impl Fn(&Process)) {
    let two = Two::start().await;
    let mut server = Process::start(&two.file("split: {v1: 50%, v2: 50%}"), &[]).await;
    let proxy = Proxy::start_at(Setup::USUAL, server.xds, "envoy-1", "envoy").await;
    server.in_sync().await;
    let (changes, load) = (proxy.changes().await, proxy.load().await);

    server.kill().await;
    trouble(&server);
    server.start_again().await;
    server.in_sync().await;
    load.more(50).await;
    load.lost_none().await;
    assert_eq!(proxy.changes().await, changes);

    let status = server.status().await;
    let stale = |service: &tidegate::admin::pb::Service| {
        matches!(service.file_state.as_ref().and_then(|state| state.state.as_ref()), Some(file_state::State::Stale(_)))
    };
    let told = status.services.iter().any(stale) || !status.server.expect("a server").directory_problem.is_empty();
    assert!(told, "{:?}", status.services);
}
