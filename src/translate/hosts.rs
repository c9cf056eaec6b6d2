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
        let key = |i: &usize| (std::cmp::Reverse(services[*i].path.len()), services[*i].service.as_str());
        in_order.sort_by(|a, b| key(a).cmp(&key(b)));
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
    pub fn len(&self) -> usize {
        self.on.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.on.is_empty()
    }

    /// Whether every host is a name: `*` and `*.example.com` are none.
    pub fn are_exact(&self) -> bool {
        self.on.keys().all(|host| is_exact(host))
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

/// Whether a host is a name, and not a pattern.
pub(super) fn is_exact(host: &str) -> bool {
    !host.starts_with('*')
}
