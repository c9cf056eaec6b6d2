//! Which services answer on which host.

use std::collections::BTreeMap;

use super::ServiceObjects;

/// The services of a group of nodes, by host.
#[derive(Debug)]
pub struct Hosts<'a> {
    services: Vec<&'a ServiceObjects>,
    on: BTreeMap<&'a str, Vec<usize>>,
}

impl<'a> Hosts<'a> {
    /// Sorts services by their hosts. On each host those with the longest path come first: Envoy takes each host once only, so a host
    /// has the routes of all its services, and else the service with the shorter path would get the requests of both.
    pub fn new(services: &[&'a ServiceObjects]) -> Hosts<'a> {
        let mut in_order: Vec<usize> = (0..services.len()).collect();
        in_order.sort_by(|a, b| rank(services[*a]).cmp(&rank(services[*b])));
        let mut on: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for i in in_order {
            for host in &services[i].hosts {
                let there = on.entry(host.as_str()).or_default();
                // A host that a service names twice is one.
                if there.last() != Some(&i) {
                    there.push(i);
                }
            }
        }
        Hosts { services: services.to_vec(), on }
    }

    /// Each host, by name, and where its services stand among those given.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &[usize])> {
        self.on.iter().map(|(host, services)| (*host, services.as_slice()))
    }

    /// How many there are.
    pub fn count(&self) -> HostCount {
        self.on.keys().fold(HostCount::default(), |count, host| count.after(host, false, true))
    }

    /// The services at these places.
    pub(super) fn at(&self, places: &[usize]) -> Vec<&'a ServiceObjects> {
        places.iter().map(|i| self.services[*i]).collect()
    }

    /// All services.
    pub(super) fn services(&self) -> &[&'a ServiceObjects] {
        &self.services
    }
}

/// How many hosts a group of nodes has: what its listeners depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HostCount {
    /// All of them.
    pub all: usize,
    /// Those that are patterns, as `*` and `*.example.com`.
    pub patterns: usize,
}

impl HostCount {
    /// The count once a host is there, or is not, that was there before, or was not.
    pub fn after(self, host: &str, was_there: bool, is_there: bool) -> HostCount {
        let pattern = usize::from(!is_exact(host));
        let change = |count: usize, by: usize| count + by * usize::from(is_there) - by * usize::from(was_there);
        HostCount { all: change(self.all, 1), patterns: change(self.patterns, pattern) }
    }
}

/// Where a service stands among those of its host: those with the longest path come first.
pub fn rank(service: &ServiceObjects) -> (std::cmp::Reverse<usize>, &str) {
    (std::cmp::Reverse(service.path.len()), &service.service)
}

/// Whether a host is a name, and not a pattern.
pub(super) fn is_exact(host: &str) -> bool {
    !host.starts_with('*')
}
