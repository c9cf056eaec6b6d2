//! Make before break, gated by one node's own acknowledgements.
//!
//! The order in which a node's types may change, worked out anew from what the node holds whenever something happens; there is no
//! sequence that could be left half-way, so a change that arrives in the middle of another is merged by nature.
//!
//! - A route or listener that leads to a cluster waits until the node acknowledged that cluster. Envoy withholds the ACK of CDS
//!   until its clusters are warm (`ClusterManagerImpl::updateClusterCounts`), so the ACK means that traffic can flow.
//!   That holds on the aggregated stream alone; on typed services Envoy answers CDS at once, and the ACK of the cluster's endpoints
//!   has to be waited for as well.
//! - A cluster that is wanted no more stays, with its endpoints, while any route the node may be using leads to it, and then for
//!   the drain time, so that requests in flight end where they began.
//! - A RouteConfiguration that is wanted no more stays until the node has acknowledged that no listener or scope leads to it: what is
//!   known of the routes it may be using must not end before their use does.
//! - EDS never waits for the ACK of CDS: Envoy needs the endpoints to give it.
//!
//! A NACK stops the sequence where it is. A node that does not answer stops it for the warm timeout.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::channel::Channel;
use super::channels::Channels;
use super::kinds::Kinds;
use super::ledger::{Held, State};
use super::subscription::Name;
use crate::snapshot::{Kind, Resource, Version, View};

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// A response that is not answered for so long no longer holds back the next of its type.
    pub patience: Duration,
    /// Routes wait so long for the ACK of clusters, then go out without it.
    pub warm_timeout: Duration,
    /// A cluster stays so long after the last route to it was dropped.
    pub drain: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Timing { patience: Duration::from_secs(2), warm_timeout: Duration::from_secs(20), drain: Duration::from_secs(30) }
    }
}

/// No names.
static NONE: BTreeSet<Name> = BTreeSet::new();

/// What one node may be brought to, and when to think again.
#[derive(Debug, Default)]
pub struct Sequence {
    /// The node is on typed services, where the ACK of a cluster does not mean that it is warm.
    typed: bool,
    /// On typed services: it has asked for clusters, so routes wait for them also while that stream is opened anew.
    asks_for_clusters: bool,
    times_forced: u64,
    opened: Option<Instant>,
    wake_at: Option<Instant>,
    /// `None` while nothing waits and nothing is to go, as it is most of the time with most nodes.
    stays: Option<Box<Stays>>,
}

/// What stays as a node has it.
#[derive(Debug, Default)]
struct Stays {
    keep: BTreeMap<Kind, BTreeSet<Name>>,
    /// Those of them that go on when the node has answered for clusters; the others that lead to clusters lead to rejected ones.
    waits: BTreeMap<Kind, BTreeSet<Name>>,
    /// Clusters that are wanted no more, and since when no route leads to them.
    retiring: BTreeMap<Name, Option<Instant>>,
    gate: Gate,
}

impl Stays {
    fn is_empty(&self) -> bool {
        let none = |names: &BTreeMap<Kind, BTreeSet<Name>>| names.values().all(BTreeSet::is_empty);
        none(&self.keep) && none(&self.waits) && self.retiring.is_empty() && self.gate.cold.is_empty() && !self.gate.forced
    }
}

static NOTHING: Stays = Stays {
    keep: BTreeMap::new(),
    waits: BTreeMap::new(),
    retiring: BTreeMap::new(),
    gate: Gate { cold: BTreeMap::new(), forced: false },
};

/// The gate in front of routes and listeners: what it waits for.
#[derive(Debug, Default)]
struct Gate {
    /// Clusters that are not warm, in which version, and since when they are waited for.
    cold: BTreeMap<Name, (Version, Instant)>,
    /// Some of them have had their time: routes to them are let through.
    forced: bool,
}

impl Sequence {
    /// The order for a node on typed services.
    pub fn typed() -> Sequence {
        Sequence { typed: true, ..Sequence::default() }
    }

