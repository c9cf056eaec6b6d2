//! Connected nodes, as they are told.

use super::convert::{count, timestamp};
use super::pb;
use crate::model::Config;
use crate::snapshot::Kind;
use crate::xds::{self, Holding, Nodes, Rejection, StreamStatus, TypeStatus, Variant};

/// Nodes that are named as not being in sync, at most.
const LAGGING_MAX: usize = 20;

impl Nodes<'_> {
    /// How many of the nodes that get these fleets hold what they should, and how many of them have acknowledged this snapshot; no
    /// fleets: of all nodes.
    pub(super) fn sync(&self, fleets: &[String], snapshot: u64, config: &Config) -> (pb::Sync, u32) {
        let (mut sync, mut acked) = (pb::Sync::default(), 0);
        for streams in self.iter().filter(|streams| belongs(streams, fleets, config)) {
            sync.nodes += 1;
            acked += u32::from(xds::acked(streams) >= Some(snapshot));
            match Holding::of(streams) {
                Holding::InSync => sync.in_sync += 1,
                Holding::Rejecting(_) => sync.rejecting += 1,
                Holding::Waiting(_) => sync.waiting += 1,
                Holding::Behind(_) => {}
            }
        }
        (sync, acked)
    }

    /// The nodes that get these fleets and are not in sync, those that reject something first; no fleets: of all nodes.
    pub(super) fn lagging(&self, fleets: &[String], config: &Config) -> Vec<pb::Lagging> {
        let mut lagging: Vec<(bool, pb::Lagging)> = Vec::new();
        for streams in self.iter().filter(|streams| belongs(streams, fleets, config)) {
            let (calm, reason) = match Holding::of(streams) {
                Holding::InSync => continue,
                Holding::Rejecting(reason) => (false, reason),
                Holding::Waiting(reason) | Holding::Behind(reason) => (true, reason),
            };
            let Some(node) = streams.first().map(|stream| &stream.node) else { continue };
            lagging.push((calm, pb::Lagging { node: node.id.clone(), cluster: node.cluster.clone(), reason }));
        }
        lagging.sort_by_key(|(calm, _)| *calm);
        lagging.into_iter().take(LAGGING_MAX).map(|(_, lagging)| lagging).collect()
    }
}

fn belongs(streams: &[&StreamStatus], fleets: &[String], config: &Config) -> bool {
    fleets.is_empty() || streams.first().is_some_and(|stream| config.fleets_of(&stream.node).iter().any(|f| fleets.contains(f)))
}

/// One node from all its streams, of which there is at least one.
pub(super) fn node(streams: &[&StreamStatus], config: &Config) -> pb::Node {
    let Some(first) = streams.first() else { return pb::Node::default() };
    let node = &first.node;
    pb::Node {
        id: node.id.clone(),
        cluster: node.cluster.clone(),
        locality: Some(pb::Locality {
            region: node.locality.region.clone(),
            zone: node.locality.zone.clone(),
            sub_zone: node.locality.sub_zone.clone(),
        }),
        user_agent: node.user_agent.clone(),
        version: node.version.clone(),
        fleets: config.fleets_of(node).into_iter().collect(),
        in_sync: Holding::of(streams) == Holding::InSync,
        since: streams.iter().map(|stream| stream.since).min().map(timestamp),
        streams: streams.iter().map(|status| stream(status)).collect(),
    }
}

fn stream(status: &StreamStatus) -> pb::Stream {
    let variant = match status.variant {
        Variant::Sotw => pb::Variant::Sotw,
        Variant::Delta => pb::Variant::Delta,
    };
    pb::Stream {
        id: status.id,
        peer: status.peer.map(|peer| peer.to_string()).unwrap_or_default(),
        variant: variant.into(),
        aggregated: status.aggregated,
        since: Some(timestamp(status.since)),
        types: status.types.iter().map(|(kind, state)| type_state(*kind, state)).collect(),
    }
}

