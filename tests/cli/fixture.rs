//! An admin server in this process whose status is made by hand, and the binary that asks it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tidegate::admin::{self, Admin};
use tidegate::control::{self, Control, Errands, FileState, Outputs, ServerStatus, ServiceStatus, VersionStatus, World};
use tidegate::diag::{Label, Problem, Severity, SourceFile};
use tidegate::model::{Config, Fleet, Locality, Node, Share, Split};
use tidegate::rollout::Event;
use tidegate::snapshot::{Kind, Version};
use tidegate::store::{Changes, Store};
use tidegate::xds::{Board, Rejection, StreamStatus, TypeStatus, Variant};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

/// A server, until it is dropped.
pub struct Fixture {
    pub address: SocketAddr,
    pub status: watch::Sender<Arc<ServerStatus>>,
    pub board: Arc<Board>,
    store: Store,
    _folder: TempDir,
    shutdown: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

impl Fixture {
    pub async fn start(status: ServerStatus, streams: Vec<StreamStatus>) -> Fixture {
        Fixture::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), status, streams).await
    }

    /// The same, where another one was before.
    pub async fn start_at(address: SocketAddr, status: ServerStatus, streams: Vec<StreamStatus>) -> Fixture {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, receiver) = watch::channel(Arc::new(status));
        let (board, shutdown) = (Arc::new(Board::default()), CancellationToken::new());
        streams.into_iter().for_each(|stream| board.put(stream));
        let (v1, v1alpha) = admin::reflection(&[admin::descriptor_set()], &[Admin::NAME]).unwrap();
        let folder = TempDir::new().unwrap();
        let store = Store::open(folder.path()).unwrap();
        // The status is made by hand, so the writer is one that has ended: what it wrote can be read, and it takes no orders.
        let outputs = Outputs { status: Default::default(), published: Default::default(), endpoint_files: Default::default() };
        let writer = Control::new(control::Options::default(), store.clone(), outputs, World::default(), Errands::default());
        let (desk, _) = writer.unwrap().desk();
        let service = Admin::new(receiver, board.clone(), desk, shutdown.clone()).into_server();
        let router = Server::builder().add_service(service).add_service(v1).add_service(v1alpha);
        let served = router.serve_with_incoming_shutdown(TcpIncoming::from(listener), shutdown.clone().cancelled_owned());
        let serving = tokio::spawn(async { served.await.unwrap() });
        Fixture { address, status: sender, board, store, _folder: folder, shutdown, serving }
    }

    /// Runs the binary against this server to its end.
    pub async fn run(&self, arguments: &[&str]) -> Ran {
        let address = self.address.to_string();
        run(&[arguments, &["--server", &address]].concat()).await
    }

    /// Writes into the journal that this happened to `checkout`.
    pub fn journal(&self, events: &[Event]) {
        let text = |event: &Event| {
            let mut entry = serde_json::to_value(event).unwrap();
            entry["generation"] = 7.into();
            ("checkout".to_owned(), entry.to_string())
        };
        let history: Vec<(String, String)> = events.iter().map(text).collect();
        self.store.write(&Changes { history: &history, ..Changes::default() }).unwrap();
    }

    /// Starts the binary against this server.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        command(arguments).args(["--server", &self.address.to_string()]).spawn().unwrap()
    }

    /// Ends the server, and with it every connection.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.serving.await.unwrap();
    }
}

