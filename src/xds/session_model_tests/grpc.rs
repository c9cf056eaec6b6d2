//! gRPC without a proxy: state of the world, everything by name, from the listener down.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::TestCaseError;

use super::client::{Client, Held, Lane, Reading, Said};
use super::files::Files;
use crate::snapshot::{Kind, View};
use crate::xds::channel::nonce_text;
use crate::xds::request::{Request, Response, SotwRequest};
use crate::xds::subscription::Name;

/// Each refers to the next.
const CHAIN: [Kind; 4] = [Kind::Listener, Kind::Route, Kind::Cluster, Kind::Endpoints];

/// A gRPC client: it dials services, and asks for what it finds behind them.
#[derive(Default)]
pub struct Grpc {
    dialled: BTreeSet<Name>,
    asked: BTreeMap<Kind, BTreeSet<Name>>,
    held: BTreeMap<Kind, Held>,
    /// What was in responses that it rejected, and it still has no better of.
    refused: BTreeSet<(Kind, Name)>,
    /// Newest nonce of each kind on this stream.
    nonces: BTreeMap<Kind, String>,
    /// Version accepted last of each kind, on any stream.
    versions: BTreeMap<Kind, String>,
}

impl Grpc {
    /// A client that has dialled one service.
    pub fn new() -> Grpc {
        Grpc { dialled: [Name::from("s0")].into(), ..Grpc::default() }
    }

    fn names(&self, kind: Kind) -> &BTreeSet<Name> {
        static NONE: BTreeSet<Name> = BTreeSet::new();
        self.asked.get(&kind).unwrap_or(&NONE)
    }

    fn request(&self, kind: Kind, error: Option<String>) -> Said {
        let names = self.names(kind).iter().map(|name| name.to_string()).collect();
        let (version, nonce) = (self.versions.get(&kind).cloned(), self.nonces.get(&kind).cloned());
        let request = SotwRequest { version: version.unwrap_or_default(), nonce: nonce.unwrap_or_default(), names, error };
        Said::Request((kind, None), Request::Sotw(request))
    }

    /// Asks for what it now leads to, and for nothing else any more.
    fn follow(&mut self) -> Vec<Said> {
        let mut said = Vec::new();
        let mut wanted = self.dialled.clone();
        for kind in CHAIN {
            let next = wanted.iter().filter_map(|name| self.held(kind).get(name)).flat_map(|held| held.refs.iter().cloned());
            let next = next.collect();
            if self.names(kind) != &wanted {
                self.held.entry(kind).or_default().retain(|name, _| wanted.contains(name));
                self.refused.retain(|(of, name)| *of != kind || wanted.contains(name));
                self.asked.insert(kind, wanted);
                said.push(self.request(kind, None));
            }
            wanted = next;
        }
        said
    }

    /// Each resource is looked at by itself; those that are missing are gone, whatever is wrong with the others.
    fn reject(&mut self, response: &Response) {
        let names: BTreeSet<Name> = response.resources.iter().map(|resource| resource.name.clone()).collect();
        if response.kind.is_full_state() {
            self.held.entry(response.kind).or_default().retain(|name, _| names.contains(name));
        }
        self.refused.extend(names.into_iter().map(|name| (response.kind, name)));
    }

    fn take(&mut self, response: &Response) {
        let kind = response.kind;
        let asked = self.names(kind).clone();
        let held = self.held.entry(kind).or_default();
        if kind.is_full_state() {
            held.clear();
        }
        for resource in response.resources.iter().filter(|resource| asked.contains(&resource.name)) {
            held.insert(resource.name.clone(), resource.clone());
            self.refused.remove(&(kind, resource.name.clone()));
        }
        self.versions.insert(kind, response.version.to_string());
    }
}

impl Client for Grpc {
    fn view(&self, files: &Files, before: Option<&View>) -> Arc<View> {
        files.for_grpc(before)
    }

    fn restarted(&self) -> Grpc {
        Grpc::new()
    }

    /// It reads the next message when it is done with the last.
    fn window(&self) -> usize {
        1
    }

    fn hello(&mut self, _: bool) -> Vec<Said> {
        self.nonces.clear();
        let asked = CHAIN.into_iter().filter(|kind| !self.names(*kind).is_empty());
        let mut said: Vec<Said> = asked.map(|kind| self.request(kind, None)).collect();
        said.extend(self.follow());
        said
    }

    fn again(&mut self, _: &Lane) -> Vec<Said> {
        self.hello(true)
    }

    fn receive(&mut self, _: &Lane, response: &Response, _: bool, reading: Reading) -> Vec<Said> {
        let kind = response.kind;
        self.nonces.insert(kind, nonce_text(response.nonce));
        // There is nothing in an empty list that could be wrong.
        let reject = reading.reject.is_some() && !response.resources.is_empty();
        let error = reject.then(|| "rejected".to_owned());
        if reject {
            self.reject(response);
        } else {
            self.take(response);
        }
        let mut said = vec![self.request(kind, error)];
        said.extend(self.follow());
        said
    }

    fn want(&mut self, which: u8) -> Vec<Said> {
        self.dialled.insert(format!("s{which}").into());
        self.follow()
    }

    fn unwant(&mut self, which: u8) -> Vec<Said> {
        self.dialled.remove(format!("s{which}").as_str());
        self.follow()
    }

    fn give_up_waiting(&mut self) -> Vec<Said> {
        Vec::new()
    }

    fn held(&self, kind: Kind) -> &Held {
        static NONE: Held = Held::new();
        self.held.get(&kind).unwrap_or(&NONE)
    }

    fn asks(&self, kind: Kind, name: &str) -> bool {
        self.names(kind).contains(name)
    }

    fn forgotten(&self, there: &View) -> Option<(Kind, Name)> {
        let asked = CHAIN.into_iter().flat_map(|kind| self.names(kind).iter().map(move |name| (kind, name.clone())));
        let there = asked.filter(|(kind, name)| there.of(*kind).get(name).is_some());
        there
            .into_iter()
            .find(|(kind, name)| !self.held(*kind).contains_key(name) && !self.refused.contains(&(*kind, name.clone())))
    }

    /// It learns of clusters from routes, so these may lead to what is still to come.
    fn check(&self, _: bool) -> Result<(), TestCaseError> {
        Ok(())
    }
}
