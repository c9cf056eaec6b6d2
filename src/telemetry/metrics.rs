//! The registry, and its text in the OpenMetrics form.

use std::sync::Arc;

use prometheus_client::encoding::text;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use super::now::Now;
use crate::control::{Orders, ServerStatus};
use crate::hooks::Counts;
use crate::reports::Loads;
use crate::xds::{self, Board};

/// What is read at each scrape.
#[derive(Debug)]
pub struct Seen {
    /// The published status.
    pub status: watch::Receiver<Arc<ServerStatus>>,
    /// The connected streams.
    pub board: Arc<Board>,
    /// What the nodes report of their load.
    pub loads: Arc<Loads>,
    /// Orders, and what they came to.
    pub orders: Arc<Orders>,
    /// Notifications, and what they came to.
    pub notices: Arc<Counts>,
}

/// Everything that `/metrics` tells. Names begin with `tidegate_`.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
}

impl Metrics {
    /// The media type of [`Metrics::text`].
    pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// A registry over the streams' counters, and what is read at each scrape.
    pub fn new(streams: &xds::Metrics, seen: Seen) -> Metrics {
        let mut registry = Registry::with_prefix("tidegate");
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "What is running", build);
        streams.register(&mut registry);
        registry.register_collector(Box::new(Now::new(seen)));
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
