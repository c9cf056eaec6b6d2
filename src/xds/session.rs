//! One node's conversation with the server: requests in, responses out, no I/O and no clock.
//!
//! A session has the channels of one ADS stream, or of all the typed streams that a node opens on one connection; the order of
//! types is the node's affair and not a stream's. The driver tells it of requests, targets and the time, and asks what to send.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::board::Variant;
use super::channel::{Channel, Heard, Wanted};
use super::channels::Channels;
use super::kinds::Kinds;
use super::ledger::Carried;
use super::parted::Parted;
use super::request::{DeltaRequest, Request, Response};
use super::sequence::{Sequence, Timing};
use super::subscription::Name;
use crate::snapshot::{Kind, Resource, Serial, View};

/// The conversation with one node.
#[derive(Debug)]
pub struct Session {
    timing: Arc<Timing>,
    target: Arc<View>,
    channels: Channels,
    sequence: Sequence,
    /// Endpoints of clusters that the node still has and that left the target, perhaps before it could ask for them.
    spare: BTreeMap<Name, Arc<Resource>>,
    /// Something happened since the order was last worked out.
    unsettled: bool,
    /// Something happened that may let other streams of the node go on.
    ring: bool,
    /// The stream that was polled last had nothing to be sent, and will not have before that time, unless something happens.
    idle: Option<(u64, Option<Instant>)>,
    /// Types with which something happened since they had nothing to be sent.
    stirred: Kinds,
    /// Streams that ended, of several.
    parted: Parted,
}

impl Session {
    /// A session with a node that should have `target`, which is of this generation.
    pub fn new(target: Arc<View>, generation: u64, timing: impl Into<Arc<Timing>>) -> Session {
        Session {
            timing: timing.into(),
            target,
            channels: Channels::new(generation),
            sequence: Sequence::default(),
            spare: BTreeMap::new(),
            unsettled: false,
            ring: false,
            idle: None,
            stirred: Kinds::default(),
            parted: Parted::default(),
        }
    }

    /// As `new`, for a node on typed services.
    pub fn typed(target: Arc<View>, generation: u64, timing: impl Into<Arc<Timing>>) -> Session {
        Session { sequence: Sequence::typed(), ..Session::new(target, generation, timing) }
    }

    /// What the node should have changed, or did not change: a new generation, after which no older one counts, as streams of a node
    /// hear of them one after the other. A change that comes while another is under way takes its place.
    pub fn retarget(&mut self, target: Arc<View>, generation: u64) {
        if generation < self.channels.generation() {
            return;
        }
        let before = std::mem::replace(&mut self.target, target);
        for kind in Kind::ALL {
            // What was put aside may wait for something that has come now.
            if !Arc::ptr_eq(before.of(kind), self.target.of(kind)) || self.sequence.puts_aside(kind) {
                self.channels.change_all(kind, Channel::touch);
                self.stir(kind);
            }
        }
        self.channels.reach(generation);
        if !Arc::ptr_eq(before.of(Kind::Endpoints), self.target.of(Kind::Endpoints)) {
            self.keep_endpoints_of(&before);
        }
    }

    /// Something happened with a type: all is to be worked out anew.
    fn stir(&mut self, kind: Kind) {
        self.stirred.insert(kind);
        (self.unsettled, self.idle) = (true, None);
    }

    /// A request came on a stream.
    pub fn on_request(&mut self, stream: u64, kind: Kind, request: &Request, now: Instant) -> Heard {
        let variant = match request {
            Request::Sotw(_) => Variant::Sotw,
            Request::Delta(_) => Variant::Delta,
        };
        let warming = kind == Kind::Endpoints && !self.has_unpaused_clusters(stream);
        let parted = match request {
            Request::Sotw(request) if kind == Kind::Cluster && self.channels.get(kind, stream).is_none() => {
                self.parted.take(&request.version)
            }
            _ => None,
        };
        let (first, all, heard) = self.channels.make_or_change(
            kind,
            stream,
            || Channel::new(kind, variant),
            |channel| {
                let first = !channel.is_open();
                let heard = channel.on_request(request, self.target.of(kind), warming, now);
                if let Some(ledger) = parted {
                    channel.adopt(ledger);
                }
                (first, channel.subscription().is_wildcard(), heard)
            },
        );
        if kind == Kind::Cluster && all {
            self.sequence.hear_of_clusters();
        }
        self.stir(kind);
        if first && kind == Kind::Endpoints {
            self.owe_endpoints_of_open_clusters();
        }
        heard
    }

