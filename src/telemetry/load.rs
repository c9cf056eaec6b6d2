//! What the fleet reports of its load, by service and version. Clusters that are not served are left out, whatever their name: a
//! client can report what it likes, and must not be able to fill anybody's metrics store.

use std::fmt;

use prometheus_client::encoding::EncodeMetric;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::now::Writer;
use crate::control::ServerStatus;
use crate::reports::{ClusterLoad, Loads};
use crate::snapshot::cluster_name;

/// A service, a version of it, and what the fleet says of that.
type Row<'a> = (&'a str, &'a str, ClusterLoad);

impl Writer<'_> {
    /// Tells of every version that is served and that a node reports on.
    pub fn load(&mut self, status: &ServerStatus, loads: &Loads) -> fmt::Result {
        self.gauge("load_reporting_nodes", "Nodes that have a stream for reports of their load", loads.nodes() as u64)?;
        let reports = ConstCounter::new(loads.reports());
        let help = "Reports of load taken in";
        reports.encode(self.0.encode_descriptor("load_reports", help, None, reports.metric_type())?)?;
        let rows = rows(status, loads);
        self.in_progress(&rows)?;
        self.ended(&rows)
    }

    fn in_progress(&mut self, rows: &[Row<'_>]) -> fmt::Result {
        let help = "Requests in progress to a version, over all nodes, as they reported last";
        let mut family = self.0.encode_descriptor("requests_in_progress", help, None, ConstGauge::new(0u64).metric_type())?;
        for (service, version, load) in rows {
            let labels = [("service", *service), ("version", *version)];
            ConstGauge::new(load.in_progress).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn ended(&mut self, rows: &[Row<'_>]) -> fmt::Result {
        let help = "Requests to a version that ended, each attempt one, as nodes reported them";
        let mut family = self.0.encode_descriptor("requests", help, None, ConstCounter::new(0u64).metric_type())?;
        for (service, version, load) in rows {
            let totals = load.totals;
            for (result, count) in [("success", totals.succeeded), ("error", totals.failed), ("dropped", totals.dropped)] {
                let labels = [("service", *service), ("version", *version), ("result", result)];
                ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

fn rows<'a>(status: &'a ServerStatus, loads: &Loads) -> Vec<Row<'a>> {
    let of_service = |service: &'a std::sync::Arc<crate::control::ServiceStatus>| {
        service.versions.iter().map(|version| (service.name.as_str(), version.name.as_str()))
    };
    let served: Vec<(&str, &str)> = status.services.iter().flat_map(of_service).collect();
    let names: Vec<String> = served.iter().map(|(service, version)| cluster_name(service, version)).collect();
    let found = loads.clusters(names.iter().map(String::as_str));
    served.into_iter().zip(found).filter_map(|((service, version), load)| Some((service, version, load?))).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use tokio::sync::watch;

    use super::*;
    use crate::control::{FileState, ServiceStatus, VersionStatus};
    use crate::model::{Share, Split};
    use crate::reports::{Reading, Sample};
    use crate::telemetry::{Metrics, Seen};
    use crate::xds;

    fn shop() -> ServiceStatus {
        let version = |name: &str| VersionStatus { name: name.into(), share: Share::FULL, endpoints: vec![] };
        ServiceStatus {
            name: "shop".into(),
            file: "shop.yaml".into(),
            state: FileState::Current,
            hosts: vec![],
            path: "/".into(),
            fleets: vec![],
            stable: "v1".into(),
            versions: vec![version("v1"), version("v2")],
            split: Split::new(vec![("v1".into(), Share::FULL)]).unwrap(),
            rules: vec![],
            revision: 0,
            snapshot: 0,
            instead: None,
            previous: None,
            rollout: None,
        }
    }

    #[test]
    fn what_is_served_and_reported_is_told_and_nothing_else() {
        let loads = Arc::new(Loads::default());
        loads.open(1, "a");
        let sample = |cluster: &str| Sample {
            cluster: cluster.into(),
            in_progress: Some(3),
            issued: 9,
            succeeded: 5,
            failed: 2,
            dropped: 1,
            interval: Duration::from_secs(1),
            ..Sample::default()
        };
        loads.report(1, &[sample("made/up"), sample("shop/v1")], Reading::default(), Instant::now());
        let status = ServerStatus { services: vec![shop().into()], ..ServerStatus::default() };
        let (_sender, status) = watch::channel(Arc::new(status));
        let seen = Seen { status, board: Arc::default(), loads, orders: Arc::default(), notices: Arc::default() };
        let text = Metrics::new(&xds::Metrics::default(), seen).text().unwrap();
        for line in [
            "tidegate_load_reporting_nodes 1",
            "tidegate_load_reports_total 1",
            "tidegate_requests_in_progress{service=\"shop\",version=\"v1\"} 3",
            "tidegate_requests_total{service=\"shop\",version=\"v1\",result=\"success\"} 5",
            "tidegate_requests_total{service=\"shop\",version=\"v1\",result=\"error\"} 2",
            "tidegate_requests_total{service=\"shop\",version=\"v1\",result=\"dropped\"} 1",
        ] {
            assert!(text.lines().any(|have| have == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("made") && !text.contains("v2"), "{text}");
    }
}