    /// Whether the node is on typed services.
    pub fn is_typed(&self) -> bool {
        self.typed
    }

    /// The node asks for all clusters on one of its streams.
    pub fn hear_of_clusters(&mut self) {
        self.asks_for_clusters = self.typed;
    }

    /// Names of a kind that stay as the node has them.
    pub fn keep(&self, kind: Kind) -> &BTreeSet<Name> {
        self.stays().keep.get(&kind).unwrap_or(&NONE)
    }

    /// Names of a kind that stay as the node has them until it has answered for the clusters that they lead to. What leads to a cluster
    /// that it has rejected is not among them, unless it leads to others, too.
    pub fn waits(&self, kind: Kind) -> &BTreeSet<Name> {
        self.stays().waits.get(&kind).unwrap_or(&NONE)
    }

    /// Whether names of a kind wait for a cluster that is to come instead of a rejected one.
    pub fn puts_aside(&self, kind: Kind) -> bool {
        self.keep(kind).len() > self.waits(kind).len()
    }

    /// When to think again although nothing happens.
    pub fn wake_at(&self) -> Option<Instant> {
        self.wake_at
    }

    /// Clusters whose ACK routes wait for.
    pub fn waits_for(&self) -> impl Iterator<Item = &Name> {
        self.stays().gate.cold.keys()
    }

    /// Clusters that are kept only until routes have left them and they have drained.
    pub fn retiring(&self) -> impl Iterator<Item = &Name> {
        self.stays().retiring.keys()
    }

    /// Whether this cluster is kept only until then.
    pub fn is_retiring(&self, name: &str) -> bool {
        self.stays().retiring.contains_key(name)
    }

    /// How often routes were let through because the node did not answer for their clusters in time.
    pub fn times_forced(&self) -> u64 {
        self.times_forced
    }

    fn stays(&self) -> &Stays {
        self.stays.as_deref().unwrap_or(&NOTHING)
    }

    /// Works out what stays as it is. Returns the kinds for which that changed.
    pub fn refresh(&mut self, target: &View, channels: &Channels, timing: Timing, now: Instant) -> Kinds {
        self.opened.get_or_insert(now);
        self.wake_at = None;
        let settled = self.is_settled(channels);
        // So it is for most updates.
        if settled && self.stays.is_none() && knows_routes(channels) {
            return Kinds::default();
        }
        let stays = self.stays_mut();
        let (before, waited) = (std::mem::take(&mut stays.keep), std::mem::take(&mut stays.waits));
        if settled {
            stays.gate = Gate::default();
        } else {
            self.retire(target, channels, timing, now);
            self.shut_gate(target, channels, timing, now);
        }
        self.keep_routes(target, channels);
        self.stays = self.stays.take().filter(|stays| !stays.is_empty());
        let changed = |kind: &Kind| {
            before.get(kind).unwrap_or(&NONE) != self.keep(*kind) || waited.get(kind).unwrap_or(&NONE) != self.waits(*kind)
        };
        Kind::ALL.into_iter().filter(changed).collect()
    }

    fn stays_mut(&mut self) -> &mut Stays {
        self.stays.get_or_insert_default()
    }

    /// Whether every cluster of the target is acknowledged and no other is left: then nothing has to wait, and nothing to stay. So it
    /// is for most updates, which change shares alone, and they should not cost a look at every cluster.
    fn is_settled(&self, channels: &Channels) -> bool {
        !self.typed && self.stays().retiring.is_empty() && !channels.has_none(Kind::Cluster) && channels.are_in_sync(Kind::Cluster)
    }

    fn wake(&mut self, at: Instant) {
        self.wake_at = Some(self.wake_at.map_or(at, |other| other.min(at)));
    }