    /// Clusters that went out before endpoints were asked for, and were not acknowledged: they warm.
    fn owe_endpoints_of_open_clusters(&mut self) {
        let open: Vec<Carried> = self.channels.of(Kind::Cluster).map(|channel| channel.ledger().unanswered()).collect();
        open.iter().for_each(|clusters| self.owe_endpoints(clusters));
    }

    /// Whether the client has asked for clusters on this stream. Envoy does not, also not on a new stream, while any cluster warms
    /// (`ClusterManagerImpl::ClusterManagerInitHelper` pauses CDS); so if it has, it does not wait for endpoints that it has already.
    fn has_unpaused_clusters(&self, stream: u64) -> bool {
        self.channels.get(Kind::Cluster, stream).is_some()
    }

    /// A state-of-the-world client that reconnects told, on its first request of a type, a version that belonged to this view: so it
    /// holds that, and what it must not lose of it yet is kept.
    pub fn remember(&mut self, stream: u64, kind: Kind, old: &View) {
        if !matches!(kind, Kind::Cluster | Kind::Route) {
            return;
        }
        self.channels.change(kind, stream, |channel| channel.remember(old.of(kind)));
        self.keep_endpoints_of(old);
        self.stir(kind);
    }

    /// Endpoints that are wanted no more may be asked for while their clusters are kept.
    fn keep_endpoints_of(&mut self, old: &View) {
        let new = self.target.of(Kind::Endpoints);
        let gone = old.of(Kind::Endpoints).iter().filter(|(name, _)| new.get(name).is_none());
        self.spare.extend(gone.map(|(name, resource)| (name.clone(), resource.clone())));
        self.spare.retain(|name, _| new.get(name).is_none());
    }

    /// A delta request for a type that this server does not have: the names that it must be told do not exist, and a nonce for the
    /// answer. A client that got none would wait for each of them.
    pub fn on_foreign(&self, request: &DeltaRequest) -> Option<(u64, Vec<String>)> {
        if request.subscribe.is_empty() {
            return None;
        }
        Some((Serial::next().0, request.subscribe.clone()))
    }

    /// A stream ended.
    pub fn close(&mut self, stream: u64) {
        self.channels.remove(stream).for_each(|channel| self.parted.add(channel));
        Kind::ALL.into_iter().for_each(|kind| self.stir(kind));
    }

    /// The next response for a stream, if there is one to be sent now.
    pub fn poll(&mut self, stream: u64, now: Instant) -> Option<Response> {
        if self.idle.is_some_and(|(idle, until)| idle == stream && until.is_none_or(|until| now < until)) {
            return None;
        }
        self.idle = None;
        self.settle(now);
        let response = self.stirred.iter().find_map(|kind| self.poll_kind(kind, stream, now));
        if response.is_none() {
            self.stirred = self.stirred.and(self.channels.dirty());
            self.idle = Some((stream, self.next_wake(stream)));
        }
        response
    }

    /// When to poll again although nothing happens.
    pub fn wake_at(&self, stream: u64) -> Option<Instant> {
        match self.idle {
            Some((idle, until)) if idle == stream => until,
            _ => self.next_wake(stream),
        }
    }

    fn next_wake(&self, stream: u64) -> Option<Instant> {
        if self.stirred.is_empty() {
            return self.sequence.wake_at();
        }
        let channels = self.channels.on(stream).filter(|(kind, _)| self.stirred.contains(*kind));
        let patience = channels.filter_map(|(_, channel)| channel.wake_at(self.timing.patience));
        patience.chain(self.sequence.wake_at()).min()
    }

    /// What the node should have.
    pub fn target(&self) -> &Arc<View> {
        &self.target
    }

    /// The generation of that.
    pub fn generation(&self) -> u64 {
        self.channels.generation()
    }

    /// Whether other streams of the node should be polled, since this was last asked.
    pub fn take_ring(&mut self) -> bool {
        std::mem::take(&mut self.ring)
    }

    /// The channels of a stream, with their types.
    pub fn channels(&self, stream: u64) -> impl Iterator<Item = (Kind, &Channel)> {
        self.channels.on(stream)
    }

    /// The channel of a type on a stream.
    pub fn channel(&self, stream: u64, kind: Kind) -> Option<&Channel> {
        self.channels.get(kind, stream)
    }

    /// How the order of things stands.
    pub fn sequence(&self) -> &Sequence {
        &self.sequence
    }

    /// How many names are asked for on a stream, over all types.
    pub fn names_on(&self, stream: u64) -> usize {
        self.channels.on(stream).map(|(_, channel)| channel.subscription().names().len()).sum()
    }

