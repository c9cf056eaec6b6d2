//! How far rollouts are, and what came of what people wanted and of telling others. A row a service that is being released, and a label
//! for none of the things that come new with every release.

use std::fmt;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeMetric;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::now::Writer;
use crate::control::{Orders, RolloutStatus, ServerStatus};
use crate::hooks::Counts;
use crate::model::Share;

/// The phases, each a row.
const PHASES: [&str; 6] = ["pending", "running", "stuck", "done", "off", "returning"];

impl Writer<'_> {
    /// Tells of every service whose candidate is being released.
    pub fn rollouts(&mut self, status: &ServerStatus, now: Timestamp) -> fmt::Result {
        let rollouts: Vec<(&str, &RolloutStatus)> =
            status.services.iter().filter_map(|service| Some((service.name.as_str(), service.rollout.as_ref()?))).collect();
        self.phases(&rollouts)?;
        let seconds = |rollout: &RolloutStatus| now.duration_since(rollout.view.since).as_secs_f64().max(0.0);
        let help = "Time since the step, or the phase if there is none, began";
        self.of_each("rollout_phase", help, Some(&Unit::Seconds), &rollouts, seconds)?;
        let help = "The step under way, from 1; 0 before the first";
        self.of_each("rollout_step", help, None, &rollouts, |rollout| f64::from(rollout.view.step.0))?;
        self.of_each("rollout_steps", "Steps that there are", None, &rollouts, |rollout| f64::from(rollout.view.step.1))?;
        let help = "The candidate's share of the requests that no rule matches, as asked for, from 0 to 1";
        self.of_each("rollout_share", help, None, &rollouts, |rollout| ratio(rollout.view.share))?;
        let help = "The candidate's share that every node has acknowledged last, from 0 to 1";
        self.of_each("rollout_acknowledged_share", help, None, &rollouts, |rollout| ratio(rollout.acked))
    }

    fn phases(&mut self, rollouts: &[(&str, &RolloutStatus)]) -> fmt::Result {
        let help = "1 for the phase in which the release of the service's candidate is, and 0 for the others";
        let mut family = self.0.encode_descriptor("rollout_in_phase", help, None, ConstGauge::new(0u64).metric_type())?;
        for (service, rollout) in rollouts {
            for phase in PHASES {
                let labels = [("service", *service), ("phase", phase)];
                ConstGauge::new(u64::from(rollout.view.phase == phase)).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn of_each(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        rollouts: &[(&str, &RolloutStatus)],
        value: impl Fn(&RolloutStatus) -> f64,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, unit, ConstGauge::new(0.0).metric_type())?;
        for (service, rollout) in rollouts {
            ConstGauge::new(value(rollout)).encode(family.encode_family(&[("service", *service)])?)?;
        }
        Ok(())
    }

    /// Tells what came of orders.
    pub fn orders(&mut self, orders: &Orders) -> fmt::Result {
        let help = "Orders of people, by verb and by what they came to";
        let mut family = self.0.encode_descriptor("orders", help, None, ConstCounter::new(0u64).metric_type())?;
        for (verb, outcome, count) in orders.counts() {
            ConstCounter::new(count).encode(family.encode_family(&[("verb", verb), ("outcome", outcome)])?)?;
        }
        Ok(())
    }

    /// Tells what came of notifications.
    pub fn notices(&mut self, counts: &Counts) -> fmt::Result {
        let help = "Notifications, each target one: sent, failed in all tries, or dropped because more came than the target took";
        let mut family = self.0.encode_descriptor("notifications", help, None, ConstCounter::new(0u64).metric_type())?;
        for (outcome, count) in [("sent", counts.sent()), ("failed", counts.failed()), ("dropped", counts.dropped())] {
            ConstCounter::new(count).encode(family.encode_family(&[("outcome", outcome)])?)?;
        }
        Ok(())
    }
}

fn ratio(share: Share) -> f64 {
    f64::from(share.thousandths()) / f64::from(Share::FULL.thousandths())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::SignedDuration;
    use tokio::sync::watch;

    use crate::control::{FileState, RolloutStatus, ServerStatus, ServiceStatus};
    use crate::model::{Share, Split};
    use crate::rollout::View;
    use crate::telemetry::{Metrics, Seen};
    use crate::xds;

    use super::*;

    fn shop() -> ServiceStatus {
        let share = Share::from_thousandths(25_000).unwrap();
        let now = Timestamp::now();
        let view = View {
            id: 1,
            revision: 3,
            stable: "v1".into(),
            candidate: "v2".into(),
            phase: "stuck",
            started: now,
            since: now - SignedDuration::from_secs(60),
            step: (2, 5),
            ladder: vec![],
            share,
            wait: None,
            next: String::new(),
            paused: None,
            why: None,
            by: None,
            drained: None,
            keep_until: None,
            waves: None,
        };
        ServiceStatus {
            name: "shop".into(),
            file: "shop.yaml".into(),
            state: FileState::Current,
            hosts: vec![],
            path: "/".into(),
            fleets: vec![],
            stable: "v1".into(),
            versions: vec![],
            split: Split::default(),
            rules: vec![],
            revision: 3,
            snapshot: 1,
            instead: None,
            previous: None,
            rollout: Some(RolloutStatus { view, acked: Share::from_thousandths(5_000).unwrap(), settled: None }),
        }
    }

    #[test]
    fn a_service_that_is_released_is_told_and_no_version_is_a_label() {
        let status = ServerStatus { services: vec![shop().into()], ..ServerStatus::default() };
        let (_sender, status) = watch::channel(Arc::new(status));
        let seen = Seen { status, board: Arc::default(), loads: Arc::default(), orders: Arc::default(), notices: Arc::default() };
        let text = Metrics::new(&xds::Metrics::default(), seen).text().unwrap();
        for line in [
            "tidegate_rollout_in_phase{service=\"shop\",phase=\"stuck\"} 1",
            "tidegate_rollout_in_phase{service=\"shop\",phase=\"running\"} 0",
            "tidegate_rollout_step{service=\"shop\"} 2.0",
            "tidegate_rollout_steps{service=\"shop\"} 5.0",
            "tidegate_rollout_share{service=\"shop\"} 0.25",
            "tidegate_rollout_acknowledged_share{service=\"shop\"} 0.05",
            "tidegate_notifications_total{outcome=\"failed\"} 0",
        ] {
            assert!(text.lines().any(|have| have == line), "{line} is not in\n{text}");
        }
        let age = text.lines().find_map(|line| line.strip_prefix("tidegate_rollout_phase_seconds{service=\"shop\"} ")).unwrap();
        assert!((60.0..120.0).contains(&age.parse::<f64>().unwrap()), "{age}");
        assert!(!text.contains("\"v2\""), "{text}");
    }
}
