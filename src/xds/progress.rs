//! How far a fleet has come with one snapshot.

use std::sync::Arc;

use super::board::StreamStatus;
use super::nodes::{Holding, Nodes, rejections};
use crate::snapshot::Node;

/// Nodes that are named, of each sort.
const NAMED_MAX: usize = 20;

/// How far the nodes of a fleet have come with a snapshot: all have it, and take it, if `acked` is `nodes` and `rejects` is 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Nodes that there are.
    pub nodes: u32,
    /// Those that have acknowledged all of that snapshot, or of a newer one, but for what they reject.
    pub acked: u32,
    /// Those that reject something that matters, whether or not they have acknowledged all else.
    pub rejects: u32,
    /// Nodes that have not acknowledged it; the first twenty by id.
    pub waiting: Vec<Waiting>,
    /// Those that reject something that matters, and one thing that they do; the first twenty by id.
    pub rejecting: Vec<Rejecting>,
}

/// A node that has not acknowledged a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its id.
    pub node: String,
    /// What is missing, in words.
    pub why: String,
}

/// A node that rejects something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejecting {
    /// Its id.
    pub node: String,
    /// Its own words.
    pub message: String,
    /// Names that the rejected response carried; it does not say which of them it rejects.
    pub resources: Vec<Arc<str>>,
}

impl Progress {
    /// How far the nodes that are `concerned` have come with the snapshot of this generation. Of what they reject, only a response
    /// counts that carried a resource whose name `matters`.
    pub fn of(nodes: &Nodes<'_>, generation: u64, concerned: impl Fn(&Node) -> bool, matters: impl Fn(&str) -> bool) -> Progress {
        let mut progress = Progress::default();
        for streams in nodes.iter() {
            if let Some(stream) = streams.first().filter(|stream| concerned(&stream.node)) {
                progress.add(&stream.node.id, streams, generation, &matters);
            }
        }
        progress
    }

    fn add(&mut self, node: &str, streams: &[&StreamStatus], generation: u64, matters: impl Fn(&str) -> bool) {
        self.nodes += 1;
        if acked(streams) >= Some(generation) {
            self.acked += 1;
        } else if self.waiting.len() < NAMED_MAX {
            self.waiting.push(Waiting { node: node.to_owned(), why: why(streams) });
        }
        let mut rejected = rejections(streams).map(|(_, rejection)| rejection);
        let Some(rejection) = rejected.find(|rejection| rejection.resources.iter().any(|name| matters(name))) else { return };
        self.rejects += 1;
        if self.rejecting.len() < NAMED_MAX {
            let (message, resources) = (rejection.message.clone(), rejection.resources.clone());
            self.rejecting.push(Rejecting { node: node.to_owned(), message, resources });
        }
    }
}

/// The newest generation of which a node has acknowledged everything, on each of its streams, but for what it rejects; `None` if it has
/// acknowledged none.
pub fn acked(streams: &[&StreamStatus]) -> Option<u64> {
    streams.iter().map(|stream| stream.acked).min().flatten()
}