    fn retire(&mut self, target: &View, channels: &Channels, timing: Timing, now: Instant) {
        let unwanted = channels.of(Kind::Cluster).flat_map(|channel| channel.ledger().not_in(target.of(Kind::Cluster)));
        let unwanted: BTreeSet<Name> = unwanted.collect();
        if unwanted.is_empty() {
            self.stays_mut().retiring.clear();
            return;
        }
        let unknown = self.uses_unknown_routes(channels, timing, now);
        self.stays_mut().retiring.retain(|name, _| unwanted.contains(name));
        let mut keep = BTreeSet::new();
        for name in unwanted {
            let used = unknown || channels.of(Kind::Route).any(|routes| routes.ledger().may_refer_to(&name));
            let since = self.stays_mut().retiring.entry(name.clone()).or_default();
            *since = if used { None } else { Some(since.unwrap_or(now)) };
            let until = since.map(|since| since + timing.drain);
            if until.is_none_or(|until| now < until) {
                until.into_iter().for_each(|until| self.wake(until));
                keep.insert(name);
            }
        }
        let endpoints = keep.iter().filter(|name| target.of(Kind::Endpoints).get(name).is_none()).cloned().collect();
        self.stays_mut().keep.extend([(Kind::Endpoints, endpoints), (Kind::Cluster, keep)]);
    }

    /// Whether the node may be using routes that are not known here, because it reconnected and has not asked for routes yet.
    fn uses_unknown_routes(&mut self, channels: &Channels, timing: Timing, now: Instant) -> bool {
        let asked = channels.of(Kind::Route).any(|channel| !channel.ledger().is_empty());
        let brought = channels.of(Kind::Cluster).any(Channel::has_brought);
        let patience_ends = self.opened.unwrap_or(now) + timing.warm_timeout;
        // On typed services routes are asked for on many streams, and that one has come does not tell of the others.
        let unknown = brought && (self.typed || !asked) && now < patience_ends;
        if unknown {
            self.wake(patience_ends);
        }
        unknown
    }

    /// Keeps RouteConfigurations that are wanted no more while listeners or scopes that the node has may lead to them.
    fn keep_routes(&mut self, target: &View, channels: &Channels) {
        if self.keep(Kind::Listener).is_empty() && self.keep(Kind::ScopedRoute).is_empty() && knows_routes(channels) {
            return;
        }
        let held = channels.of(Kind::Route).flat_map(|channel| channel.ledger().not_in(target.of(Kind::Route)));
        let unwanted = held.filter(|name| target.of(Kind::Route).get_on_request(name).is_none());
        self.stays_mut().keep.entry(Kind::Route).or_default().extend(unwanted);
    }

    fn shut_gate(&mut self, target: &View, channels: &Channels, timing: Timing, now: Instant) {
        let before = std::mem::take(&mut self.stays_mut().gate);
        self.open_or_shut(&before, target, channels, timing, now);
        self.times_forced += u64::from(self.stays().gate.forced && !before.forced);
    }

    fn open_or_shut(&mut self, before: &Gate, target: &View, channels: &Channels, timing: Timing, now: Instant) {
        if !is_gated(channels) && !self.asks_for_clusters {
            return;
        }
        // A node without any routes has nothing to lose: a NACK holds it up no longer than silence does.
        let fresh = !channels.of(Kind::Route).any(Channel::has_history);
        for kind in [Kind::Listener, Kind::ScopedRoute, Kind::Route] {
            for (name, cold) in self.waiting(kind, target, channels) {
                let (mut shut, mut waits) = (false, false);
                for cluster in cold {
                    let since = before.cold.get(&cluster.name).filter(|(version, _)| *version == cluster.version);
                    let refused = !fresh && is_rejected(channels, &cluster.name);
                    // The wait is for an answer; a NACK is one, and after it only new content opens the gate.
                    let since = since.map(|(_, since)| *since).filter(|_| !refused).unwrap_or(now);
                    let until = since + timing.warm_timeout;
                    let expired = !refused && now >= until;
                    self.stays_mut().gate.forced |= expired;
                    shut |= !expired;
                    let stands = refused && stands_rejected(channels, cluster);
                    waits |= !(expired || stands);
                    if !expired && !refused {
                        self.wake(until);
                    }
                    self.stays_mut().gate.cold.insert(cluster.name.clone(), (cluster.version.clone(), since));
                }
                if waits {
                    self.stays_mut().waits.entry(kind).or_default().insert(name.clone());
                }
                if shut {
                    self.stays_mut().keep.entry(kind).or_default().insert(name);
                }
            }
        }
    }

