//! An Envoy that a server manages.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_yaml::Value;
use tidegate::testbed::{Client, EnvoyProcess, Load, LoadOptions, Response, Totals, ensure};
use tidegate::translate::{BootstrapOptions, XdsAddress, bootstrap};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, MutexGuard};

use crate::releases::HOST;
use crate::run::Setup;
use crate::server::Server;

/// Lines of Envoy's log that a failed test shows.
const TAIL: usize = 25;
/// Longest wait for a version to serve, and the time between two looks.
const PATIENCE: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(1);
/// Requests a second of the usual load.
const RATE: u32 = 200;
/// Where an Envoy's own listener is: on a port that the system picks.
const OWN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// Held by the test that has a load under way. Two at once are more than a small machine can carry, and what a load that has fallen
/// behind loses is nobody's fault.
static LOADED: Mutex<()> = Mutex::const_new(());

/// An Envoy, and a client of it.
pub struct Proxy {
    pub envoy: EnvoyProcess,
    /// Where its listener is.
    pub address: SocketAddr,
    pub client: Client,
}

impl Proxy {
    /// An Envoy with a listener of its own, once it serves and has acknowledged everything.
    pub async fn start(setup: Setup, server: &Server) -> Proxy {
        let proxy = Proxy::start_at(setup, server.xds(), "envoy-1", "envoy").await;
        server.in_sync(1).await;
        proxy
    }

    /// As [`Proxy::start`], of a server at that address, under that id and in that node cluster; it may not be in sync yet.
    pub async fn start_at(setup: Setup, xds: SocketAddr, id: &str, cluster: &str) -> Proxy {
        Proxy::serving(run(setup, &text(setup, xds, id, cluster, Some(OWN))).await).await
    }

    /// An Envoy of the server at that address, with a runtime flag.
    pub async fn start_with_flag(setup: Setup, xds: SocketAddr, (flag, value): (&str, bool)) -> Proxy {
        let runtime = format!("layered_runtime: {{layers: [{{name: test, static_layer: {{{flag}: {value}}}}}]}}\n");
        let text = text(setup, xds, "envoy-1", "envoy", Some(OWN)) + &runtime;
        Proxy::serving(run(setup, &text).await).await
    }

    /// Waits until it serves.
    async fn serving(mut envoy: EnvoyProcess) -> Proxy {
        envoy.wait_ready().await.expect("ready");
        let address = envoy.wait_listener("http").await.expect("a listener");
        Proxy { envoy, address, client: Client::default() }
    }

    /// An Envoy whose listener comes from the server and is at that address.
    pub async fn start_without_listener(setup: Setup, server: &Server, address: SocketAddr) -> Proxy {
        let envoy = run(setup, &text(setup, server.xds(), "envoy-1", "envoy", None)).await;
        Proxy { envoy, address, client: Client::default() }
    }

    /// An answer to `GET path`.
    pub async fn get(&self, host: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        self.client.get(self.address, host, path, headers).await.expect("an answer")
    }

    /// Who answers `GET /` for `checkout`.
    pub async fn version(&self) -> String {
        let response = self.get(HOST, "/", &[]).await;
        response.version.unwrap_or_else(|| panic!("{}: {}", response.status, response.body))
    }

    /// A load on `checkout` that is under way.
    pub async fn load(&self) -> Pressure {
        self.load_of(RATE).await
    }

    /// As [`Proxy::load`], at so many requests a second.
    pub async fn load_of(&self, rate: u32) -> Pressure {
        let _alone = LOADED.lock().await;
        let load = Load::start(&LoadOptions::new(self.address, HOST, rate)).expect("a load");
        load.more(20).await;
        Pressure { load, _alone }
    }

    pub async fn stat(&self, name: &str) -> u64 {
        self.envoy.admin().stat(name).await.expect("a statistic")
    }

    /// What counts whenever Envoy takes in something that differs from what it has.
    pub async fn changes(&self) -> BTreeMap<String, u64> {
        let filter = r"^cluster_manager\.cluster_(added|modified|removed)$|\.rds\.tidegate\.config_reload$";
        let changes = self.envoy.admin().stats(filter).await.expect("statistics");
        assert_eq!(changes.len(), 4, "{changes:?}");
        changes
    }
}

/// A bootstrap.
fn text(setup: Setup, xds: SocketAddr, id: &str, cluster: &str, listener: Option<SocketAddr>) -> String {
    let options = BootstrapOptions {
        node_id: id.into(),
        node_cluster: cluster.into(),
        xds: vec![XdsAddress { host: xds.ip().to_string(), port: xds.port() }],
        variant: setup.variant,
        admin: ([127, 0, 0, 1], 0).into(),
        listener,
        ..BootstrapOptions::default()
    };
    let text = bootstrap(&options);
    if setup.typed { without_ads(&text) } else { text }
}

async fn run(setup: Setup, bootstrap: &str) -> EnvoyProcess {
    let binary = tokio::task::spawn_blocking(move || ensure(setup.envoy, |_| {})).await.expect("no panic").expect("an Envoy");
    EnvoyProcess::start(&binary, bootstrap).await.expect("Envoy")
}

/// The same bootstrap for an Envoy without ADS: every source that was the aggregated stream is the typed service of the same server.
fn without_ads(bootstrap: &str) -> String {
    let mut yaml: Value = serde_yaml::from_str(bootstrap).expect("YAML");
    let stream = yaml["dynamic_resources"].as_mapping_mut().and_then(|dynamic| dynamic.remove("ads_config")).expect("a stream");
    replace_sources(&mut yaml, &stream);
    serde_yaml::to_string(&yaml).expect("YAML")
}

fn replace_sources(yaml: &mut Value, stream: &Value) {
    match yaml {
        Value::Mapping(mapping) => {
            if mapping.remove("ads").is_some() {
                mapping.insert("api_config_source".into(), stream.clone());
            }
            mapping.values_mut().for_each(|value| replace_sources(value, stream));
        }
        Value::Sequence(sequence) => sequence.iter_mut().for_each(|value| replace_sources(value, stream)),
        _ => {}
    }
}

/// A port that was free a moment ago, on an address that no connection is made from.
pub async fn free(address: &str) -> SocketAddr {
    TcpListener::bind((address, 0)).await.and_then(|listener| listener.local_addr()).expect("an address")
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.envoy.log();
            // It begins with all that is built into it.
            let lines: Vec<&str> = log.lines().filter(|line| !line.contains("source/server/server.cc")).collect();
            eprintln!("the end of Envoy's log:\n{}", lines[lines.len().saturating_sub(TAIL)..].join("\n"));
        }
    }
}

/// A load, the only one in this process.
pub struct Pressure {
    load: Load,
    _alone: MutexGuard<'static, ()>,
}

impl Pressure {
    /// What became of the requests so far.
    pub fn totals(&self) -> Totals {
        self.load.totals()
    }

    /// Waits until so many more requests than now have ended.
    pub async fn more(&self, requests: u64) {
        self.load.more(requests).await;
    }

    /// Waits until a version answers a request.
    pub async fn until_served_by(&self, version: &str) {
        let wait = async {
            while self.totals().of(version) == 0 {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{version} serves nothing: {:?}", self.totals()));
    }

    /// Ends it. No request may have failed.
    pub async fn lost_none(self) -> Totals {
        let totals = self.load.stop().await;
        assert_eq!(totals.failed, 0, "of {} requests: {:?}", totals.sent, totals.failures);
        assert_eq!(totals.statuses.keys().collect::<Vec<_>>(), [&200]);
        totals
    }
}
