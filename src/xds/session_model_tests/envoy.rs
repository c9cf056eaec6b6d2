//! Envoy's multiplexer, on ADS or on typed services, as far as it is known.
//!
//! On ADS the answer to clusters is withheld until all are warm, and clusters are not asked for on a new stream before that. Endpoint
//! subscriptions follow the clusters that are held, route subscriptions the scopes. A changed cluster that has its endpoints asks for
//! them again in delta, though it waits for them, and in state of the world repeats its list. Routes and endpoints that are told as
//! removed are kept. A NACK of clusters or listeners applies the good part of the response, any other nothing. While it is busy, what
//! it would ask for in delta is kept back, and then said with the next answer of that type. Of a type that it asks for no more a response
//! is answered by the old version and no error if there is something in it, else not at all (state of the world). A reconnect keeps what
//! is held. On typed services each cluster's endpoints and each RouteConfiguration have a stream.

mod saying;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::{TestCaseError, prop_assert};

use super::client::{Client, Held, Lane, Reading, Said};
use super::files::Files;
use crate::snapshot::{Kind, Resource, View};
use crate::xds::board::Variant;
use crate::xds::channel::nonce_text;
use crate::xds::request::{DeltaRequest, Request, Resources, Response, SotwRequest};
use crate::xds::subscription::Name;

/// Kinds in which it asks for names.
const NAMED: [Kind; 2] = [Kind::Endpoints, Kind::Route];

/// Kinds of which it applies the good part of what it rejects (`CdsApiHelper`, `LdsApiImpl`).
const BY_PARTS: [Kind; 2] = [Kind::Cluster, Kind::Listener];

/// What it can be made to want that is a cluster; all else are routes of that service.
const ON_DEMAND: u8 = 3;

/// What an Envoy holds and has said.
pub struct Envoy {
    variant: Variant,
    typed: bool,
    held: BTreeMap<Kind, Held>,
    asked: BTreeMap<Kind, BTreeSet<Name>>,
    /// RouteConfigurations that listeners of its own lead to.
    static_routes: BTreeSet<Name>,
    /// Clusters asked for by name, beside all that there are.
    on_demand: BTreeSet<Name>,
    /// All clusters have been warm once: since then it asks for listeners and routes.
    started: bool,
    /// Clusters that came new or changed and have not been given endpoints since.
    warming: BTreeSet<Name>,
    /// Clusters that need wait no longer: the server said that they have no endpoints, or the wait ended.
    waived: BTreeSet<Name>,
    /// Clusters that have been warm in some version.
    warm: BTreeSet<Name>,
    /// Endpoints and routes that it asks for and rejected: who rejects endpoints waits for others, and of routes no server knows whether
    /// some were taken all the same.
    refused: BTreeSet<Name>,
    /// Newest nonce of each lane on its stream.
    nonces: BTreeMap<Lane, String>,
    /// Version accepted last of each lane, on any stream.
    versions: BTreeMap<Lane, String>,
    /// Versions accepted last, by name, of the kinds of which it may hold something else: these it tells as it reconnects.
    accepted: BTreeMap<(Kind, Name), String>,
    /// What it asks for more, and no more, and has not said yet.
    kept_back: BTreeMap<Lane, (BTreeSet<Name>, BTreeSet<Name>)>,
    busy: bool,
    /// The answers to clusters that wait for them to be warm.
    withheld: Vec<Said>,
    /// Clusters warm, so they are not asked for on a new stream.
    paused: bool,
    /// Clusters that routes from before this connection lead to: no server can know that they must stay.
    excused: BTreeSet<Name>,
    /// Clusters and routes that came by this connection.
    seen: BTreeSet<(Kind, Name)>,
    /// Clusters that are not in what the server thinks was held before, or of routes that are not.
    unheard_of: BTreeSet<Name>,
    /// Kinds of which the server knows what was held before this connection.
    recognised: BTreeSet<Kind>,
    /// It came back without telling what it holds, so nobody tells it what is gone.
    untold: bool,
}

impl Envoy {
    /// An Envoy that holds nothing.
    pub fn new(variant: Variant, typed: bool) -> Envoy {
        Envoy {
            variant,
            typed,
            held: BTreeMap::new(),
            asked: BTreeMap::new(),
            static_routes: [Name::from("tidegate")].into(),
            on_demand: BTreeSet::new(),
            started: false,
            warming: BTreeSet::new(),
            waived: BTreeSet::new(),
            warm: BTreeSet::new(),
            refused: BTreeSet::new(),
            nonces: BTreeMap::new(),
            versions: BTreeMap::new(),
            accepted: BTreeMap::new(),
            kept_back: BTreeMap::new(),
            busy: false,
            withheld: Vec::new(),
            paused: false,
            excused: BTreeSet::new(),
            seen: BTreeSet::new(),
            unheard_of: BTreeSet::new(),
            recognised: BTreeSet::new(),
            untold: false,
        }
    }

