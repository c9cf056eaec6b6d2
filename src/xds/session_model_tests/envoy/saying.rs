//! What Envoy says: its requests, and when it keeps them back.

use super::*;

impl Envoy {
    /// The list that every request of a lane repeats in state of the world, and that the first one has in delta.
    pub(super) fn list(&self, (kind, name): &Lane) -> Vec<String> {
        match (name, kind) {
            (Some(name), _) => vec![name.to_string()],
            (None, Kind::Cluster) if !self.on_demand.is_empty() => {
                std::iter::once("*").chain(self.on_demand.iter().map(AsRef::as_ref)).map(str::to_owned).collect()
            }
            (None, kind) => self.names(*kind).iter().map(|name| name.to_string()).collect(),
        }
    }

    /// An answer to the newest response. In delta it says as well what was kept back.
    pub(super) fn answer(&mut self, lane: &Lane, error: Option<&str>) -> Said {
        let answer = self.bare_answer(lane, error);
        self.with_kept_back(answer)
    }

    pub(super) fn with_kept_back(&mut self, said: Said) -> Said {
        match said {
            Said::Request(lane, Request::Delta(request)) => {
                let (more, less) = self.kept_back.remove(&lane).unwrap_or_default();
                let (subscribe, unsubscribe) = (texts(more), texts(less));
                Said::Request(lane, Request::Delta(DeltaRequest { subscribe, unsubscribe, ..request }))
            }
            said => said,
        }
    }

    pub(super) fn bare_answer(&self, lane: &Lane, error: Option<&str>) -> Said {
        let nonce = self.nonces.get(lane).cloned().unwrap_or_default();
        let error = error.map(str::to_owned);
        let request = match self.variant {
            Variant::Sotw => Request::Sotw(SotwRequest { nonce, error, ..self.whole_list(lane) }),
            Variant::Delta => Request::Delta(DeltaRequest { nonce, error, ..DeltaRequest::default() }),
        };
        Said::Request(lane.clone(), request)
    }

    pub(super) fn whole_list(&self, lane: &Lane) -> SotwRequest {
        let version = self.versions.get(lane).cloned().unwrap_or_default();
        SotwRequest { version, names: self.list(lane), ..SotwRequest::default() }
    }

    /// The first request of a lane on its stream.
    pub(super) fn first(&mut self, lane: &Lane, tells: bool) -> Said {
        self.nonces.remove(lane);
        self.untold |= self.variant == Variant::Delta && self.held(lane.0).values().any(|held| self.version_told(held).is_none());
        let (kind, name) = lane;
        let mine = |held: &&Name| name.as_ref().is_none_or(|name| name == *held);
        let held = self.held(*kind);
        let request = match self.variant {
            Variant::Sotw => Request::Sotw(self.whole_list(lane)),
            Variant::Delta => Request::Delta(DeltaRequest {
                subscribe: self.list(lane),
                initial: held
                    .iter()
                    .filter(|(name, _)| tells && mine(name))
                    .filter_map(|(name, held)| Some((name.to_string(), self.version_told(held)?)))
                    .collect(),
                ..DeltaRequest::default()
            }),
        };
        Said::Request(lane.clone(), request)
    }

    /// The version by which it tells of something that it holds, if it does.
    pub(super) fn version_told(&self, held: &Resource) -> Option<String> {
        match BY_PARTS.contains(&held.kind) {
            true => self.accepted.get(&(held.kind, held.name.clone())).cloned(),
            false => Some(held.version.to_string()),
        }
    }

    /// Says this in delta, or keeps it back: as the last word about a name has it.
    pub(super) fn change(&mut self, lane: Lane, more: Vec<Name>, less: Vec<Name>) -> Vec<Said> {
        let kept = self.kept_back.entry(lane.clone()).or_default();
        for name in more {
            kept.1.remove(&name);
            kept.0.insert(name);
        }
        for name in less {
            kept.0.remove(&name);
            kept.1.insert(name);
        }
        // Clusters are not talked about while any of them warms.
        if self.busy || (lane.0 == Kind::Cluster && !self.withheld.is_empty()) { Vec::new() } else { self.say_kept_back(lane) }
    }

