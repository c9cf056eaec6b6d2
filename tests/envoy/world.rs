//! One server, one Envoy, toy services.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tidegate::serve::{self, Running};
use tidegate::snapshot::Kind;
use tidegate::testbed::{Backend, Client, DEFAULT_VERSION, EnvoyProcess, Load, LoadOptions, Response, ensure};
use tidegate::translate::{BootstrapOptions, XdsAddress, XdsVariant, bootstrap};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::{JoinSet, spawn_blocking};

/// Longest wait for a fact.
pub const LONG: Duration = Duration::from_secs(30);
/// Worlds at once: this many Envoys under load are what two cores can carry and still keep time.
const AT_ONCE: u32 = 3;
static TURNS: Semaphore = Semaphore::const_new(AT_ONCE as usize);

/// Which Envoy, and how it is managed.
pub struct Setup {
    pub version: &'static str,
    pub variant: XdsVariant,
    /// The Envoy asks the typed services, each on a stream of its own, and not the aggregated one.
    pub typed: bool,
    /// The Envoy brings its own listener; without it, listeners come by LDS.
    pub own_listener: bool,
    /// No other world runs meanwhile: for what is measured.
    pub alone: bool,
    /// How long the server keeps what is used no more.
    pub drain: Duration,
    /// `tidegate.yaml`.
    pub config: Option<String>,
}

impl Default for Setup {
    fn default() -> Self {
        let drain = Duration::from_secs(30);
        Setup {
            version: DEFAULT_VERSION,
            variant: XdsVariant::Delta,
            typed: false,
            own_listener: true,
            alone: false,
            drain,
            config: None,
        }
    }
}

/// A server over a directory, an Envoy that it manages, and the services behind.
pub struct World {
    pub envoy: EnvoyProcess,
    pub server: Running,
    pub client: Client,
    backends: BTreeMap<String, Backend>,
    root: TempDir,
    _turn: SemaphorePermit<'static>,
}

impl World {
    /// Services of these names, and a server and an Envoy over one release file.
    pub async fn new(setup: Setup, versions: &[&str], file: impl FnOnce(&Addresses) -> String) -> World {
        let turn = turn(&setup).await;
        let mut backends = BTreeMap::new();
        for name in versions {
            backends.insert((*name).to_owned(), Backend::start(name).await.unwrap());
        }
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("releases")).unwrap();
        if let Some(config) = &setup.config {
            fs::write(root.path().join("releases/tidegate.yaml"), config).unwrap();
        }
        fs::write(root.path().join("releases/checkout.yaml"), file(&Addresses::of(&backends))).unwrap();
        let server = start_server(root.path(), &setup).await;
        let envoy = start_envoy(&setup, server.xds).await;
        World { envoy, server, client: Client::default(), backends, root, _turn: turn }
    }

    /// Where the services are.
    pub fn addresses(&self) -> Addresses {
        Addresses::of(&self.backends)
    }

    /// A path in the watched directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("releases").join(name)
    }

    /// Saves a file, as editors do.
    pub fn save(&self, name: &str, text: &str) {
        let temporary = self.path(&format!(".{name}.tmp"));
        fs::write(&temporary, text).unwrap();
        fs::rename(temporary, self.path(name)).unwrap();
    }

    /// Saves the release file, and waits until the Envoy has acknowledged the routes that come of it.
    pub async fn release(&self, text: &str) {
        let before = self.routes().0;
        self.save("checkout.yaml", text);
        self.until("new routes to be acknowledged", || matches!(self.routes(), (pushes, true) if pushes > before)).await;
    }

    /// How often routes were sent, and whether the newest are acknowledged.
    pub fn routes(&self) -> (u64, bool) {
        let streams = self.server.board.streams();
        let routes = streams.iter().filter_map(|stream| stream.types.get(&Kind::Route)).next();
        routes.map_or((0, false), |routes| (routes.pushes, routes.in_sync))
    }

    /// Responses of all types sent so far.
    pub fn pushes(&self) -> u64 {
        self.server.board.streams().iter().flat_map(|stream| stream.types.values()).map(|of| of.pushes).sum()
    }

    /// Waits until the server has taken in so many generations more than `before`.
    pub async fn loaded(&mut self, before: u64) {
        let loaded = self.server.status.wait_for(|status| status.generation > before);
        drop(tokio::time::timeout(LONG, loaded).await.expect("a generation").unwrap());
    }

    /// Waits for a fact.
    pub async fn until(&self, what: &str, fact: impl Fn() -> bool) {
        let (since, mut changes) = (Instant::now(), self.server.board.changes());
        while !fact() {
            assert!(since.elapsed() < LONG, "waited for {what}: {:#?}\n{}", self.server.board.streams(), self.envoy.log());
            // Looked at again now and then also when nothing changes on the board.
            let _ = tokio::time::timeout(Duration::from_millis(50), changes.changed()).await;
        }
    }

    /// Where the Envoy's own listener is.
    pub async fn listener(&mut self) -> SocketAddr {
        self.envoy.wait_listener("http").await.unwrap()
    }

    /// One request.
    pub async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Response {
        let listener = self.listener().await;
        self.client.get(listener, "checkout.example.com", path, headers).await.unwrap()
    }

    /// So many requests, as fast as they go; how many each version answered.
    pub async fn ask(&mut self, count: usize) -> BTreeMap<String, usize> {
        let (listener, mut askers) = (self.listener().await, JoinSet::new());
        for share in 0..8 {
            let client = self.client.clone();
            let count = count / 8 + usize::from(share < count % 8);
            askers.spawn(async move {
                let mut answers = Vec::new();
                for _ in 0..count {
                    answers.push(client.get(listener, "checkout.example.com", "/", &[]).await.unwrap());
                }
                answers
            });
        }
        let mut counts = BTreeMap::new();
        for answer in askers.join_all().await.into_iter().flatten() {
            assert_eq!(answer.status, 200, "{}", answer.body);
            *counts.entry(answer.version.unwrap()).or_default() += 1;
        }
        counts
    }

    /// A steady load.
    pub async fn load(&mut self, rate: u32) -> Load {
        let listener = self.listener().await;
        Load::start(&LoadOptions::new(listener, "checkout.example.com", rate)).unwrap()
    }

    /// Counters of the Envoy that move only when it was given something new.
    pub async fn disturbances(&self) -> BTreeMap<String, u64> {
        disturbances(&self.envoy).await
    }
}