    /// The newest generation of which the client has acknowledged everything on a stream: of each type that it asked for.
    pub fn acked(&self, stream: u64) -> Option<u64> {
        self.channels.on(stream).map(|(_, channel)| channel.acked(self.channels.generation())).min().flatten()
    }

    /// Why a type is held back, or what of it is draining, in words; `None` if neither is.
    pub fn waiting(&self, kind: Kind) -> Option<String> {
        if self.sequence.keep(kind).is_empty() {
            return None;
        }
        match kind {
            Kind::Route if self.sequence.waits_for().next().is_none() => {
                Some("keeps route configurations until the ACK that no scope leads to them".to_owned())
            }
            Kind::Listener | Kind::ScopedRoute | Kind::Route => {
                Some(format!("waits for the ACK of clusters {}", list(self.sequence.waits_for())))
            }
            Kind::Cluster => Some(format!("draining {}", list(self.sequence.retiring()))),
            _ => None,
        }
    }

    /// Whether a stream has everything it should have, and has said so. Clusters that only drain are no reason against it.
    pub fn is_in_sync(&self, stream: u64, kind: Kind) -> bool {
        let free = self.sequence.keep(kind).is_empty() || !is_gated(kind);
        free && self.channels.get(kind, stream).is_some_and(Channel::is_in_sync)
    }

    fn settle(&mut self, now: Instant) {
        let due = self.sequence.wake_at().is_some_and(|at| now >= at);
        if !self.unsettled && !due {
            return;
        }
        self.unsettled = false;
        for kind in self.stirred.iter() {
            self.channels.change_all(kind, |channel| channel.recognise(self.target.of(kind)));
        }
        let changed = self.sequence.refresh(&self.target, &self.channels, *self.timing, now);
        self.ring |= !changed.is_empty();
        self.spare.retain(|name, _| self.sequence.is_retiring(name));
        for kind in changed.iter() {
            self.channels.change_all(kind, Channel::touch);
            self.stirred.insert(kind);
        }
    }

    fn poll_kind(&mut self, kind: Kind, stream: u64, now: Instant) -> Option<Response> {
        static NONE: BTreeMap<Name, Arc<Resource>> = BTreeMap::new();
        let spare = if kind == Kind::Endpoints { &self.spare } else { &NONE };
        let wanted = Wanted {
            view: self.target.of(kind),
            generation: self.channels.generation(),
            keep: self.sequence.keep(kind),
            waits: self.sequence.waits(kind),
            spare,
        };
        let sent = self.channels.change(kind, stream, |channel| channel.poll(wanted, now, self.timing.patience))??;
        self.stir(kind);
        if let Some(clusters) = &sent.clusters {
            self.ring = true;
            self.owe_endpoints(clusters);
        }
        Some(sent.response)
    }

    /// The cluster of that name as it was sent: it may have left the target since.
    fn cluster_sent(&self, name: &str) -> Option<&Arc<Resource>> {
        self.channels.of(Kind::Cluster).find_map(|channel| channel.ledger().get(name)?.resource())
    }

    /// A cluster that is new or changed warms until it is given its endpoints, and an Envoy that subscribes to them already does
    /// not ask again: they follow unasked.
    fn owe_endpoints(&mut self, clusters: &Carried) {
        if self.channels.of(Kind::Endpoints).all(Channel::owes_all) {
            return;
        }
        let names: Vec<Name> = match clusters {
            Carried::Whole(view) => view.iter().flat_map(|(_, resource)| resource.refs.iter().cloned()).collect(),
            Carried::Names(names) => {
                names.iter().filter_map(|name| self.cluster_sent(name)).flat_map(|r| r.refs.iter().cloned()).collect()
            }
        };
        let typed = self.sequence.is_typed();
        self.channels.change_all(Kind::Endpoints, |channel| {
            if typed {
                // The stream may be that of a cluster which was there before and has gone: only its answer can tell.
                channel.doubt(&names);
            }
            if !channel.owes_all() {
                channel.owe(names.iter().cloned());
            }
        });
        self.stir(Kind::Endpoints);
    }
}

/// Whether a type waits for clusters to be warm.
fn is_gated(kind: Kind) -> bool {
    matches!(kind, Kind::Listener | Kind::ScopedRoute | Kind::Route)
}

/// At most three names, and how many more there are.
fn list<'a>(mut names: impl Iterator<Item = &'a Name>) -> String {
    let shown: Vec<&str> = names.by_ref().take(3).map(AsRef::as_ref).collect();
    match names.count() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
