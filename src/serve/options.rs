//! What a server is started with, and why it may not start.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::connection::Lifetime;
use crate::store::StoreError;
use crate::{sources, xds};

/// What a server is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The directory of release files.
    pub dir: PathBuf,
    /// The configuration file; `None` takes `tidegate.yaml` in the directory, if it is there.
    pub config: Option<PathBuf>,
    /// Folder of what must survive a restart.
    pub state: PathBuf,
    /// Address of the xDS port; port 0 takes any.
    pub xds: SocketAddr,
    /// Address of the admin port.
    pub admin: SocketAddr,
    /// Address of the HTTP port.
    pub http: SocketAddr,
    /// How often the directory is looked at behind the events of the file system.
    pub poll: Duration,
    /// How long the directory must have been quiet before it is read.
    pub settle: Duration,
    /// Listens to the events of the file system; without them the poll alone finds changes.
    pub events: bool,
    /// How long a cluster stays after the last route to it was dropped.
    pub drain: Duration,
    /// How long routes wait for the ACK of the clusters they lead to.
    pub warm_timeout: Duration,
    /// How often Envoys report their load.
    pub load_report_interval: Duration,
    /// What clients may ask of the xDS port.
    pub limits: xds::Limits,
    /// Age at which connections to the xDS port end, a tenth more or less; zero for none.
    pub max_connection_age: Duration,
    /// Time over which connections end when the server is shut down.
    pub shutdown_spread: Duration,
    /// Serves an empty directory as what it is.
    pub allow_empty: bool,
    /// Rollouts go on although no node is connected.
    pub advance_without_nodes: bool,
}

impl Options {
    /// Options for a directory and a state folder on ports that the system picks, with the usual times.
    pub fn local(dir: PathBuf, state: PathBuf) -> Options {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (timing, sources) = (xds::Timing::default(), sources::Options::new(dir.clone()));
        Options {
            dir,
            config: None,
            state,
            xds: any,
            admin: any,
            http: any,
            poll: sources.poll,
            settle: sources.settle,
            events: true,
            drain: timing.drain,
            warm_timeout: timing.warm_timeout,
            load_report_interval: Duration::from_secs(2),
            limits: xds::Limits::default(),
            max_connection_age: Duration::from_secs(30 * 60),
            shutdown_spread: Duration::ZERO,
            allow_empty: false,
            advance_without_nodes: false,
        }
    }

    /// What the streams need of them.
    pub(super) fn timing(&self) -> xds::Timing {
        xds::Timing { drain: self.drain, warm_timeout: self.warm_timeout, ..xds::Timing::default() }
    }

    /// What the connections of the xDS port need of them.
    pub(super) fn lifetime(&self) -> Lifetime {
        Lifetime { age: self.max_connection_age, spread: self.shutdown_spread }
    }

    /// What the sources need of them.
    pub(super) fn sources(&self) -> sources::Options {
        sources::Options {
            config: self.config.clone(),
            poll: self.poll,
            settle: self.settle,
            events: self.events,
            ..sources::Options::new(self.dir.clone())
        }
    }
}

/// Why a server does not start, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A port cannot be had.
    #[error("cannot listen on {addr}: {source}; choose another address by {flag}")]
    Bind {
        /// The address.
        addr: SocketAddr,
        /// The flag that sets it.
        flag: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// The state folder cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// TLS for hooks cannot be set up.
    #[error("hooks: {0}")]
    Hooks(#[from] tokio_rustls::rustls::Error),
    /// Reflection cannot be built from the descriptors.
    #[error("reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// A port was lost.
    #[error("the {0} port: {1}")]
    Port(&'static str, String),
    /// A task ended that must not.
    #[error("a task of the server ended: {0}")]
    Task(String),
}