/// What a run of the binary came to.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs the binary to its end.
pub async fn run(arguments: &[&str]) -> Ran {
    let output = command(arguments).output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// The binary, without what the environment of the test says.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TIDEGATE_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// A directory in which one file is broken, and a fleet in which one node rejects and one waits.
pub fn trouble(now: Timestamp) -> ServerStatus {
    let text = "service: payments\nhosts: [payments.example.com]\nstabel: blue\n";
    let file = Arc::new(SourceFile { path: "payments.yaml".into(), text: text.into() });
    let problem = Problem {
        code: "T010",
        severity: Severity::Error,
        title: "unknown key `stabel`".into(),
        primary: Label { file, span: 48..54, text: String::new() },
        related: vec![],
        help: Some("did you mean `stable`?".into()),
    };
    let stale = FileState::Stale { since: ago(now, 7530), problem: problem.one_line() };
    let edge = Fleet { name: "edge".into(), node_cluster: Some("edge".into()), ..Fleet::default() };
    ServerStatus {
        generation: 12,
        snapshot: 12,
        loaded_at: Some(ago(now, 200)),
        ready: true,
        services: vec![checkout().into(), payments(stale).into()],
        problems: vec![problem],
        directory: None,
        failed_loads: 2,
        config: Arc::new(Config { fleets: vec![edge], ..Config::default() }),
    }
}

/// One service, as its file says.
pub fn calm(now: Timestamp) -> ServerStatus {
    let services = vec![Arc::new(checkout())];
    ServerStatus { generation: 1, loaded_at: Some(ago(now, 80)), ready: true, services, ..ServerStatus::default() }
}

pub fn checkout() -> ServiceStatus {
    split_checkout(90_000)
}

/// `checkout` with so many thousandths of a per cent on v41.
pub fn split_checkout(v41: u32) -> ServiceStatus {
    let shares = [("v41", v41), ("v42", 100_000 - v41)];
    let endpoints = [vec!["127.0.1.11:8080".to_owned(), "127.0.1.12:8080".to_owned()], vec!["127.0.1.21:8080".to_owned()]];
    let split = Split::new(shares.map(|(name, share)| (name.to_owned(), thousandths(share))).to_vec()).unwrap();
    let versions = shares.into_iter().zip(endpoints);
    ServiceStatus {
        name: "checkout".into(),
        file: "checkout.yaml".into(),
        state: FileState::Current,
        hosts: vec!["checkout.example.com".into()],
        path: "/".into(),
        fleets: vec!["edge".into()],
        stable: "v41".into(),
        versions: versions
            .map(|((name, share), endpoints)| VersionStatus { name: name.into(), share: thousandths(share), endpoints })
            .collect(),
        split,
        rules: vec!["qa".into(), "not-for-bots".into()],
        revision: 0,
        snapshot: 0,
        instead: None,
        previous: None,
        rollout: None,
    }
}

fn payments(state: FileState) -> ServiceStatus {
    let version = |name: &str, share, endpoint: &str| VersionStatus {
        name: name.into(),
        share: thousandths(share),
        endpoints: vec![endpoint.into()],
    };
    ServiceStatus {
        name: "payments".into(),
        file: "payments.yaml".into(),
        state,
        hosts: vec!["payments.example.com".into()],
        path: "/pay".into(),
        fleets: vec![],
        stable: "blue".into(),
        versions: vec![version("blue", 100_000, "127.0.2.1:80"), version("green", 0, "dns:green.payments.internal:80")],
        split: Split::new(vec![("blue".into(), Share::FULL), ("green".into(), Share::ZERO)]).unwrap(),
        rules: vec![],
        revision: 0,
        snapshot: 0,
        instead: None,
        previous: None,
        rollout: None,
    }
}

fn thousandths(share: u32) -> Share {
    Share::from_thousandths(share).unwrap()
}

/// Three Envoys and a gRPC client: in sync, rejecting, waiting, and just connected.
pub fn mixed_fleet(now: Timestamp) -> Vec<StreamStatus> {
    let rejection = Rejection {
        version: Version::told("fe00000000000002"),
        message: "route: unknown cluster\n'checkout/v43'\u{1b}[2J".into(),
        resources: vec!["tidegate".into()],
        at: ago(now, 65),
    };
    let rejected = TypeStatus { rejected: Some(Box::new(rejection)), nacks: 1, in_sync: false, ..synced() };
    let waiting = TypeStatus { waiting: Some("waits for the ACK of clusters checkout/v42".into()), in_sync: false, ..synced() };
    let all = |routes: TypeStatus| {
        BTreeMap::from([(Kind::Cluster, synced()), (Kind::Endpoints, synced()), (Kind::Listener, synced()), (Kind::Route, routes)])
    };
    vec![
        stream(1, node("edge-1", "edge", "envoy", "1.40.0"), Variant::Delta, true, ago(now, 7530), all(synced())),
        stream(2, node("edge-2", "edge", "envoy", "1.40.0"), Variant::Delta, true, ago(now, 7530), all(rejected)),
        stream(3, node("side-1", "sidecar", "envoy", "1.36.2"), Variant::Sotw, false, ago(now, 200), all(waiting)),
        stream(4, node("batch", "jobs", "gRPC Python", "1.80.0"), Variant::Sotw, true, ago(now, 80), BTreeMap::new()),
    ]
}

/// An Envoy that is in sync, and keeps a version that gets no more traffic for its last requests.
pub fn draining(id: u64, name: &str, since: Timestamp) -> StreamStatus {
    let mut stream = in_sync(id, name, since);
    let clusters = TypeStatus { waiting: Some("draining checkout/v40".into()), ..synced() };
    *stream.types.of_mut(Kind::Cluster) = clusters;
    stream
}

/// An Envoy that is in sync.
pub fn in_sync(id: u64, name: &str, since: Timestamp) -> StreamStatus {
    stream(id, node(name, "edge", "envoy", "1.40.0"), Variant::Delta, true, since, BTreeMap::from([(Kind::Cluster, synced())]))
}

/// The same, which has acknowledged everything that there was.
pub fn acked(id: u64, name: &str, since: Timestamp) -> StreamStatus {
    StreamStatus { acked: Some(u64::MAX), ..in_sync(id, name, since) }
}

fn node(id: &str, cluster: &str, user_agent: &str, version: &str) -> Node {
    let locality = Locality { region: "eu-north-1".into(), zone: "a".into(), sub_zone: String::new() };
    let (user_agent, version) = (user_agent.into(), version.into());
    Node { id: id.into(), cluster: cluster.into(), locality, user_agent, version, ..Node::default() }
}

fn stream(
    id: u64,
    node: Node,
    variant: Variant,
    aggregated: bool,
    since: Timestamp,
    types: BTreeMap<Kind, TypeStatus>,
) -> StreamStatus {
    let peer = Some(SocketAddr::from(([127, 0, 3, 1], 40_000 + u16::try_from(id).unwrap())));
    let acked = None;
    StreamStatus { id, node: Arc::new(node), peer, variant, aggregated, since, acked, types: types.into_iter().collect() }
}

fn synced() -> TypeStatus {
    let version = Some(Version::told("fe00000000000001"));
    TypeStatus { sent: version.clone(), acked: version, in_sync: true, pushes: 1, acks: 1, ..TypeStatus::default() }
}

fn ago(now: Timestamp, seconds: i64) -> Timestamp {
    now - SignedDuration::from_secs(seconds)
}

/// A fixed moment, for JSON that has moments in it.
pub fn noon() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}