    /// Names of a kind that are new to the node and lead to clusters that are not warm, with these.
    fn waiting<'a>(&self, kind: Kind, target: &'a View, channels: &Channels) -> Vec<(Name, Vec<&'a Arc<Resource>>)> {
        let mut waiting = Vec::new();
        for channel in channels.of(kind) {
            for name in channel.names(target.of(kind)) {
                let Some(resource) = target.of(kind).get(&name).filter(|_| channel.subscription().wants(&name)) else { continue };
                if channel.ledger().get(&name).is_some_and(|held| held.sent() == &resource.version && !held.is_removed()) {
                    continue;
                }
                let cold = self.cold_clusters(resource, target, channels);
                if !cold.is_empty() {
                    waiting.push((name, cold));
                }
            }
        }
        waiting
    }

    /// Clusters that a route, or a listener or scope through its routes, leads to and that are not warm in any version. A cluster that is
    /// not in the target will never come, so nobody waits for it.
    fn cold_clusters<'a>(&self, resource: &Resource, target: &'a View, channels: &Channels) -> Vec<&'a Arc<Resource>> {
        if resource.kind != Kind::Route {
            let routes = resource.refs.iter().filter_map(|name| target.of(Kind::Route).get(name));
            return routes.flat_map(|route| self.cold_clusters(route, target, channels)).collect();
        }
        let clusters = resource.refs.iter().filter_map(|name| target.of(Kind::Cluster).get(name));
        clusters.filter(|cluster| !self.is_warm(cluster, channels)).collect()
    }

    fn is_warm(&self, cluster: &Resource, channels: &Channels) -> bool {
        let endpoints = self.typed && !cluster.refs.iter().all(|name| in_use(channels, Kind::Endpoints, name));
        in_use(channels, Kind::Cluster, &cluster.name) && !endpoints
    }
}

/// Whether the node has all listeners and scopes that it should have, and so uses no other routes than it should.
fn knows_routes(channels: &Channels) -> bool {
    channels.are_in_sync(Kind::Listener) && channels.are_in_sync(Kind::ScopedRoute)
}

/// Whether the node uses some version of this resource.
fn in_use(channels: &Channels, kind: Kind, name: &str) -> bool {
    channels.of(kind).any(|channel| channel.ledger().get(name).is_some_and(Held::is_in_use))
}

fn is_rejected(channels: &Channels, cluster: &str) -> bool {
    channels.of(Kind::Cluster).any(|channel| channel.ledger().get(cluster).is_some_and(|held| held.state() == State::Rejected))
}

/// Whether it is just this version of a cluster that was rejected, so that nothing better is to come.
fn stands_rejected(channels: &Channels, cluster: &Resource) -> bool {
    let stands = |held: Held<'_>| held.state() == State::Rejected && held.sent() == &cluster.version;
    channels.of(Kind::Cluster).any(|channel| channel.ledger().get(&cluster.name).is_some_and(stands))
}

/// Whether routes wait for clusters. Who asks for clusters by name (gRPC does) learns of them from the routes, so routes cannot wait
/// for them. Who has not asked for clusters, and yet comes with routes from before or asks for endpoints, is an Envoy whose clusters
/// warm: it does not ask for more until they have.
fn is_gated(channels: &Channels) -> bool {
    let mut clusters = channels.of(Kind::Cluster).peekable();
    match clusters.peek() {
        Some(_) => clusters.any(|channel| channel.subscription().is_wildcard()),
        None => {
            channels.of(Kind::Route).any(Channel::has_brought) || channels.of(Kind::Endpoints).any(|c| !c.subscription().is_empty())
        }
    }
}
