//! The registry, and its text in the OpenMetrics form.

use std::sync::Arc;

use prometheus_client::encoding::text;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use super::now::Now;
use crate::control::ServerStatus;
use crate::reports::Loads;
use crate::xds::{self, Board};

/// Everything that `/metrics` tells. Names begin with `tidegate_`.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
}

impl Metrics {
    /// The media type of [`Metrics::text`].
    pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// A registry over the streams' counters, the published status, the board and what the nodes report of their load.
    pub fn new(
        streams: &xds::Metrics,
        status: watch::Receiver<Arc<ServerStatus>>,
        board: Arc<Board>,
        loads: Arc<Loads>,
    ) -> Metrics {
        let mut registry = Registry::with_prefix("tidegate");
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "What is running", build);
        streams.register(&mut registry);
        registry.register_collector(Box::new(Now::new(status, board, loads)));
        Metrics { registry }
    }

    /// All metrics as they stand now.
    ///
    /// # Errors
    /// Only if a metric cannot be written as text, which would be a mistake in its definition.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        text::encode(&mut out, &self.registry)?;
        Ok(out)
    }
}
