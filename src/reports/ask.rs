//! What a client is asked to report.

use std::sync::Arc;
use std::time::Duration;

/// What a client is asked to report, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Of which clusters.
    pub clusters: Clusters,
    /// Also of each of their endpoints.
    pub endpoints: bool,
    interval: Duration,
}

/// The clusters that a client is to report on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clusters {
    /// All it knows, later ones too. Clients without `envoy.lrs.supports_send_all_clusters` ignore that.
    All,
    /// These.
    Named(Vec<Arc<str>>),
}

impl Ask {
    /// The shortest time between two reports. gRPC for Go crashes on an interval of zero, Envoy takes every interval it is given, and
    /// a fleet that reports each millisecond is no use to anyone.
    pub const SHORTEST: Duration = Duration::from_secs(1);

    /// Asks for reports on these clusters as wholes, `interval` apart but at least [`Ask::SHORTEST`].
    pub fn new(clusters: Clusters, interval: Duration) -> Ask {
        Ask { clusters, endpoints: false, interval: interval.max(Ask::SHORTEST) }
    }

    /// The same, of each of their endpoints too or not.
    pub fn with_endpoints(self, endpoints: bool) -> Ask {
        Ask { endpoints, ..self }
    }

    /// Time between two reports.
    pub fn interval(&self) -> Duration {
        self.interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k1_nobody_is_asked_to_report_without_pause() {
        let asked = |interval| Ask::new(Clusters::All, interval).interval();
        assert_eq!(asked(Duration::ZERO), Ask::SHORTEST);
        assert_eq!(asked(Duration::from_millis(1)), Ask::SHORTEST);
        assert_eq!(asked(Duration::from_secs(5)), Duration::from_secs(5));
    }
}