/// Where the services are.
pub struct Addresses(BTreeMap<String, SocketAddr>);

impl Addresses {
    fn of(backends: &BTreeMap<String, Backend>) -> Addresses {
        Addresses(backends.iter().map(|(name, backend)| (name.clone(), backend.address())).collect())
    }

    /// A release of the service `checkout` with these versions, and more lines.
    pub fn checkout(&self, versions: &[&str], rest: &str) -> String {
        let mut text = "service: checkout\nhosts: [checkout.example.com]\nversions:\n".to_owned();
        for version in versions {
            text.push_str(&format!("  {version}: [\"{}\"]\n", self.0[*version]));
        }
        text + rest + "\n"
    }
}

async fn start_server(root: &Path, setup: &Setup) -> Running {
    let options = serve::Options { drain: setup.drain, ..serve::Options::local(root.join("releases"), root.join("state")) };
    let mut server = serve::start(options).await.unwrap();
    drop(server.status.wait_for(|status| status.ready).await.unwrap());
    server
}

/// Waits until another world may run.
pub async fn turn(setup: &Setup) -> SemaphorePermit<'static> {
    TURNS.acquire_many(if setup.alone { AT_ONCE } else { 1 }).await.unwrap()
}

/// Counters of an Envoy that move only when it was given something new.
pub async fn disturbances(envoy: &EnvoyProcess) -> BTreeMap<String, u64> {
    let filter = "config_reload$|cluster_manager.cluster_(modified|added|removed)$|listener_(modified|added)$";
    envoy.admin().stats(filter).await.unwrap()
}

/// The Envoy of a setup, ready to serve.
pub async fn start_envoy(setup: &Setup, xds: SocketAddr) -> EnvoyProcess {
    let version = setup.version;
    let binary = spawn_blocking(move || ensure(version, |text| eprintln!("{text}"))).await.unwrap().unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let text = bootstrap(&BootstrapOptions {
        node_id: "edge-1".into(),
        node_cluster: "edge".into(),
        xds: vec![XdsAddress { host: xds.ip().to_string(), port: xds.port() }],
        variant: setup.variant,
        admin: any,
        listener: setup.own_listener.then_some(any),
        ..BootstrapOptions::default()
    });
    let text = if setup.typed { without_ads(&text) } else { text };
    let mut envoy = EnvoyProcess::start(&binary, &text).await.unwrap();
    envoy.wait_ready().await.unwrap();
    envoy
}

/// The same bootstrap for an Envoy without ADS: every source that was the aggregated stream is the typed service of the same server.
fn without_ads(bootstrap: &str) -> String {
    let mut yaml: serde_yaml::Value = serde_yaml::from_str(bootstrap).unwrap();
    let stream = yaml["dynamic_resources"].as_mapping_mut().unwrap().remove("ads_config").unwrap();
    replace_sources(&mut yaml, &stream);
    serde_yaml::to_string(&yaml).unwrap()
}

fn replace_sources(yaml: &mut serde_yaml::Value, stream: &serde_yaml::Value) {
    match yaml {
        serde_yaml::Value::Mapping(mapping) => {
            if mapping.remove("ads").is_some() {
                mapping.insert("api_config_source".into(), stream.clone());
            }
            mapping.values_mut().for_each(|value| replace_sources(value, stream));
        }
        serde_yaml::Value::Sequence(sequence) => sequence.iter_mut().for_each(|value| replace_sources(value, stream)),
        _ => {}
    }
}
