//! What a demo is started with, and why it may fail.

use std::path::PathBuf;
use std::time::Duration;

use crate::serve::ServeError;
use crate::testbed::{EnvoyError, InstallError, RequestError};

/// What a demo is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The Envoy to run; without it one is found or installed.
    pub envoy: Option<PathBuf>,
    /// Requests a second.
    pub rate: u32,
    /// Stays up after the story, to be played with by hand.
    pub keep: bool,
    /// How long each part of the story is shown once its traffic has arrived.
    pub linger: Duration,
    /// How long each step of a canary takes.
    pub hold: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options { envoy: None, rate: 200, keep: false, linger: Duration::from_millis(1500), hold: Duration::from_secs(2) }
    }
}

/// Why a demo could not go on.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// There is no Envoy to run.
    #[error(transparent)]
    Install(#[from] InstallError),
    /// Envoy did not do its part.
    #[error(transparent)]
    Envoy(#[from] EnvoyError),
    /// The control plane did not start.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The load could not be made.
    #[error(transparent)]
    Load(#[from] RequestError),
    /// A file or a port could not be had, or the terminal not written to.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// What the file asks for did not become what the traffic does.
    #[error("waited {} s for {what}; {seen}", waited.as_secs())]
    Late {
        /// What was waited for.
        what: String,
        /// For how long.
        waited: Duration,
        /// What the server had to say about it.
        seen: String,
    },
    /// A part of the demo itself broke.
    #[error("the demo itself broke: {0}")]
    Broken(String),
}
