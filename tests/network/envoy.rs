//! An Envoy: what it holds, what it says to what it is told, and what must hold whenever it has taken something in. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use envoy_types::pb::envoy::config::route::v3::{RouteConfiguration, route, route_action, weighted_cluster};
use envoy_types::pb::google::protobuf::Any;
use prost::Message as _;
use tidegate::snapshot::Kind;
use tidegate::xds::Variant;

use super::manner::{Given, Manner, News, Said};
use super::server::Site;

/// What it asks for.
pub const KINDS: [Kind; 3] = [Kind::Cluster, Kind::Endpoints, Kind::Route];

/// The RouteConfiguration that its listener leads to.
const ROUTES: &str = "tidegate";

/// What it holds, by kind and name, and what it has been through.
#[derive(Debug)]
pub struct Envoy {
    manner: Manner,
    held: BTreeMap<Kind, BTreeMap<String, Given>>,
    /// Clusters that have been told of their endpoints.
    warm: BTreeSet<String>,
    /// Clusters that its routes lead to.
    led_to: BTreeSet<String>,
    /// Nonce and version of the newest response of a kind, on this stream.
    last: BTreeMap<Kind, (String, String)>,
    /// On ADS, answers to clusters that wait until all are warm (`ClusterManagerImpl::updateClusterCounts`).
    withheld: Vec<Said>,
    nonces: BTreeSet<String>,
    faults: Vec<String>,
    pub resources: usize,
    pub connections: usize,
}

impl Envoy {
    /// One that holds nothing.
    pub fn new(manner: Manner) -> Envoy {
        Envoy {
            manner,
            held: BTreeMap::new(),
            warm: BTreeSet::new(),
            led_to: BTreeSet::new(),
            last: BTreeMap::new(),
            withheld: Vec::new(),
            nonces: BTreeSet::new(),
            faults: Vec::new(),
            resources: 0,
            connections: 0,
        }
    }

    /// How it speaks.
    pub fn manner(&self) -> Manner {
        self.manner
    }

    fn of(&self, kind: Kind) -> &BTreeMap<String, Given> {
        static NONE: BTreeMap<String, Given> = BTreeMap::new();
        self.held.get(&kind).unwrap_or(&NONE)
    }

    fn clusters(&self) -> BTreeSet<String> {
        self.of(Kind::Cluster).keys().cloned().collect()
    }

    /// Whether it holds that cluster.
    pub fn holds(&self, cluster: &str) -> bool {
        self.of(Kind::Cluster).contains_key(cluster)
    }

    /// Whether it holds just what it should.
    pub fn is_at(&self, site: &Site) -> bool {
        let view = site.view(self.manner.transport());
        KINDS.iter().all(|kind| {
            let there = view.of(*kind).iter().filter(|(name, _)| *kind != Kind::Route || name.as_ref() == ROUTES);
            let there =
                there.map(|(name, resource)| (name.to_string(), Any::decode(resource.any.clone()).expect("a resource").value));
            let held = self.of(*kind).iter().map(|(name, given)| (name.clone(), given.content.clone()));
            held.eq(there)
        })
    }

    /// What went wrong so far.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// It has connected: what it says first.
    pub fn begin(&mut self) -> Vec<Said> {
        self.connections += 1;
        self.last.clear();
        self.withheld.clear();
        self.nonces.clear();
        let used = KINDS.into_iter().filter(|kind| *kind == Kind::Cluster || self.has_begun());
        used.map(|kind| self.first(kind)).collect()
    }

    fn has_begun(&self) -> bool {
        self.held.contains_key(&Kind::Cluster)
    }

    fn names(&self, kind: Kind) -> Vec<String> {
        match kind {
            Kind::Endpoints => self.clusters().into_iter().collect(),
            Kind::Route => vec![ROUTES.to_owned()],
            _ => Vec::new(),
        }
    }

    /// A request for all that it wants of a kind, on what came last.
    fn ask(&self, kind: Kind) -> Said {
        let (nonce, version) = self.last.get(&kind).cloned().unwrap_or_default();
        let names = self.names(kind);
        Said { kind, node: None, nonce, version, names, more: Vec::new(), fewer: Vec::new(), held: Default::default() }
    }

    /// What is said first of a kind on a stream.
    fn first(&self, kind: Kind) -> Said {
        let held = self.of(kind).iter().map(|(name, given)| (name.clone(), given.version.clone())).collect();
        Said { more: self.names(kind), held, ..self.ask(kind) }
    }