    fn names(&self, kind: Kind) -> &BTreeSet<Name> {
        static NONE: BTreeSet<Name> = BTreeSet::new();
        self.asked.get(&kind).unwrap_or(&NONE)
    }

    /// The streams of a kind, or the parts of its one stream.
    fn lanes(&self, kind: Kind) -> Vec<Lane> {
        match self.typed && NAMED.contains(&kind) {
            true => self.names(kind).iter().map(|name| (kind, Some(name.clone()))).collect(),
            false => vec![(kind, None)],
        }
    }

    /// Clusters that its routes lead to.
    fn led_to(&self) -> impl Iterator<Item = &Name> {
        self.held(Kind::Route).values().flat_map(|route| route.refs.iter())
    }

    /// Clusters in a response that are not just as they were.
    fn news(&self, response: &Response) -> BTreeSet<Name> {
        let held = self.held(Kind::Cluster);
        let news = response.resources.iter().filter(|new| held.get(&new.name).is_none_or(|old| old.version != new.version));
        news.filter(|new| new.kind == Kind::Cluster).map(|new| new.name.clone()).collect()
    }

    fn take(&mut self, response: &Response, early: bool) {
        let kind = response.kind;
        let asked = self.names(kind).clone();
        self.warming.extend(self.news(response));
        let held = self.held.entry(kind).or_default();
        if self.variant == Variant::Sotw && kind.is_full_state() {
            held.clear();
        }
        if !NAMED.contains(&kind) {
            response.removed.iter().for_each(|name| drop(held.remove(name)));
        }
        // What nobody watches any more is read past.
        let watched = |name: &Name| !NAMED.contains(&kind) || asked.contains(name);
        for resource in response.resources.iter().filter(|resource| watched(&resource.name)) {
            held.insert(resource.name.clone(), resource.clone());
        }
        if NAMED.contains(&kind) {
            self.refused.retain(|name| !response.resources.iter().any(|resource| resource.name == *name));
        }
        if kind == Kind::Endpoints {
            let given: BTreeSet<Name> = response.resources.iter().map(|resource| resource.name.clone()).collect();
            self.warming.retain(|name| !given.contains(name) && !response.removed.contains(name));
            self.waived.extend(response.removed.iter().cloned());
            self.warm.extend(given.into_iter().chain(response.removed.iter().cloned()));
        }
        if early {
            self.excused.extend(response.resources.iter().flat_map(|route| route.refs.iter().cloned()));
        }
        self.seen.extend(response.resources.iter().map(|resource| (kind, resource.name.clone())));
        self.excuse_no_more();
    }

    /// What it tells of a response that it has taken as a whole, when it comes back.
    fn accept(&mut self, lane: &Lane, response: &Response) {
        self.versions.insert(lane.clone(), response.version.to_string());
        if BY_PARTS.contains(&response.kind) {
            let sent = response.resources.iter();
            self.accepted.extend(sent.map(|resource| ((response.kind, resource.name.clone()), resource.version.to_string())));
            response.removed.iter().for_each(|name| drop(self.accepted.remove(&(response.kind, name.clone()))));
        }
    }

    /// The part of a rejected response that is applied: all that is gone, and of the rest what is good. What it holds in place of
    /// something bad stays.
    fn good_part(&self, response: &Response, good: u8) -> Response {
        let held = self.held(response.kind);
        let parts = response.resources.iter().enumerate().filter_map(|(at, new)| match good >> (at % 8) & 1 {
            1 => Some(new),
            _ => held.get(&new.name),
        });
        Response { resources: Resources::Some(parts.cloned().collect()), ..response.clone() }
    }

    /// Takes a response, or of a rejected one what it takes all the same.
    fn apply(&mut self, lane: &Lane, response: &Response, early: bool, reject: Option<u8>) -> Vec<Said> {
        match reject {
            None => {
                let said = self.reopen(response);
                self.take(response, early);
                self.accept(lane, response);
                said
            }
            Some(good) if BY_PARTS.contains(&response.kind) => {
                let response = self.good_part(response, good);
                let said = self.reopen(&response);
                self.take(&response, early);
                said
            }
            Some(_) if NAMED.contains(&response.kind) => {
                self.refused.extend(response.resources.iter().map(|resource| resource.name.clone()));
                Vec::new()
            }
            Some(_) => Vec::new(),
        }
    }

    /// A response of a type that it asks for no more. `GrpcMuxImpl::onDiscoveryResponse`: without watches, a response that has
    /// something in it is answered by the version before, and none that is empty.
    fn read_past(&mut self, lane: &Lane, response: &Response) -> Vec<Said> {
        if response.resources.is_empty() {
            self.versions.insert(lane.clone(), response.version.to_string());
            return Vec::new();
        }
        vec![self.answer(lane, None)]
    }