    pub(super) fn say_kept_back(&mut self, lane: Lane) -> Vec<Said> {
        vec![self.with_kept_back(Said::Request(lane, Request::Delta(DeltaRequest::default())))]
    }

    /// Asks for these names of a kind from now on, and for no others.
    pub(super) fn subscribe(&mut self, kind: Kind, wanted: BTreeSet<Name>) -> Vec<Said> {
        let before = self.asked.insert(kind, wanted.clone()).unwrap_or_default();
        let list = |names: &BTreeSet<Name>, others: &BTreeSet<Name>| names.difference(others).cloned().collect::<Vec<_>>();
        let (added, dropped) = (list(&wanted, &before), list(&before, &wanted));
        for name in &dropped {
            self.held.entry(kind).or_default().remove(name);
            self.refused.remove(name);
            self.versions.remove(&(kind, Some(name.clone())));
        }
        if added.is_empty() && dropped.is_empty() {
            return Vec::new();
        }
        if self.typed {
            let ended = dropped.into_iter().map(|name| Said::End((kind, Some(name)))).collect::<Vec<_>>();
            let opened = added.into_iter().map(|name| self.first(&(kind, Some(name)), true));
            return ended.into_iter().chain(opened).collect();
        }
        match self.variant {
            Variant::Sotw => vec![self.answer(&(kind, None), None)],
            Variant::Delta => self.change((kind, None), added, dropped),
        }
    }

    /// In state of the world an Envoy whose clusters have changed repeats the list of the endpoints that it has asked for.
    pub(super) fn repeat(&mut self, news: &BTreeSet<Name>) -> Vec<Said> {
        let asked = !self.names(Kind::Endpoints).is_disjoint(news) && self.nonces.contains_key(&(Kind::Endpoints, None));
        let repeats = self.variant == Variant::Sotw && !self.typed && asked;
        if repeats { vec![self.answer(&(Kind::Endpoints, None), None)] } else { Vec::new() }
    }

    /// On typed services a changed cluster is another one, and asks for its endpoints on another stream.
    pub(super) fn reopen(&mut self, response: &Response) -> Vec<Said> {
        let asked = self.news(response).into_iter().filter(|name| self.typed && self.names(Kind::Endpoints).contains(name));
        let lanes: Vec<Lane> = asked.map(|name| (Kind::Endpoints, Some(name))).collect();
        lanes.into_iter().flat_map(|lane| [Said::End(lane.clone()), self.first(&lane, false)]).collect()
    }

    /// Asks for a cluster by name, or no more, beside all that there are. In state of the world an Envoy does not.
    pub(super) fn demand(&mut self, more: bool) -> Vec<Said> {
        let (name, lane) = (Name::from("s2/0"), (Kind::Cluster, None));
        let changed = match (self.variant, more) {
            (Variant::Sotw, _) => false,
            (_, true) => self.on_demand.insert(name.clone()),
            (_, false) => self.on_demand.remove(&name),
        };
        match changed && !self.paused {
            false => Vec::new(),
            true if more => self.change(lane, vec![name], vec![]),
            true => self.change(lane, vec![], vec![name]),
        }
    }

    /// Subscriptions to endpoints follow the clusters that are held, those to routes the scopes.
    pub(super) fn follow(&mut self, kind: Kind) -> Vec<Said> {
        match kind {
            Kind::Cluster => {
                let wanted: BTreeSet<Name> = self.held(Kind::Cluster).keys().cloned().collect();
                self.warm.retain(|name| wanted.contains(name));
                self.subscribe(Kind::Endpoints, wanted)
            }
            Kind::ScopedRoute => {
                let scopes = self.held(Kind::ScopedRoute).values().flat_map(|scope| scope.refs.iter());
                let wanted = scopes.chain(&self.static_routes).cloned().collect();
                self.subscribe(Kind::Route, wanted)
            }
            _ => Vec::new(),
        }
    }
}

fn texts(names: BTreeSet<Name>) -> Vec<String> {
    names.iter().map(|name| name.to_string()).collect()
}