    /// Takes a response; what is said to it.
    pub fn take(&mut self, news: News) -> Vec<Said> {
        let (kind, before, begun) = (news.kind, self.clusters(), self.has_begun());
        self.resources += news.given.len();
        self.last.insert(kind, (news.nonce.clone(), news.version.clone()));
        self.hold(news);
        let mut said = self.follow(&before);
        let mut answer = Said { more: Vec::new(), ..self.ask(kind) };
        if kind == Kind::Cluster && !self.manner.typed {
            answer.names = Vec::new();
            self.withheld.push(answer);
        } else {
            said.push(answer);
        }
        if self.clusters().is_subset(&self.warm) {
            said.append(&mut self.withheld);
        }
        if kind == Kind::Cluster && !begun {
            said.push(self.first(Kind::Route));
        }
        self.check(kind);
        said
    }

    fn hold(&mut self, news: News) {
        let kind = news.kind;
        let given: Vec<(String, Given)> = news.given.into_iter().map(|given| (own_name(kind, &given.content), given)).collect();
        let told = given.iter().map(|(name, _)| name.clone()).chain(news.removed.iter().cloned());
        let names: BTreeSet<String> = told.clone().collect();
        self.must(names.len() == told.count(), || format!("{kind:?}: a name twice"));
        self.must(given.iter().all(|(own, given)| given.name.as_ref().is_none_or(|name| name == own)), || {
            format!("{kind:?}: a false name")
        });
        let is_new = self.nonces.insert(news.nonce.clone());
        self.must(is_new, || format!("{kind:?}: the nonce {} again", news.nonce));
        if kind == Kind::Route {
            given.iter().filter(|(name, _)| name == ROUTES).for_each(|(_, routes)| self.led_to = led_to(&routes.content));
        }
        if kind == Kind::Endpoints {
            self.warm.extend(names);
        }
        let held = self.held.entry(kind).or_default();
        if kind.is_full_state() && self.manner.variant == Variant::Sotw {
            held.clear();
        }
        if kind == Kind::Cluster {
            news.removed.iter().for_each(|name| drop(held.remove(name)));
        }
        held.extend(given);
    }

    /// Endpoints are asked for as clusters come and go.
    fn follow(&mut self, before: &BTreeSet<String>) -> Vec<Said> {
        let now = self.clusters();
        if now == *before {
            return Vec::new();
        }
        let first = !self.held.contains_key(&Kind::Endpoints);
        self.held.entry(Kind::Endpoints).or_default().retain(|name, _| now.contains(name));
        self.warm.retain(|name| now.contains(name));
        let (more, fewer) = (now.difference(before).cloned().collect(), before.difference(&now).cloned().collect());
        let asked = self.ask(Kind::Endpoints);
        vec![if first { self.first(Kind::Endpoints) } else { Said { more, fewer, ..asked } }]
    }

    fn must(&mut self, good: bool, what: impl FnOnce() -> String) {
        if !good {
            self.faults.push(what());
        }
    }

    /// No route may lead to a cluster that is not there, or was never told of its endpoints.
    fn check(&mut self, after: Kind) {
        let clusters = self.clusters();
        let lost: Vec<&String> =
            self.led_to.iter().filter(|name| !clusters.contains(*name) || !self.warm.contains(*name)).collect();
        let (lost, warm) = (format!("{lost:?}"), lost.is_empty());
        self.must(warm, || format!("after {after:?} routes lead to {lost}"));
    }
}

fn own_name(kind: Kind, content: &[u8]) -> String {
    match kind {
        Kind::Cluster => Cluster::decode(content).expect("a cluster").name,
        Kind::Endpoints => ClusterLoadAssignment::decode(content).expect("endpoints").cluster_name,
        Kind::Route => RouteConfiguration::decode(content).expect("routes").name,
        other => panic!("{other:?} was not asked for"),
    }
}

/// Clusters that a RouteConfiguration leads to.
fn led_to(bytes: &[u8]) -> BTreeSet<String> {
    let routes = RouteConfiguration::decode(bytes).expect("routes");
    let actions = routes.virtual_hosts.into_iter().flat_map(|host| host.routes).filter_map(|route| route.action);
    let specifiers = actions.filter_map(|action| match action {
        route::Action::Route(action) => action.cluster_specifier,
        _ => None,
    });
    let name = |weighted: weighted_cluster::ClusterWeight| weighted.name;
    specifiers
        .flat_map(|specifier| match specifier {
            route_action::ClusterSpecifier::Cluster(name) => vec![name],
            route_action::ClusterSpecifier::WeightedClusters(weighted) => weighted.clusters.into_iter().map(name).collect(),
            _ => vec![],
        })
        .collect()
}