    fn is_unwatched(&self, kind: Kind) -> bool {
        self.variant == Variant::Sotw && !self.typed && NAMED.contains(&kind) && self.names(kind).is_empty()
    }

    /// A cluster must stay as soon as it is warm, and the server has sent it, and all routes to it, on this connection.
    fn excuse_no_more(&mut self) {
        let excused = std::mem::take(&mut self.excused);
        let seen = |kind, name: &Name| self.seen.contains(&(kind, name.clone()));
        let is_left = |name: &Name| {
            let mut routes = self.held(Kind::Route).iter().filter(|(_, route)| route.refs.contains(name)).peekable();
            let is_warm = seen(Kind::Cluster, name) && self.warm.contains(name);
            routes.peek().is_some() && !(is_warm && routes.all(|(route, _)| seen(Kind::Route, route)))
        };
        let left = excused.into_iter().filter(is_left).collect();
        self.excused = left;
    }

    /// When all clusters have endpoints the withheld answers go out, and the first time listeners and routes are asked for.
    fn go_on_if_warm(&mut self) -> Vec<Said> {
        let clusters = self.held.entry(Kind::Cluster).or_default();
        self.warming.retain(|name| clusters.contains_key(name));
        if self.warming.iter().any(|name| !self.waived.contains(name)) {
            return Vec::new();
        }
        self.waived.clear();
        if std::mem::take(&mut self.paused) {
            return vec![self.first(&(Kind::Cluster, None), true)];
        }
        let mut said: Vec<Said> =
            std::mem::take(&mut self.withheld).into_iter().map(|answer| self.with_kept_back(answer)).collect();
        if !self.started && (self.typed || !said.is_empty()) {
            self.started = true;
            said.push(self.first(&(Kind::Listener, None), true));
            said.push(self.first(&(Kind::ScopedRoute, None), true));
            said.extend(self.follow(Kind::ScopedRoute));
        }
        said
    }
}

impl Client for Envoy {
    fn is_typed(&self) -> bool {
        self.typed
    }

    fn view(&self, files: &Files, before: Option<&View>) -> Arc<View> {
        files.for_envoy(before)
    }

    fn restarted(&self) -> Envoy {
        Envoy::new(self.variant, self.typed)
    }

    fn window(&self) -> usize {
        8
    }

    fn hello(&mut self, tells: bool) -> Vec<Said> {
        self.nonces.clear();
        self.kept_back.clear();
        self.paused |= !self.withheld.is_empty();
        self.withheld.clear();
        self.recognised.clear();
        self.unheard_of.clear();
        self.seen.clear();
        if !tells || self.variant == Variant::Sotw {
            self.excused = self.led_to().cloned().collect();
        }
        self.untold |= !tells && self.variant == Variant::Delta;
        let wanted = self.held(Kind::Cluster).keys().cloned().collect();
        self.asked.insert(Kind::Endpoints, wanted);
        let used: Vec<Kind> = Kind::ALL
            .into_iter()
            .filter(|kind| match kind {
                Kind::Cluster => !self.paused,
                Kind::Endpoints => !self.names(Kind::Endpoints).is_empty(),
                Kind::Listener | Kind::ScopedRoute | Kind::Route => self.started,
                _ => false,
            })
            .collect();
        let lanes: Vec<Lane> = used.into_iter().flat_map(|kind| self.lanes(kind)).collect();
        lanes.iter().map(|lane| self.first(lane, tells)).collect()
    }

    fn again(&mut self, lane: &Lane) -> Vec<Said> {
        if self.variant == Variant::Sotw && lane.0 == Kind::Cluster {
            self.excused = self.led_to().cloned().collect();
            self.seen.retain(|(kind, _)| *kind != Kind::Cluster);
        }
        vec![self.first(lane, true)]
    }

    fn recognised(&mut self, kind: Kind, old: &View) {
        let more = self.held(kind).iter().filter(|(name, _)| old.of(kind).get(name).is_none());
        let unheard_of: Vec<Name> = match kind {
            Kind::Route => more.flat_map(|(_, route)| route.refs.iter().cloned()).collect(),
            // The good part of something that it has rejected since.
            Kind::Cluster => more.map(|(name, _)| name.clone()).collect(),
            _ => Vec::new(),
        };
        self.unheard_of.extend(unheard_of);
        self.recognised.insert(kind);
        if [Kind::Cluster, Kind::Route].iter().all(|kind| self.recognised.contains(kind)) {
            let left = std::mem::take(&mut self.excused).into_iter();
            let there = |name: &Name| self.held(Kind::Cluster).contains_key(name) && self.warm.contains(name);
            self.excused = left.filter(|name| !there(name) || self.unheard_of.contains(name)).collect();
        }
    }