/// Why a node has not acknowledged something that there is.
fn why(streams: &[&StreamStatus]) -> String {
    if streams.iter().any(|stream| stream.types.is_empty()) {
        return "has opened a stream and not subscribed to anything yet".to_owned();
    }
    match Holding::but_for_rejections(streams) {
        Holding::Waiting(why) | Holding::Behind(why) | Holding::Rejecting(why) => why,
        Holding::InSync => "has not been told yet".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::snapshot::{Kind, Version};
    use crate::xds::{ByKind, Rejection, TypeStatus, Variant};

    fn stream(node: &str, acked: Option<u64>, types: &[(Kind, TypeStatus)]) -> StreamStatus {
        StreamStatus {
            id: 1,
            node: Arc::new(Node { id: node.into(), ..Node::default() }),
            peer: None,
            variant: Variant::Delta,
            aggregated: false,
            since: Timestamp::UNIX_EPOCH,
            acked,
            types: ByKind::from_iter(types.iter().cloned()),
        }
    }

    fn synced() -> TypeStatus {
        TypeStatus { in_sync: true, ..TypeStatus::default() }
    }

    fn rejecting(name: &str) -> TypeStatus {
        let rejection = Rejection {
            version: Version::told("abc"),
            message: "no good".into(),
            resources: vec!["other".into(), name.into()],
            at: Timestamp::UNIX_EPOCH,
        };
        TypeStatus { rejected: Some(Box::new(rejection)), ..TypeStatus::default() }
    }

    fn whys(progress: &Progress) -> Vec<(&str, &str)> {
        progress.waiting.iter().map(|waiting| (waiting.node.as_str(), waiting.why.as_str())).collect()
    }

    #[test]
    fn a_node_has_what_all_of_its_streams_have() {
        let streams = [
            stream("a", Some(7), &[(Kind::Cluster, synced())]),
            stream("a", Some(9), &[(Kind::Route, synced())]),
            stream("b", Some(8), &[(Kind::Cluster, synced())]),
            stream("b", Some(8), &[(Kind::Route, synced())]),
            stream("c", Some(9), &[(Kind::Cluster, synced())]),
            stream("c", None, &[]),
        ];
        let progress = Progress::of(&Nodes::of(&streams), 8, |_| true, |_| true);
        assert_eq!((progress.nodes, progress.acked, progress.rejects), (3, 1, 0));
        let silent = "has opened a stream and not subscribed to anything yet";
        assert_eq!(whys(&progress), [("a", "has not been told yet"), ("c", silent)]);
        assert_eq!(Progress::of(&Nodes::of(&streams), 7, |_| true, |_| true).acked, 2);
    }

    #[test]
    fn it_is_told_what_a_node_waits_for_and_not_what_it_rejects_besides() {
        let held = TypeStatus { waiting: Some("waits for the ACK of clusters s/2".into()), ..TypeStatus::default() };
        let streams = [
            stream("a", Some(1), &[(Kind::Cluster, rejecting("s/1")), (Kind::Route, held)]),
            stream("b", Some(1), &[(Kind::Cluster, rejecting("s/1")), (Kind::Route, TypeStatus::default())]),
        ];
        let progress = Progress::of(&Nodes::of(&streams), 2, |_| true, |_| false);
        assert_eq!(whys(&progress), [("a", "RDS waits for the ACK of clusters s/2"), ("b", "RDS not acknowledged yet")]);
    }

    #[test]
    fn a_rejection_counts_if_a_name_in_it_matters_and_beside_what_was_acknowledged() {
        let streams = [
            stream("a", Some(2), &[(Kind::Cluster, rejecting("s/1"))]),
            stream("b", Some(2), &[(Kind::Cluster, rejecting("t/1"))]),
        ];
        let progress = Progress::of(&Nodes::of(&streams), 2, |_| true, |name| name.starts_with("s/"));
        assert_eq!((progress.acked, progress.rejects, whys(&progress)), (2, 1, vec![]));
        let resources = vec!["other".into(), "s/1".into()];
        assert_eq!(progress.rejecting, [Rejecting { node: "a".into(), message: "no good".into(), resources }]);
    }

    #[test]
    fn other_nodes_are_not_asked_and_not_all_are_named() {
        let streams: Vec<StreamStatus> =
            (0..50).map(|at| stream(&format!("n{at:02}"), None, &[(Kind::Cluster, rejecting("s/1"))])).collect();
        let progress = Progress::of(&Nodes::of(&streams), 1, |node| node.id.as_str() >= "n10", |_| true);
        assert_eq!((progress.nodes, progress.acked, progress.rejects), (40, 0, 40));
        let named = (progress.waiting[0].node.as_str(), progress.waiting.len(), progress.rejecting.len());
        assert_eq!(named, ("n10", NAMED_MAX, NAMED_MAX));
    }
}
