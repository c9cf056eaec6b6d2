//! What is true at the moment of the scrape, read from where it is published instead of being counted twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::metrics::Seen;
use crate::control::{FileState, ServerStatus};
use crate::diag::Severity;
use crate::snapshot::Kind;
use crate::xds::StreamStatus;

/// Reads what is published, and counted elsewhere.
#[derive(Debug)]
pub(super) struct Now {
    seen: Seen,
}

impl Now {
    pub fn new(seen: Seen) -> Now {
        Now { seen }
    }
}

impl Collector for Now {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let status = self.seen.status.borrow().clone();
        let mut out = Writer(encoder);
        out.loads(&status)?;
        out.problems(&status)?;
        out.load_time(&status, Timestamp::now())?;
        let streams = self.seen.board.streams();
        out.nodes(&streams)?;
        out.rejections(&streams)?;
        out.silence(&streams, Timestamp::now())?;
        out.load(&status, &self.seen.loads)?;
        out.rollouts(&status, Timestamp::now())?;
        out.orders(&self.seen.orders)?;
        out.notices(&self.seen.notices)
    }
}

pub(super) struct Writer<'a>(pub(super) DescriptorEncoder<'a>);

impl Writer<'_> {
    fn loads(&mut self, status: &ServerStatus) -> fmt::Result {
        let stale = status.services.iter().filter(|service| matches!(service.state, FileState::Stale { .. })).count();
        self.gauge("ready", "1 once the first complete load is being served", i64::from(status.ready))?;
        self.gauge("generation", "Generations of files taken in since the start", status.generation)?;
        self.gauge("services", "Services being served", status.services.len() as u64)?;
        self.gauge("stale_services", "Services served from their last good content because their file is broken", stale as u64)?;
        let help = "1 while the directory as a whole cannot be taken in";
        self.gauge("directory_problem", help, i64::from(status.directory.is_some()))?;
        let failed = ConstCounter::new(status.failed_loads);
        let help = "Loads in which at least one file had errors";
        failed.encode(self.0.encode_descriptor("loads_failed", help, None, failed.metric_type())?)
    }

    fn problems(&mut self, status: &ServerStatus) -> fmt::Result {
        let errors = || status.problems.iter().filter(|problem| problem.severity == Severity::Error);
        let files: BTreeSet<&str> = errors().map(|problem| problem.primary.file.path.as_str()).collect();
        self.gauge("load_errors", "Files with errors in the newest load", files.len() as u64)?;
        let count = errors().count() as u64;
        let rows = [("error", count), ("warning", status.problems.len() as u64 - count)];
        self.gauges("problems", "Problems in the newest load", "severity", rows)
    }

    fn load_time(&mut self, status: &ServerStatus, now: Timestamp) -> fmt::Result {
        let Some(loaded) = status.loaded_at else { return Ok(()) };
        // A clock that was set back is no negative age.
        let age = now.duration_since(loaded).as_secs_f64().max(0.0);
        self.seconds("load_age", "Time since the newest generation was taken in", age)?;
        let at = loaded.as_millisecond() as f64 / 1000.0;
        self.seconds("last_load_timestamp", "When the newest generation was taken in, in Unix time", at)
    }

    fn nodes(&mut self, streams: &[StreamStatus]) -> fmt::Result {
        let mut nodes: BTreeMap<(&str, &str), (bool, bool)> = BTreeMap::new();
        for stream in streams {
            let of_node = nodes.entry((&stream.node.id, &stream.node.cluster)).or_insert((true, false));
            of_node.0 &= !stream.types.is_empty() && stream.types.values().all(|state| state.in_sync);
            of_node.1 |= stream.types.values().any(|state| state.rejected.is_some());
        }
        let count = |is: fn(&(bool, bool)) -> bool| nodes.values().filter(|of_node| is(of_node)).count() as u64;
        self.gauge("connected_nodes", "Nodes connected now", nodes.len() as u64)?;
        self.gauge("nodes_in_sync", "Connected nodes that acknowledged everything they should have", count(|n| n.0))?;
        self.gauge("nodes_rejecting", "Connected nodes that reject what they were sent", count(|n| n.1))
    }

    /// Whoever watches a release wants to know now, and not after the next rate over a counter, that a type is refused somewhere.
    fn rejections(&mut self, streams: &[StreamStatus]) -> fmt::Result {
        let rejects = |kind: Kind| {
            let of_kind = streams.iter().filter_map(|stream| stream.types.get(&kind));
            of_kind.filter(|state| state.rejected.is_some()).count() as u64
        };
        let rows = Kind::ALL.map(|kind| (kind.short(), rejects(kind)));
        self.gauges("xds_rejecting_streams", "Streams whose client rejects what it was sent of a type", "type", rows)
    }

    /// A client may be connected and do nothing; the longest silence of all tells it, whatever their number.
    fn silence(&mut self, streams: &[StreamStatus], now: Timestamp) -> fmt::Result {
        let unanswered = streams.iter().flat_map(|stream| stream.types.values()).filter_map(|of_type| of_type.unanswered);
        let longest = unanswered.min().map_or(0.0, |since| now.duration_since(since).as_secs_f64().max(0.0));
        self.seconds(
            "xds_oldest_unanswered",
            "Age of the oldest response that no client has answered yet, over all streams",
            longest,
        )
    }

    pub(super) fn gauge<N>(&mut self, name: &str, help: &str, value: N) -> fmt::Result
    where
        ConstGauge<N>: EncodeMetric,
    {
        let gauge = ConstGauge::new(value);
        gauge.encode(self.0.encode_descriptor(name, help, None, gauge.metric_type())?)
    }

    fn seconds(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        let gauge = ConstGauge::new(value);
        gauge.encode(self.0.encode_descriptor(name, help, Some(&Unit::Seconds), gauge.metric_type())?)
    }

    fn gauges<const N: usize>(&mut self, name: &str, help: &str, label: &str, rows: [(&str, u64); N]) -> fmt::Result {
        let metric_type = ConstGauge::new(0u64).metric_type();
        let mut family = self.0.encode_descriptor(name, help, None, metric_type)?;
        for (value, count) in rows {
            ConstGauge::new(count).encode(family.encode_family(&[(label, value)])?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::watch;

    use super::*;
    use crate::diag::{Label, Problem, SourceFile};
    use crate::snapshot::{Node, Version};
    use crate::telemetry::Metrics;
    use crate::xds::{self, Board, TypeStatus, Variant};

    fn problem(file: &str, severity: Severity) -> Problem {
        let file = Arc::new(SourceFile { path: file.into(), text: String::new() });
        let primary = Label { file, span: 0..0, text: String::new() };
        Problem { code: "T001", severity, title: "x".into(), primary, related: vec![], help: None }
    }

    fn stream(id: u64, in_sync: bool) -> StreamStatus {
        StreamStatus {
            id,
            node: Arc::new(Node { id: "a".into(), ..Node::default() }),
            peer: None,
            variant: Variant::Sotw,
            aggregated: false,
            since: Timestamp::UNIX_EPOCH,
            acked: None,
            types: xds::ByKind::from_iter([(Kind::Cluster, TypeStatus { in_sync, ..TypeStatus::default() })]),
        }
    }

    fn text(status: ServerStatus, streams: Vec<StreamStatus>) -> String {
        let board = Arc::new(Board::default());
        streams.into_iter().for_each(|stream| board.put(stream));
        let (_sender, status) = watch::channel(Arc::new(status));
        let seen = Seen { status, board, loads: Arc::default(), orders: Arc::default(), notices: Arc::default() };
        Metrics::new(&xds::Metrics::default(), seen).text().unwrap()
    }

    fn assert_lines(text: &str, lines: &[&str]) {
        for line in lines {
            assert!(text.lines().any(|have| have == *line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn the_published_status_is_told() {
        let problems =
            vec![problem("a.yaml", Severity::Error), problem("a.yaml", Severity::Error), problem("b.yaml", Severity::Warning)];
        let status = ServerStatus { generation: 7, ready: true, failed_loads: 3, problems, ..ServerStatus::default() };
        let text = text(status, vec![]);
        assert_lines(
            &text,
            &[
                "tidegate_generation 7",
                "tidegate_ready 1",
                "tidegate_loads_failed_total 3",
                "tidegate_load_errors 1",
                "tidegate_problems{severity=\"error\"} 2",
                "tidegate_problems{severity=\"warning\"} 1",
                "tidegate_build_info{version=\"0.1.0\"} 1",
                "# EOF",
            ],
        );
        assert!(!text.contains("load_age"), "no load, no age");
    }

    #[test]
    fn the_load_has_an_age() {
        let loaded_at = Some(Timestamp::now() - jiff::SignedDuration::from_secs(60));
        let text = text(ServerStatus { loaded_at, ..ServerStatus::default() }, vec![]);
        let age = text.lines().find_map(|line| line.strip_prefix("tidegate_load_age_seconds ")).unwrap();
        assert!((60.0..120.0).contains(&age.parse::<f64>().unwrap()), "{age}");
    }

    #[test]
    fn what_is_rejected_now_is_told_by_type() {
        let mut rejecting = stream(1, false);
        let rejection =
            xds::Rejection { version: Version::of(b"x"), message: "no".into(), resources: vec![], at: Timestamp::UNIX_EPOCH };
        rejecting.types.of_mut(Kind::Route).rejected = Some(Box::new(rejection));
        let text = text(ServerStatus::default(), vec![rejecting, stream(2, true)]);
        assert_lines(&text, &["tidegate_xds_rejecting_streams{type=\"RDS\"} 1", "tidegate_xds_rejecting_streams{type=\"CDS\"} 0"]);
    }

    #[test]
    fn the_longest_silence_is_told() {
        let silent = |id, seconds| {
            let mut stream = stream(id, false);
            stream.types.of_mut(Kind::Cluster).unanswered = Some(Timestamp::now() - jiff::SignedDuration::from_secs(seconds));
            stream
        };
        let text = text(ServerStatus::default(), vec![silent(1, 5), silent(2, 60), stream(3, true)]);
        let age = text.lines().find_map(|line| line.strip_prefix("tidegate_xds_oldest_unanswered_seconds ")).unwrap();
        assert!((60.0..120.0).contains(&age.parse::<f64>().unwrap()), "{age}");
    }

    #[test]
    fn streams_of_one_node_are_one_node() {
        let text = text(ServerStatus::default(), vec![stream(1, true), stream(2, false)]);
        assert_lines(&text, &["tidegate_connected_nodes 1", "tidegate_nodes_in_sync 0", "tidegate_nodes_rejecting 0"]);
    }
}
