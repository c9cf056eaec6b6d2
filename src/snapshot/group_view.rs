//! The view of one group of nodes, and what the next one is made from.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::content::{Content, Group};
use super::edits::Edits;
use super::host::Host;
use super::layout::{Change, Layout};
use super::whole::Whole;
use super::{Kind, Resource, Transport, View};
use crate::model::Config;
use crate::translate;

/// The view of a group, and its parts, which the next generation goes on from.
#[derive(Debug, Clone, Default)]
pub(super) struct GroupView {
    view: Arc<View>,
    layout: Layout,
    /// `None` before the first generation.
    whole: Option<Whole>,
    listeners: Vec<Arc<Resource>>,
    config: Arc<Config>,
}

impl GroupView {
    /// What the group is served.
    pub fn view(&self) -> &Arc<View> {
        &self.view
    }

    /// The view of the same group in a content that differs from this one's by these changes.
    pub fn after(&self, changes: &[Change<'_>], group: &Group, content: &Content) -> GroupView {
        let (layout, concerned) = self.layout.after(changes);
        let old_whole = self.whole.clone().unwrap_or_default();
        let whole = old_whole.after(changes, &concerned, &self.layout, &layout);
        let listeners = self.listeners_after(&layout, group, content.config());
        let mut next =
            GroupView { view: self.view.clone(), layout, whole: Some(whole), listeners, config: content.config().clone() };
        let mut edits = Edits::default();
        self.list(&next, changes, &concerned, group.transport, &mut edits);
        // Clients without a proxy know the aggregated stream alone.
        if group.transport == Transport::Aggregated {
            self.list_on_request(&next, changes, &concerned, (group, content), &mut edits);
        }
        next.view = Arc::new(self.view.edited(&edits));
        next
    }

    /// The listeners, which depend on the configuration and on how many hosts there are.
    fn listeners_after(&self, layout: &Layout, group: &Group, config: &Arc<Config>) -> Vec<Arc<Resource>> {
        if Arc::ptr_eq(config, &self.config) && layout.count() == self.layout.count() {
            return self.listeners.clone();
        }
        let objects = translate::listeners(layout.count(), config, &group.fleets, group.scopes);
        objects.into_iter().map(|object| Arc::new(Resource::new(&group.transport.of(object)))).collect()
    }

    /// What everybody in the group gets: what is gone first, since it may have come back elsewhere.
    fn list(
        &self,
        next: &GroupView,
        changes: &[Change<'_>],
        concerned: &BTreeSet<String>,
        transport: Transport,
        edits: &mut Edits,
    ) {
        let of_services = |service: &dyn Fn(&Change<'_>) -> Option<Arc<super::Service>>| -> Vec<Arc<Resource>> {
            changes.iter().filter_map(service).flat_map(|service| service.resources(transport).to_vec()).collect()
        };
        let of_hosts = |layout: &Layout| -> Vec<Arc<Resource>> {
            concerned.iter().filter_map(|host| layout.get(host)).flat_map(|host| host.resources().to_vec()).collect()
        };
        let old = of_services(&|change| change.old.cloned());
        old.iter().chain(&of_hosts(&self.layout)).chain(&self.listeners).for_each(|resource| edits.unlist(resource));
        let new = of_services(&|change| change.new.cloned());
        let whole = next.whole.iter().map(Whole::resource);
        new.iter().chain(&of_hosts(&next.layout)).chain(&next.listeners).chain(whole).for_each(|resource| edits.list(resource));
    }

    /// What clients without a proxy ask for by name. A name is first a listener's that Envoys get, then a service's, then a host's.
    fn list_on_request(
        &self,
        next: &GroupView,
        changes: &[Change<'_>],
        concerned: &BTreeSet<String>,
        (group, content): (&Group, &Content),
        edits: &mut Edits,
    ) {
        let old = changes.iter().filter_map(|change| change.old).flat_map(|service| service.on_request());
        let new = changes.iter().filter_map(|change| change.new).flat_map(|service| service.on_request());
        let of_hosts =
            |layout: &Layout| -> Vec<Arc<Host>> { concerned.iter().filter_map(|host| layout.get(host)).cloned().collect() };
        let (old_hosts, new_hosts) = (of_hosts(&self.layout), of_hosts(&next.layout));
        let old = old.chain(old_hosts.iter().flat_map(|host| host.on_request()));
        let new = new.chain(new_hosts.iter().flat_map(|host| host.on_request()));
        let mut listeners: BTreeSet<Arc<str>> = BTreeSet::new();
        for (resource, there) in old.map(|old| (old, None)).chain(new.map(|new| (new, Some(new.clone())))) {
            if resource.kind == Kind::Listener {
                listeners.insert(resource.name.clone());
            } else {
                edits.on_request(resource.kind, &resource.name, there);
            }
        }
        listeners.extend(self.listeners.iter().chain(&next.listeners).map(|listener| listener.name.clone()));
        for name in listeners {
            edits.on_request(Kind::Listener, &name, next.listener_for(&name, group, content));
        }
    }

    /// The listener that a client without a proxy gets by that name.
    fn listener_for(&self, name: &str, group: &Group, content: &Content) -> Option<Arc<Resource>> {
        if self.listeners.iter().any(|listener| &*listener.name == name) {
            return None;
        }
        let of_service = group.service(content.services(), name).into_iter().flat_map(|service| service.on_request());
        let of_host = self.layout.get(name).into_iter().flat_map(|host| host.on_request());
        let mut all = of_service.chain(of_host);
        all.find(|resource| resource.kind == Kind::Listener && &*resource.name == name).cloned()
    }
}
