//! What the streams count. They know nothing of how it is told; `telemetry` registers it.

use std::sync::Arc;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::Variant;
use crate::snapshot::Kind;

/// Upper bounds in seconds. An acknowledgement takes milliseconds, and as long as clusters take to warm in the worst case.
const SECONDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct TypeValue(Kind);

impl EncodeLabelValue for TypeValue {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.0.short().encode(encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfType {
    r#type: TypeValue,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStream {
    variant: &'static str,
    transport: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ForReason {
    reason: &'static str,
}

/// Counters of all streams. A clone counts into the same ones.
#[derive(Debug, Clone)]
pub struct Metrics {
    pushes: Family<OfType, Counter>,
    bytes: Family<OfType, Counter>,
    acks: Family<OfType, Counter>,
    nacks: Family<OfType, Counter>,
    push_to_ack: Family<OfType, Histogram>,
    gate_timeouts: Counter,
    streams: Family<OfStream, Gauge>,
    opened: Family<OfStream, Counter>,
    refused: Family<ForReason, Counter>,
    throttled: Counter,
    unread: Counter,
    panics: Counter,
    unknown_types: Counter,
    large: Family<OfType, Counter>,
    /// Counters of each kind, found before they are needed.
    of_kind: Arc<[OfKind]>,
}

#[derive(Debug)]
struct OfKind {
    pushes: Counter,
    bytes: Counter,
    acks: Counter,
    push_to_ack: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Metrics {
            pushes: Family::default(),
            bytes: Family::default(),
            acks: Family::default(),
            nacks: Family::default(),
            push_to_ack: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            gate_timeouts: Counter::default(),
            streams: Family::default(),
            opened: Family::default(),
            refused: Family::default(),
            throttled: Counter::default(),
            unread: Counter::default(),
            panics: Counter::default(),
            unknown_types: Counter::default(),
            large: Family::default(),
            of_kind: Arc::new([]),
        };
        metrics.show_zeroes();
        metrics.of_kind = Kind::ALL.map(|kind| metrics.find(kind)).into();
        metrics
    }
}

impl Metrics {
    /// A response of so many bytes was sent.
    pub fn sent(&self, kind: Kind, bytes: usize) {
        let of_kind = &self.of_kind[kind as usize];
        of_kind.pushes.inc();
        of_kind.bytes.inc_by(bytes as u64);
    }

    /// A response was acknowledged, so many seconds after it was sent.
    pub fn acked(&self, kind: Kind, seconds: f64) {
        let of_kind = &self.of_kind[kind as usize];
        of_kind.acks.inc();
        of_kind.push_to_ack.observe(seconds);
    }

    /// A response was rejected.
    pub fn nacked(&self, kind: Kind) {
        self.nacks.get_or_create(&of_type(kind)).inc();
    }

    /// Something held back for an acknowledgement was sent without it, because it did not come in time.
    pub fn gate_timeout(&self) {
        self.gate_timeouts.inc();
    }

    /// A stream was opened.
    pub fn stream_opened(&self, variant: Variant, aggregated: bool) {
        let of_stream = of_stream(variant, aggregated);
        self.streams.get_or_create(&of_stream).inc();
        self.opened.get_or_create(&of_stream).inc();
    }

    /// A stream that was opened is closed.
    pub fn stream_closed(&self, variant: Variant, aggregated: bool) {
        self.streams.get_or_create(&of_stream(variant, aggregated)).dec();
    }

    /// A stream was refused. `reason` is one of a few words, for example `not_ready`.
    pub fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&ForReason { reason }).inc();
    }

    /// A stream is not read for a while, because its requests come too fast.
    pub fn throttled(&self) {
        self.throttled.inc();
    }

    /// So many streams were ended because their clients did not take what they were sent.
    pub fn unread(&self, streams: u64) {
        self.unread.inc_by(streams);
    }

    /// A stream was ended by a fault of the server.
    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// A type that is not served was asked for, the first time on its stream.
    pub fn unknown_type(&self) {
        self.unknown_types.inc();
    }

    /// A response was so large that some clients may not take it.
    pub fn large(&self, kind: Kind) {
        self.large.get_or_create(&of_type(kind)).inc();
    }

