//! A generation as it is served: a view for every node.

use std::sync::Arc;

use super::content::{Content, Group};
use super::{Kind, Node, Refusal, Services, Shown, Transport, View};
use crate::model::Config;

/// The group of a node under one configuration.
#[derive(Debug, Clone)]
pub struct Membership {
    config: Arc<Config>,
    group: Group,
}

impl Membership {
    /// Whether it was found out under the configuration of this snapshot.
    pub fn is_of(&self, snapshot: &Snapshot) -> bool {
        Arc::ptr_eq(&self.config, snapshot.content.config())
    }
}

/// What all nodes are served in one generation. Views are made when the first node of a group asks, and shared by the group.
#[derive(Debug)]
pub struct Snapshot {
    generation: u64,
    content: Arc<Content>,
    /// What was served before, newest first: what a client may still hold that comes back.
    older: Vec<Arc<Content>>,
}

/// Generations that are remembered for clients that come back.
const REMEMBERED: usize = 4;

impl Snapshot {
    /// A snapshot of these services. Resources that are equal to those of `before` are shared with it.
    pub fn new(generation: u64, services: Services, config: Arc<Config>, before: Option<&Snapshot>) -> Snapshot {
        let older = before.iter().flat_map(|before| [&before.content].into_iter().chain(&before.older));
        let older = older.take(REMEMBERED).cloned().collect();
        Snapshot { generation, content: Arc::new(Content::new(services, config)), older }
    }

    /// Counts the generations since the start.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether whoever shows this may be served as that node.
    ///
    /// # Errors
    /// Why not.
    pub fn admits(&self, node: &Node, shown: Shown<'_>) -> Result<(), Refusal> {
        self.content.config().admits(node, shown)
    }

    /// What this node is served, connected like this.
    pub fn view(&self, node: &Node, transport: Transport) -> Arc<View> {
        self.content.view(&self.content.group(node, transport), self.older.first())
    }

    /// The group that a node belongs to, connected like this; to be asked for again when the configuration has changed.
    pub fn membership(&self, node: &Node, transport: Transport) -> Membership {
        Membership { config: self.content.config().clone(), group: self.content.group(node, transport) }
    }

    /// What this node is served. Its membership, found out before, is renewed if the configuration is not the same.
    pub fn view_of(&self, node: &Node, membership: &mut Membership) -> Arc<View> {
        if !membership.is_of(self) {
            *membership = self.membership(node, membership.group.transport);
        }
        self.content.view(&membership.group, self.older.first())
    }

    /// What this node was served before, if there was a time at which that version of a kind was all it had of it.
    pub fn view_told(&self, node: &Node, transport: Transport, kind: Kind, version: &str) -> Option<Arc<View>> {
        let views = self.older.iter().map(|content| content.view(&content.group(node, transport), None));
        views.into_iter().find(|view| view.of(kind).version().as_str() == version)
    }

    /// Makes the views that the snapshot before this one had, so that streams find them made when it is published.
    pub fn prepare(&self) {
        let before = self.older.first();
        let groups: Vec<Group> = before.map(|before| before.made().keys().cloned().collect()).unwrap_or_default();
        groups.iter().for_each(|group| drop(self.content.view(group, before)));
    }
}
