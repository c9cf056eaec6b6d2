//! Nodes that have just gone: they may be back in a moment, and meanwhile they serve what they had.
//!
//! A fleet of which a part is away is not complete, however well the rest of it does: a step that began without them would be one that
//! they have never heard of, and an endpoint that were taken down would still get their requests.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::snapshot::Node;
use crate::xds::Nodes;

/// How long a node is waited for. One that was disconnected tries again after a second at most, by the bootstrap that tidegate prints.
const PATIENCE: Duration = Duration::from_secs(3);

/// Nodes that were there, and those that are not any more.
#[derive(Debug, Default)]
pub(super) struct Away {
    /// By id and cluster.
    present: HashMap<(String, String), Arc<Node>>,
    gone: HashMap<(String, String), Gone>,
    /// Since when nodes of before the start are waited for.
    begun: Option<Instant>,
}

/// A node that has gone.
#[derive(Debug)]
pub(super) struct Gone {
    /// Which.
    pub node: Arc<Node>,
    since: Instant,
}

impl Away {
    /// Nodes may come that were there before the start, which is now.
    pub fn expect(&mut self, now: Instant) {
        self.begun = Some(now);
    }

    /// Whether nodes of before the start may still be on their way.
    pub fn expects(&self, now: Instant) -> bool {
        self.begun.is_some_and(|begun| now.saturating_duration_since(begun) < PATIENCE)
    }

    /// These are the nodes that are connected now.
    pub fn see(&mut self, nodes: &Nodes<'_>, now: Instant) {
        let key = |node: &Node| (node.id.clone(), node.cluster.clone());
        let present: HashMap<_, _> =
            nodes.iter().filter_map(|streams| streams.first()).map(|stream| (key(&stream.node), stream.node.clone())).collect();
        for (key, node) in self.present.drain().filter(|(key, _)| !present.contains_key(key)) {
            self.gone.entry(key).or_insert(Gone { node, since: now });
        }
        self.gone.retain(|key, gone| !present.contains_key(key) && now.saturating_duration_since(gone.since) < PATIENCE);
        self.present = present;
    }

    /// Those that have gone, and may be back.
    pub fn gone(&self) -> impl Iterator<Item = &Gone> {
        self.gone.values()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::xds::{ByKind, StreamStatus, Variant};

    fn stream(id: &str) -> StreamStatus {
        let node = Arc::new(Node { id: id.into(), ..Node::default() });
        let (variant, since) = (Variant::Delta, Timestamp::UNIX_EPOCH);
        StreamStatus { id: 1, node, peer: None, variant, aggregated: true, since, acked: None, types: ByKind::default() }
    }

    #[test]
    fn who_has_gone_is_waited_for_and_not_for_ever() {
        let (mut away, now) = (Away::default(), Instant::now());
        let ids = |away: &Away| away.gone().map(|gone| gone.node.id.clone()).collect::<Vec<_>>();
        let (both, one) = ([stream("a"), stream("b")], [stream("a")]);
        away.see(&Nodes::of(&both), now);
        assert!(ids(&away).is_empty());
        away.see(&Nodes::of(&one), now + PATIENCE);
        assert_eq!(ids(&away), ["b"], "since it was missed, and not since it was seen");
        away.see(&Nodes::of(&one), now + PATIENCE + PATIENCE / 2);
        assert_eq!(ids(&away), ["b"]);
        away.see(&Nodes::of(&one), now + PATIENCE * 2);
        assert!(ids(&away).is_empty());
    }

    #[test]
    fn who_is_back_is_waited_for_no_more() {
        let (mut away, now) = (Away::default(), Instant::now());
        let (both, one) = ([stream("a"), stream("b")], [stream("a")]);
        away.see(&Nodes::of(&both), now);
        away.see(&Nodes::of(&one), now);
        away.see(&Nodes::of(&both), now);
        assert_eq!(away.gone().count(), 0);
    }

    #[test]
    fn nodes_of_before_the_start_are_given_time_to_come() {
        let (mut away, now) = (Away::default(), Instant::now());
        assert!(!away.expects(now), "there were none");
        away.expect(now);
        assert!(away.expects(now + PATIENCE / 2) && !away.expects(now + PATIENCE));
    }
}