    /// Puts everything into a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("connected_streams", "xDS streams connected now", self.streams.clone());
        registry.register("xds_streams_opened", "xDS streams opened", self.opened.clone());
        registry.register("xds_refused", "xDS streams refused, by reason", self.refused.clone());
        registry.register("xds_pushes", "Responses sent", self.pushes.clone());
        registry.register("xds_bytes", "Bytes of the responses sent, before compression", self.bytes.clone());
        registry.register("xds_acks", "Responses acknowledged", self.acks.clone());
        registry.register("xds_nacks", "Responses rejected", self.nacks.clone());
        let help = "Time from sending a response to its acknowledgement";
        registry.register_with_unit("xds_push_to_ack", help, Unit::Seconds, self.push_to_ack.clone());
        let help = "Responses sent although the acknowledgement they waited for did not come in time";
        registry.register("xds_gate_timeouts", help, self.gate_timeouts.clone());
        let help = "Times that a stream was not read for a while because its requests came too fast";
        registry.register("xds_throttled", help, self.throttled.clone());
        registry.register(
            "xds_unread",
            "Streams ended because their clients took nothing of what they were sent",
            self.unread.clone(),
        );
        registry.register("xds_panics", "Streams ended by a fault of the server", self.panics.clone());
        let help = "Types asked for that are not served, each once per stream";
        registry.register("xds_unknown_types", help, self.unknown_types.clone());
        let help = "Responses so large that clients with the usual limit of gRPC may not take them";
        registry.register("xds_large_responses", help, self.large.clone());
    }

    fn find(&self, kind: Kind) -> OfKind {
        OfKind {
            pushes: self.pushes.get_or_create(&of_type(kind)).clone(),
            bytes: self.bytes.get_or_create(&of_type(kind)).clone(),
            acks: self.acks.get_or_create(&of_type(kind)).clone(),
            push_to_ack: self.push_to_ack.get_or_create(&of_type(kind)).clone(),
        }
    }

    /// Creates every row whose labels are known, so that rates and alerts have a zero to start from.
    fn show_zeroes(&self) {
        for kind in Kind::ALL {
            for family in [&self.pushes, &self.bytes, &self.acks, &self.nacks, &self.large] {
                drop(family.get_or_create(&of_type(kind)));
            }
            drop(self.push_to_ack.get_or_create(&of_type(kind)));
        }
        for (variant, aggregated) in
            [(Variant::Sotw, true), (Variant::Sotw, false), (Variant::Delta, true), (Variant::Delta, false)]
        {
            drop(self.streams.get_or_create(&of_stream(variant, aggregated)));
            drop(self.opened.get_or_create(&of_stream(variant, aggregated)));
        }
    }
}

fn of_type(kind: Kind) -> OfType {
    OfType { r#type: TypeValue(kind) }
}

fn of_stream(variant: Variant, aggregated: bool) -> OfStream {
    let variant = match variant {
        Variant::Sotw => "sotw",
        Variant::Delta => "delta",
    };
    OfStream { variant, transport: if aggregated { "ads" } else { "typed" } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(metrics: &Metrics) -> String {
        let mut registry = Registry::with_prefix("tidegate");
        metrics.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    }

    #[test]
    fn what_is_counted_is_told_by_type() {
        let metrics = Metrics::default();
        metrics.sent(Kind::Route, 120);
        metrics.sent(Kind::Route, 80);
        metrics.acked(Kind::Route, 0.004);
        metrics.nacked(Kind::Cluster);
        metrics.gate_timeout();
        metrics.refused("not_ready");
        metrics.unknown_type();
        metrics.large(Kind::Cluster);
        let text = text(&metrics);
        for line in [
            "tidegate_xds_pushes_total{type=\"RDS\"} 2",
            "tidegate_xds_pushes_total{type=\"LDS\"} 0",
            "tidegate_xds_bytes_total{type=\"RDS\"} 200",
            "tidegate_xds_acks_total{type=\"RDS\"} 1",
            "tidegate_xds_nacks_total{type=\"CDS\"} 1",
            "tidegate_xds_push_to_ack_seconds_bucket{le=\"0.0025\",type=\"RDS\"} 0",
            "tidegate_xds_push_to_ack_seconds_bucket{le=\"0.005\",type=\"RDS\"} 1",
            "tidegate_xds_gate_timeouts_total 1",
            "tidegate_xds_refused_total{reason=\"not_ready\"} 1",
            "tidegate_xds_unknown_types_total 1",
            "tidegate_xds_large_responses_total{type=\"CDS\"} 1",
            "tidegate_xds_large_responses_total{type=\"LDS\"} 0",
        ] {
            assert!(text.lines().any(|have| have == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn closing_takes_back_what_opening_counted() {
        let metrics = Metrics::default();
        metrics.stream_opened(Variant::Delta, true);
        metrics.stream_opened(Variant::Delta, true);
        metrics.stream_closed(Variant::Delta, true);
        let text = text(&metrics);
        assert!(text.contains("tidegate_connected_streams{variant=\"delta\",transport=\"ads\"} 1"), "{text}");
        assert!(text.contains("tidegate_xds_streams_opened_total{variant=\"delta\",transport=\"ads\"} 2"), "{text}");
    }
}