fn type_state(kind: Kind, state: &TypeStatus) -> pb::TypeState {
    pb::TypeState {
        r#type: kind.short().to_owned(),
        type_url: kind.type_url().to_owned(),
        sent: state.sent.as_ref().map(ToString::to_string).unwrap_or_default(),
        sent_at: state.sent_at.map(timestamp),
        acked: state.acked.as_ref().map(ToString::to_string).unwrap_or_default(),
        acked_at: state.acked_at.map(timestamp),
        rejected: state.rejected.as_deref().map(rejection),
        in_sync: state.in_sync,
        waiting: state.waiting.as_deref().unwrap_or_default().to_owned(),
        pushes: state.pushes,
        acks: state.acks,
        nacks: state.nacks,
    }
}

fn rejection(rejection: &Rejection) -> pb::Rejection {
    pb::Rejection {
        version: rejection.version.to_string(),
        text: rejection.message.clone(),
        resources: rejection.resources.iter().map(ToString::to_string).collect(),
        at: Some(timestamp(rejection.at)),
    }
}

/// Reads a page token: the length of the node's id, then its id and its cluster.
pub(super) fn read_token(token: &str) -> Option<(&str, &str)> {
    let (length, rest) = token.split_once(':')?;
    rest.split_at_checked(length.parse().ok()?)
}

/// The token of the page behind this node.
pub(super) fn write_token(node: &pb::Node) -> String {
    format!("{}:{}{}", node.id.len(), node.id, node.cluster)
}