    /// No server can know to which clusters those routes lead.
    fn unknown(&mut self, (kind, name): &Lane) {
        if let (Variant::Sotw, Kind::Route, Some(name)) = (self.variant, kind, name) {
            let led_to = self.held(Kind::Route).get(name).into_iter().flat_map(|route| route.refs.iter().cloned());
            let led_to: Vec<Name> = led_to.collect();
            self.excused.extend(led_to);
            self.seen.remove(&(Kind::Route, name.clone()));
        }
    }

    fn receive(&mut self, lane: &Lane, response: &Response, early: bool, reading: Reading) -> Vec<Said> {
        let kind = response.kind;
        self.busy = reading.busy;
        self.nonces.insert(lane.clone(), nonce_text(response.nonce));
        if self.is_unwatched(kind) {
            return self.read_past(lane, response);
        }
        let news = self.news(response);
        let mut said = self.apply(lane, response, early, reading.reject);
        let error = reading.reject.map(|_| "rejected");
        if kind == Kind::Cluster && !self.typed {
            self.withheld.push(self.bare_answer(lane, error));
        } else {
            said.push(self.answer(lane, error));
        }
        let followed = self.follow(kind);
        said.extend(if followed.is_empty() { self.repeat(&news) } else { followed });
        said.extend(self.go_on_if_warm());
        if !self.busy {
            said.extend(self.resume());
        }
        said
    }

    fn resume(&mut self) -> Vec<Said> {
        self.busy = false;
        let warming = !self.withheld.is_empty();
        let free = self.kept_back.keys().filter(|lane| !(warming && lane.0 == Kind::Cluster));
        let free: Vec<Lane> = free.cloned().collect();
        free.into_iter().flat_map(|lane| self.say_kept_back(lane)).collect()
    }

    /// A listener of its own that leads to the routes of one service; or a cluster on demand.
    fn want(&mut self, which: u8) -> Vec<Said> {
        if !self.started {
            return Vec::new();
        }
        if which == ON_DEMAND {
            return self.demand(true);
        }
        self.static_routes.insert(format!("r{which}").into());
        self.follow(Kind::ScopedRoute)
    }

    fn unwant(&mut self, which: u8) -> Vec<Said> {
        if which == ON_DEMAND {
            return self.demand(false);
        }
        if self.static_routes.remove(format!("r{which}").as_str()) { self.follow(Kind::ScopedRoute) } else { Vec::new() }
    }

    fn give_up_waiting(&mut self) -> Vec<Said> {
        if self.warming.is_empty() {
            return Vec::new();
        }
        self.waived = self.held(Kind::Cluster).keys().cloned().collect();
        self.warm.extend(std::mem::take(&mut self.warming));
        self.go_on_if_warm()
    }

    fn held(&self, kind: Kind) -> &Held {
        static NONE: Held = Held::new();
        self.held.get(&kind).unwrap_or(&NONE)
    }

    fn asks(&self, kind: Kind, name: &str) -> bool {
        match kind {
            Kind::Cluster => true,
            Kind::Listener | Kind::ScopedRoute => self.started,
            kind => self.names(kind).contains(name),
        }
    }

    fn forgotten(&self, there: &View) -> Option<(Kind, Name)> {
        let given = |name: &&Name| [Kind::Cluster, Kind::Endpoints].iter().all(|kind| there.of(*kind).get(name).is_some());
        let waiting = self.warming.iter().filter(given).find(|name| !self.refused.contains(*name));
        waiting.map(|name| (Kind::Endpoints, name.clone()))
    }

    fn may_hold_more(&self) -> bool {
        self.untold
    }

    /// Routes that are gone are used for as long as they are asked for, and so are their clusters; which are theirs a server may not know.
    fn needs(&self, there: &View, kind: Kind, name: &str) -> bool {
        let gone = |route: &Name| there.of(Kind::Route).get(route).is_none();
        let mut left = self.held(Kind::Route).iter().filter(|(route, _)| gone(route));
        match kind {
            Kind::Route => left.any(|(route, _)| route.as_ref() == name),
            Kind::Cluster | Kind::Endpoints => {
                let refused = self.refused.iter().any(|name| self.names(Kind::Route).contains(name) && gone(name));
                left.next().is_some() || refused
            }
            _ => false,
        }
    }

    fn check(&self, forced: bool) -> Result<(), TestCaseError> {
        if forced {
            return Ok(());
        }
        for name in self.led_to().filter(|name| !self.excused.contains(*name)) {
            prop_assert!(self.held(Kind::Cluster).contains_key(name), "routes lead to {name}, which is not there");
            prop_assert!(self.warm.contains(name), "routes lead to {name}, which has never been warm");
        }
        Ok(())
    }
}
