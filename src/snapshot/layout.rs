//! Which services of a group of nodes lie on which host.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use imbl::OrdMap;

use super::Service;
use super::host::Host;
use crate::translate::{self, HostCount};

/// One service as it was and as it is, in so far as the group gets it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change<'a> {
    /// `None` if it is new.
    pub old: Option<&'a Arc<Service>>,
    /// `None` if it is gone.
    pub new: Option<&'a Arc<Service>>,
}

/// The hosts of a group, by name. Layouts of successive generations share what did not change.
#[derive(Debug, Clone, Default)]
pub(super) struct Layout {
    hosts: OrdMap<String, Arc<Host>>,
    count: HostCount,
}

impl Layout {
    /// The host of that name.
    pub fn get(&self, host: &str) -> Option<&Arc<Host>> {
        self.hosts.get(host)
    }

    /// How many there are.
    pub fn count(&self) -> HostCount {
        self.count
    }

    /// The layout after these changes, and the hosts that they concern.
    pub fn after(&self, changes: &[Change<'_>]) -> (Layout, BTreeSet<String>) {
        let mut layout = self.clone();
        let changed: BTreeSet<&str> = changes.iter().filter_map(|change| change.old).map(|old| old.name()).collect();
        let put = put_on(changes);
        for (host, new) in &put {
            let before = self.get(host);
            let kept = before.into_iter().flat_map(|before| before.services()).filter(|service| !changed.contains(service.name()));
            let mut services: Vec<Arc<Service>> = kept.chain(new.iter().copied()).cloned().collect();
            services.sort_by(|a, b| in_order(a, b));
            layout.put(host, services, before.map(Arc::as_ref));
        }
        (layout, put.into_keys().map(str::to_owned).collect())
    }

    fn put(&mut self, host: &str, services: Vec<Arc<Service>>, before: Option<&Host>) {
        let is_there = !services.is_empty();
        self.count = self.count.after(host, before.is_some(), is_there);
        if is_there {
            self.hosts.insert(host.to_owned(), Arc::new(Host::new(host, services, before)));
        } else {
            self.hosts.remove(host);
        }
    }

    /// The hosts on which the same services are as on this one, itself among them, by name: they share a virtual host.
    pub fn alike(&self, host: &str) -> BTreeSet<&str> {
        let Some(one) = self.get(host) else { return BTreeSet::new() };
        let same =
            |other: &Arc<Host>| one.services().iter().map(|one| one.name()).eq(other.services().iter().map(|other| other.name()));
        let candidates = one.services().iter().take(1).flat_map(|service| &service.objects().hosts).map(String::as_str);
        candidates.filter(|name| self.get(name).is_some_and(same)).collect()
    }
}

/// On each host that is concerned, the services that are new on it, each once.
fn put_on<'a>(changes: &[Change<'a>]) -> BTreeMap<&'a str, Vec<&'a Arc<Service>>> {
    let mut put: BTreeMap<&str, Vec<&Arc<Service>>> = BTreeMap::new();
    for change in changes {
        for host in change.old.iter().flat_map(|old| &old.objects().hosts) {
            put.entry(host).or_default();
        }
        for (new, host) in change.new.iter().flat_map(|new| new.objects().hosts.iter().map(move |host| (*new, host))) {
            let there = put.entry(host).or_default();
            // A host that a service names twice is one.
            if there.last().is_none_or(|last| !Arc::ptr_eq(last, new)) {
                there.push(new);
            }
        }
    }
    put
}

fn in_order(a: &Service, b: &Service) -> std::cmp::Ordering {
    translate::rank(a.objects()).cmp(&translate::rank(b.objects()))
}
