//! The content of a generation, and what is made of it for each group of nodes.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use imbl::ordmap::DiffItem;

use super::group_view::GroupView;
use super::layout::Change;
use super::{Node, Service, Services, Transport, View};
use crate::model::{Config, ListenerRoutes};

/// A group of nodes that are served the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Group {
    /// The fleets that they are of.
    pub fleets: BTreeSet<String>,
    /// They can be given scoped routes.
    pub scopes: bool,
    /// How they are connected.
    pub transport: Transport,
}

impl Group {
    /// The service of that name, if the group gets it.
    pub fn service<'a>(&self, services: &'a Services, name: &str) -> Option<&'a Arc<Service>> {
        services.get(name).filter(|service| service.is_for(&self.fleets))
    }
}

/// The services and the configuration of a generation, and the views made of them.
#[derive(Debug)]
pub(super) struct Content {
    services: Services,
    config: Arc<Config>,
    views: Mutex<HashMap<Group, GroupView>>,
}

impl Content {
    /// Nothing is made yet.
    pub fn new(services: Services, config: Arc<Config>) -> Content {
        Content { services, config, views: Mutex::default() }
    }

    /// The services, by name.
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// The configuration.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// The group of a node.
    pub fn group(&self, node: &Node, transport: Transport) -> Group {
        // Nodes are told apart by what they take only if it can make a difference.
        let scoped = self.config.listeners.iter().any(|listener| listener.routes != ListenerRoutes::Single);
        Group { fleets: self.config.fleets_of(node), scopes: scoped && node.takes_scopes(), transport }
    }

    /// The views made so far.
    pub fn made(&self) -> MutexGuard<'_, HashMap<Group, GroupView>> {
        self.views.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// What a group is served; made if nobody of it has asked yet, from what it was served before.
    pub fn view(&self, group: &Group, before: Option<&Arc<Content>>) -> Arc<View> {
        let mut views = self.made();
        if let Some(made) = views.get(group) {
            return made.view().clone();
        }
        let old = before.and_then(|before| Some((before, before.made().get(group).cloned()?)));
        let made = match old {
            Some((before, old)) => old.after(&self.changes_since(before, group), group, self),
            None => GroupView::default().after(&self.changes_since(&Content::default(), group), group, self),
        };
        let view = made.view().clone();
        views.insert(group.clone(), made);
        view
    }

    /// The services that are not what they were, in so far as the group gets them. This costs what changed, and not what there is.
    fn changes_since<'a>(&'a self, before: &'a Content, group: &Group) -> Vec<Change<'a>> {
        let change = |item: DiffItem<'a, 'a, String, Arc<Service>>| match item {
            DiffItem::Add(_, new) => Change { old: None, new: Some(new) },
            DiffItem::Remove(_, old) => Change { old: Some(old), new: None },
            DiffItem::Update { old: (_, old), new: (_, new) } => Change { old: Some(old), new: Some(new) },
        };
        let meant = |service: Option<&'a Arc<Service>>| service.filter(|service| service.is_for(&group.fleets));
        let changes = before.services.diff(&self.services).map(change);
        let changes = changes.map(|change| Change { old: meant(change.old), new: meant(change.new) });
        changes.filter(|change| change.old.is_some() || change.new.is_some()).collect()
    }
}

impl Default for Content {
    /// Nothing.
    fn default() -> Content {
        Content::new(Services::new(), Arc::default())
    }
}
