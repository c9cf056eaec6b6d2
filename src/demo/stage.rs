//! Everything that runs in a demo.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::file::{HOST, ReleaseFile, SERVICE, TESTER, VERSIONS};
use super::story::{FIRST, SLOW};
use super::{DemoError, Options, Summary};
use crate::control::{RolloutStatus, ServerStatus};
use crate::rollout::{Actor, Command, Verb};
use crate::serve::{self, Running};
use crate::snapshot::Kind;
use crate::testbed::{self, Backend, EnvoyProcess, Load, LoadOptions, Watchdog};
use crate::translate::{self, BootstrapOptions, XdsAddress};

/// Who speaks to the server.
pub(super) const SOMEBODY: &str = "ann";
/// The listener of the Envoy, by the name that bootstraps give it.
const LISTENER: &str = "http";

/// The toy services, the control plane and the Envoy. Dropping it ends them and removes the scratch folder.
#[derive(Debug)]
pub(super) struct Stage {
    // In the order of dropping: who asks goes before who answers.
    pub envoy: EnvoyProcess,
    pub listener: SocketAddr,
    pub server: Running,
    pub file: ReleaseFile,
    backends: Vec<Backend>,
    _watchdog: Watchdog,
    _scratch: TempDir,
}

impl Stage {
    /// Starts everything with an Envoy at hand, and tells what was started.
    pub(super) async fn start(
        options: &Options,
        envoy: &Path,
        mut tell: impl FnMut(&str) -> Result<(), DemoError>,
    ) -> Result<Stage, DemoError> {
        let scratch = tempfile::Builder::new().prefix("tidegate-demo-").tempdir()?;
        let watchdog = Watchdog::over(scratch.path(), None)?;
        let (backends, addresses) = toys().await?;
        let places = VERSIONS.iter().zip(addresses).map(|(name, address)| format!("{name} on {address}"));
        tell(&format!("the toy service runs: {}", places.collect::<Vec<_>>().join(", ")))?;
        let releases = scratch.path().join("releases");
        std::fs::create_dir(&releases)?;
        let file = ReleaseFile::new(&releases, addresses, options.hold);
        file.save(FIRST)?;
        let mut server = serve::start(serve::Options::local(releases, scratch.path().join("state"))).await?;
        ready(&mut server).await?;
        tell(&format!("the control plane serves {}: xDS on {}, admin on {}", file.path().display(), server.xds, server.admin))?;
        let mut envoy = EnvoyProcess::start(envoy, &bootstrap(server.xds)).await?;
        envoy.wait_ready().await?;
        let listener = envoy.wait_listener(LISTENER).await?;
        tell(&format!("an Envoy takes requests on {listener}, its own admin port is {}", envoy.admin().address()))?;
        Ok(Stage { envoy, listener, server, file, backends, _watchdog: watchdog, _scratch: scratch })
    }

    /// Traffic of everybody.
    pub(super) fn load(&self, rate: u32) -> Result<Load, DemoError> {
        Ok(Load::start(&LoadOptions::new(self.listener, HOST, rate))?)
    }

    /// Traffic of testers, a tenth as much.
    pub(super) fn testers(&self, rate: u32) -> Result<Load, DemoError> {
        let (header, value) = TESTER;
        Ok(Load::start(&LoadOptions::new(self.listener, HOST, (rate / 10).max(5)).header(header, value))?)
    }

    /// Whether the Envoy has acknowledged everything it should have, and how often it was sent routes.
    pub(super) fn routes(&self) -> (bool, u64) {
        let streams = self.server.board.streams();
        let routes = streams.iter().filter_map(|stream| stream.types.get(&Kind::Route)).next();
        routes.map_or((false, 0), |routes| (routes.in_sync, routes.pushes))
    }

    /// What the server says of itself.
    pub(super) fn status(&self) -> Arc<ServerStatus> {
        Arc::clone(&self.server.status.borrow())
    }

    /// How far the release is that the file asks for.
    pub(super) fn release(&self) -> Option<RolloutStatus> {
        self.status().services.first()?.rollout.clone()
    }

    /// What the server finds wrong with the file, in a line.
    pub(super) fn problem(&self) -> Option<String> {
        self.status().problems.first().map(|problem| problem.one_line())
    }

    /// Says something to the server, for what there is to be seen now. What came of it, in words.
    pub(super) async fn order(&self, verb: Verb, reason: &str) -> Result<String, DemoError> {
        let by = Actor { name: SOMEBODY.to_owned(), claimed: true };
        let revision = self.status().services.first().map(|service| service.revision);
        let ordered = self.server.desk.order(SERVICE, Command { verb, by, reason: Some(reason.to_owned()), revision }).await;
        ordered.map(|ordered| ordered.text).map_err(|refused| DemoError::Broken(refused.to_string()))
    }

    /// What the server knows of why something does not happen.
    pub(super) fn seen(&self) -> String {
        let streams = self.server.board.streams();
        let types = || streams.iter().flat_map(|stream| stream.types.values());
        let rejected = types().find_map(|of| of.rejected.as_ref().map(|no| format!("the Envoy refuses: {}", no.message)));
        let waiting = || types().find_map(|of| of.waiting.as_deref().map(str::to_owned));
        let unknown = || "the server finds nothing wrong".to_owned();
        self.problem().or(rejected).or_else(waiting).unwrap_or_else(unknown)
    }

    /// Ends everything in order, and tells what became of the requests.
    pub(super) async fn end(self, loads: Vec<Load>) -> Result<Summary, DemoError> {
        let mut summary = Summary::default();
        for load in loads {
            summary.add(&load.stop().await);
        }
        self.envoy.stop().await;
        self.server.shutdown().await?;
        for backend in self.backends {
            backend.shutdown().await;
        }
        Ok(summary)
    }
}

/// How late the slow version answers.
const LATE: Duration = Duration::from_millis(50);

/// The toy service in each of its versions, and where each is.
async fn toys() -> std::io::Result<(Vec<Backend>, [SocketAddr; VERSIONS.len()])> {
    let (mut toys, mut addresses) = (Vec::new(), [SocketAddr::from(([127, 0, 0, 1], 0)); VERSIONS.len()]);
    for (name, address) in VERSIONS.iter().zip(&mut addresses) {
        let toy = Backend::start(name).await?;
        if *name == SLOW {
            toy.set_delay(LATE);
        }
        *address = toy.address();
        toys.push(toy);
    }
    Ok((toys, addresses))
}

/// Waits until the first load is being served.
async fn ready(server: &mut Running) -> Result<(), DemoError> {
    let served = server.status.wait_for(|status| status.ready).await;
    served.map(drop).map_err(|_| DemoError::Broken("the control plane ended before it served".into()))
}

fn bootstrap(xds: SocketAddr) -> String {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    translate::bootstrap(&BootstrapOptions {
        node_id: "demo-1".into(),
        node_cluster: "demo".into(),
        xds: vec![XdsAddress { host: xds.ip().to_string(), port: xds.port() }],
        admin: any,
        listener: Some(any),
        ..BootstrapOptions::default()
    })
}

/// The Envoy that the options name, or one that is found or installed.
pub(super) async fn find_envoy(options: &Options, say: impl Fn(&str) + Send + 'static) -> Result<PathBuf, DemoError> {
    if let Some(path) = &options.envoy {
        return Ok(path.clone());
    }
    let found = tokio::task::spawn_blocking(move || testbed::ensure(testbed::DEFAULT_VERSION, say)).await;
    Ok(found.map_err(|panic| DemoError::Broken(panic.to_string()))??)
}
