//! Views that are made from those before, against views that are made from nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::tests::{all, config, service};
use super::*;
use crate::model::Config;
use crate::translate::{self, Object, ServiceObjects};

/// One name is a service's, too, and one a pattern.
const HOSTS: [&str; 5] = ["a.example.com", "b.example.com", "c.example.com", "s1", "*.example.com"];
/// One name is a listener's, too.
const SERVICES: [&str; 5] = ["s0", "s1", "s2", "http", "s-2"];
const LISTENERS: [&str; 4] = [
    "listeners: {}\n",
    "listeners: {http: {bind: \"127.0.0.1:80\"}}\n",
    "listeners: {http: {bind: \"127.0.0.1:80\", routes: scoped}, s1: {bind: \"127.0.0.1:81\"}}\n",
    "listeners: {s2: {bind: \"127.0.0.1:80\", fleets: [edge]}}\n",
];

/// What a service is to be from now on; `None` for gone. Hosts are bits.
type Step = (usize, Option<(u8, usize, u32, bool)>, usize);

fn step() -> impl Strategy<Value = Step> {
    (0..SERVICES.len(), proptest::option::weighted(0.8, (1..32_u8, 0..2_usize, 0..3_u32, any::<bool>())), 0..LISTENERS.len())
}

fn made(name: &str, (hosts, path, share, edge): (u8, usize, u32, bool)) -> Arc<Service> {
    let hosts: Vec<String> = (0..HOSTS.len()).filter(|i| hosts & (1 << i) != 0).map(|i| format!("\"{}\"", HOSTS[i])).collect();
    let (path, share, fleets) = (["/", "/deep"][path], share * 50, if edge { "fleets: [edge]\n" } else { "" });
    service(&format!(
        "service: {name}\nhosts: [{}]\npath: {path}\n{fleets}versions: {{v1: [\"127.0.1.11:80\"], v2: [\"127.0.1.12:80\"]}}\nstable: v1\n\
         split: {{v1: {}%, v2: {share}%}}\n",
        hosts.join(", "),
        100 - share
    ))
}

fn of(configuration: usize) -> Arc<Config> {
    config(&format!("fleets: {{edge: {{node_cluster: edge}}}}\n{}", LISTENERS[configuration]))
}

/// A node of each kind that is told apart.
fn nodes() -> Vec<(Node, Transport)> {
    let node = |cluster: &str, version: &str| Node { cluster: cluster.into(), version: version.into(), ..Node::default() };
    vec![
        (node("", "1.40.0"), Transport::Aggregated),
        (node("edge", "1.40.0"), Transport::Aggregated),
        (node("edge", "1.30.0"), Transport::Typed(XdsVariant::Delta)),
    ]
}

/// What translation gives a node, put together without views.
fn expected(services: &Services, config: &Config, node: &Node) -> (Vec<Object>, Vec<Object>) {
    let fleets = config.fleets_of(node);
    let meant: Vec<&ServiceObjects> =
        services.values().filter(|service| service.is_for(&fleets)).map(|service| service.objects()).collect();
    let own = meant.iter().flat_map(|service| service.objects.clone());
    (own.chain(translate::fleet(&meant, config, &fleets)).collect(), translate::proxyless(&meant, config, &fleets))
}

fn assert_holds(view: &View, (listed, on_request): &(Vec<Object>, Vec<Object>)) {
    let mut count: BTreeMap<Kind, usize> = BTreeMap::new();
    for object in listed {
        let resource = view.of(object.kind).get(&object.name).expect("what is listed");
        assert_eq!(**resource, Resource::new(object), "{}", object.name);
        *count.entry(object.kind).or_default() += 1;
    }
    for kind in Kind::ALL {
        assert_eq!(view.of(kind).len(), count.get(&kind).copied().unwrap_or_default(), "{kind:?}");
    }
    for object in on_request {
        let resource = view.of(object.kind).get_on_request(&object.name).expect("what is there on request");
        assert_eq!(**resource, Resource::new(object), "{}", object.name);
    }
}

/// What follows from a view is what would be found by looking at all of it.
fn assert_follows(before: &View, after: &View) {
    for kind in Kind::ALL {
        let (old, new) = (before.of(kind), after.of(kind));
        let names: BTreeSet<Arc<str>> = new.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(**new.names(), names);
        let both: BTreeSet<&Arc<str>> = old.iter().chain(new.iter()).map(|(name, _)| name).collect();
        let version = |view: &TypeView, name: &str| view.get(name).map(|resource| resource.version.clone());
        let changed: Vec<Arc<str>> = both.into_iter().filter(|name| version(old, name) != version(new, name)).cloned().collect();
        assert_eq!(*new.changes_since(old), *changed);
        let targets: BTreeSet<&Arc<str>> = old.iter().chain(new.iter()).flat_map(|(_, resource)| resource.refs.iter()).collect();
        for target in targets {
            let referrers: Vec<Arc<str>> =
                new.iter().filter(|(_, resource)| resource.refs.contains(target)).map(|(name, _)| name.clone()).collect();
            assert_eq!(new.referrers(target), referrers);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_view_is_the_same_whatever_was_before(steps in proptest::collection::vec(step(), 1..10)) {
        let (mut services, mut before): (Services, Option<Snapshot>) = (all(vec![]), None);
        let mut configuration = (usize::MAX, Arc::default());
        for (place, to, number) in steps {
            match to {
                Some(to) => drop(services.insert(SERVICES[place].to_owned(), made(SERVICES[place], to))),
                None => drop(services.remove(SERVICES[place])),
            }
            if configuration.0 != number {
                configuration = (number, of(number));
            }
            let config = &configuration.1;
            let after = Snapshot::new(1, services.clone(), config.clone(), before.as_ref());
            let alone = Snapshot::new(1, services.clone(), config.clone(), None);
            for (node, transport) in nodes() {
                let (made, scratch) = (after.view(&node, transport), alone.view(&node, transport));
                prop_assert_eq!(&*made, &*scratch);
                if transport == Transport::Aggregated {
                    assert_holds(&made, &expected(&services, config, &node));
                }
                let old = before.as_ref().map(|before| before.view(&node, transport)).unwrap_or_default();
                assert_follows(&old, &made);
            }
            before = Some(after);
        }
    }
}