/// The nodes of one page.
pub(super) fn page(nodes: &Nodes<'_>, config: &Config, size: usize, after: Option<(&str, &str)>) -> pb::ListNodesResponse {
    let mut behind = nodes.behind(after);
    let page: Vec<pb::Node> = behind.by_ref().take(size).map(|streams| node(streams, config)).collect();
    let next = if behind.next().is_some() { page.last().map(write_token) } else { None };
    pb::ListNodesResponse { nodes: page, next_page_token: next.unwrap_or_default(), total: count(nodes.len()) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::model::{Fleet, Node};
    use crate::snapshot::Version;

    fn stream_of(id: u64, node: &str, kind: Kind, state: TypeStatus) -> StreamStatus {
        StreamStatus {
            id,
            node: Arc::new(Node { id: node.into(), cluster: "edge".into(), ..Node::default() }),
            peer: Some("127.0.0.1:4711".parse().unwrap()),
            variant: Variant::Delta,
            aggregated: false,
            since: Timestamp::from_second(100 + i64::try_from(id).unwrap()).unwrap(),
            acked: None,
            types: crate::xds::ByKind::from_iter([(kind, state)]),
        }
    }

    fn synced() -> TypeStatus {
        TypeStatus { in_sync: true, ..TypeStatus::default() }
    }

    fn rejecting() -> TypeStatus {
        let rejection = Rejection {
            version: Version::told("abc"),
            message: "no such cluster".into(),
            resources: vec!["tidegate".into()],
            at: Timestamp::UNIX_EPOCH,
        };
        TypeStatus { rejected: Some(Box::new(rejection)), nacks: 1, ..TypeStatus::default() }
    }

    #[test]
    fn streams_of_one_envoy_are_one_node() {
        let streams = [stream_of(2, "a", Kind::Route, synced()), stream_of(1, "a", Kind::Cluster, synced())];
        let page = page(&Nodes::of(&streams), &Config::default(), 10, None);
        assert_eq!((page.total, page.nodes.len(), page.nodes[0].streams.len()), (1, 1, 2));
        assert!(page.nodes[0].in_sync);
        assert_eq!(page.nodes[0].since.unwrap().seconds, 101);
    }

    #[test]
    fn one_stream_out_of_sync_is_a_node_out_of_sync() {
        let streams = [stream_of(1, "a", Kind::Cluster, synced()), stream_of(2, "a", Kind::Route, rejecting())];
        let nodes = Nodes::of(&streams);
        assert_eq!(nodes.sync(&[], 0, &Config::default()).0, pb::Sync { nodes: 1, in_sync: 0, rejecting: 1, waiting: 0 });
        assert_eq!(nodes.lagging(&[], &Config::default())[0].reason, "RDS rejected: no such cluster");
    }

    #[test]
    fn a_node_without_subscriptions_is_not_in_sync() {
        let mut stream = stream_of(1, "a", Kind::Cluster, synced());
        stream.types = crate::xds::ByKind::default();
        assert_eq!(Nodes::of(&[stream]).lagging(&[], &Config::default())[0].reason, "has not subscribed to anything yet");
    }

    #[test]
    fn a_node_whose_clusters_drain_is_in_sync() {
        let draining = |in_sync| TypeStatus { waiting: Some("draining checkout/v1".into()), in_sync, ..TypeStatus::default() };
        let streams = [stream_of(1, "a", Kind::Cluster, draining(true)), stream_of(2, "a", Kind::Route, synced())];
        let nodes = Nodes::of(&streams);
        assert_eq!(nodes.sync(&[], 0, &Config::default()).0, pb::Sync { nodes: 1, in_sync: 1, rejecting: 0, waiting: 0 });
        assert_eq!(nodes.lagging(&[], &Config::default()), []);
        let page = page(&nodes, &Config::default(), 10, None);
        assert!(page.nodes[0].in_sync);
        let behind = [stream_of(1, "a", Kind::Cluster, draining(false))];
        assert_eq!(Nodes::of(&behind).lagging(&[], &Config::default())[0].reason, "CDS not acknowledged yet");
    }

    #[test]
    fn rejecting_nodes_are_named_first() {
        let waiting = TypeStatus { waiting: Some("clusters checkout/v2".into()), ..TypeStatus::default() };
        let streams = [stream_of(1, "a", Kind::Route, waiting), stream_of(2, "b", Kind::Route, rejecting())];
        let named: Vec<String> =
            Nodes::of(&streams).lagging(&[], &Config::default()).into_iter().map(|lagging| lagging.node).collect();
        assert_eq!(named, ["b", "a"]);
    }

    #[test]
    fn a_service_for_a_fleet_counts_that_fleet_alone() {
        let streams = [stream_of(1, "edge-1", Kind::Route, synced()), stream_of(2, "side-1", Kind::Route, rejecting())];
        let fleet = Fleet { name: "edge".into(), node_id: Some("edge-*".into()), ..Fleet::default() };
        let config = Config { fleets: vec![fleet], ..Config::default() };
        let sync = Nodes::of(&streams).sync(&["edge".to_owned()], 0, &config).0;
        assert_eq!((sync.nodes, sync.in_sync), (1, 1));
    }

    #[test]
    fn a_node_has_a_snapshot_once_all_of_its_streams_have() {
        let stream = |id, name, acked| StreamStatus { acked: Some(acked), ..stream_of(id, name, Kind::Route, synced()) };
        let streams = [stream(1, "a", 7), stream(2, "a", 8), stream(3, "b", 9), stream_of(4, "c", Kind::Route, synced())];
        let acked = |snapshot| Nodes::of(&streams).sync(&[], snapshot, &Config::default()).1;
        assert_eq!([7, 8, 9, 10].map(acked), [2, 1, 1, 0]);
    }

    #[test]
    fn pages_join_without_gap_or_overlap() {
        let streams: Vec<StreamStatus> =
            ["a", "b", "c:1", "d", "e"].iter().zip(1..).map(|(name, id)| stream_of(id, name, Kind::Cluster, synced())).collect();
        let nodes = Nodes::of(&streams);
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let after = if token.is_empty() { None } else { read_token(&token) };
            let page = page(&nodes, &Config::default(), 2, after);
            seen.extend(page.nodes.into_iter().map(|node| node.id));
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, ["a", "b", "c:1", "d", "e"]);
    }

    #[test]
    fn foreign_tokens_are_refused() {
        for token in ["x", "99:abc", "-1:abc", "1:é"] {
            assert_eq!(read_token(token), None, "{token}");
        }
    }
}
