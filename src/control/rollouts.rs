//! How far each service is, and when which of them is to be looked at.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::model::{Release, Share, Traffic};
use crate::rollout::{self, Outcome, Phase, State, Wait};

/// One service.
#[derive(Debug, Clone)]
pub(super) struct Live {
    /// How far it is, as written down.
    pub state: State,
    /// What is served of it.
    pub traffic: Traffic,
    /// What its state asks for: the same, or what follows once every node has what is served.
    pub wanted: Traffic,
    /// What it waits for.
    pub wait: Option<Wait>,
    /// When to look again.
    pub wake_at: Option<Timestamp>,
    /// The snapshot that was the first to have what its state asks for.
    pub since: u64,
    /// When that was published.
    pub since_at: Timestamp,
    /// The candidate's share that every node has acknowledged.
    pub acked: Share,
    /// When every node had what its state asks for; nothing while one has not.
    pub settled: Option<Timestamp>,
    /// A version that serves no more can be found to have no requests in flight.
    pub drains: bool,
}

impl Live {
    /// Whether what is served is not yet what its state asks for.
    pub fn is_on_its_way(&self) -> bool {
        self.traffic != self.wanted
    }
}

/// All services that are served.
#[derive(Debug, Default)]
pub(super) struct Rollouts {
    services: BTreeMap<String, Live>,
    /// States of the journal whose services are not served yet.
    recalled: BTreeMap<String, State>,
    timers: BTreeSet<(Timestamp, String)>,
    /// Those that a fact may let go on.
    attentive: BTreeSet<String>,
}

impl Rollouts {
    /// What the journal has.
    pub fn recall(states: BTreeMap<String, State>) -> Rollouts {
        Rollouts { recalled: states, ..Rollouts::default() }
    }

    /// How far a service is: also one that is not served yet.
    pub fn state(&self, service: &str) -> State {
        let live = self.services.get(service).map(|live| &live.state);
        live.or_else(|| self.recalled.get(service)).cloned().unwrap_or_default()
    }

    /// Whether a service is served, or the journal has it.
    pub fn is_written(&self, service: &str) -> bool {
        self.is_known(service) || self.recalled.contains_key(service)
    }

    /// Whether a service is served.
    pub fn is_known(&self, service: &str) -> bool {
        self.services.contains_key(service)
    }

    /// Services of the journal that are not among these, which are served.
    pub fn unserved<'a>(&self, served: impl Iterator<Item = &'a str>) -> Vec<String> {
        let served: BTreeSet<&str> = served.collect();
        self.recalled.keys().filter(|name| !served.contains(name.as_str())).cloned().collect()
    }

    pub fn get(&self, service: &str) -> Option<&Live> {
        self.services.get(service)
    }

    /// All services, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Live)> {
        self.services.iter()
    }

    /// A service has come to a state. True if something else is served of it than before.
    pub fn put(&mut self, release: &Release, outcome: &Outcome, now: Timestamp) -> bool {
        let wanted = rollout::traffic(release, &outcome.state);
        let name = release.service.as_str();
        self.recalled.remove(name);
        let live = self.services.entry(name.to_owned()).or_insert_with(|| Live {
            state: State::default(),
            traffic: rollout::all_in_service(release, &wanted),
            wanted: Traffic::at_rest(release),
            wait: None,
            wake_at: None,
            since: 0,
            since_at: now,
            acked: Share::ZERO,
            settled: None,
            drains: false,
        });
        let traffic = rollout::bridge(&live.traffic, &wanted, live.settled.is_some());
        let moved = live.traffic != traffic;
        (live.state, live.traffic, live.wanted) = (outcome.state.clone(), traffic, wanted);
        live.drains = rollout::may_drain(release, &live.state);
        if moved || outcome.again {
            live.settled = None;
        }
        self.wait(name, outcome);
        moved
    }

    /// Every node has what is served of a service. True if there is more to be served than that.
    pub fn go_on(&mut self, service: &str) -> bool {
        let Some(live) = self.services.get_mut(service).filter(|live| live.is_on_its_way()) else { return false };
        live.traffic = rollout::bridge(&live.traffic, &live.wanted, true);
        live.settled = None;
        true
    }

    /// What a service waits for.
    pub fn wait(&mut self, service: &str, outcome: &Outcome) {
        let Some(live) = self.services.get_mut(service) else { return };
        if let Some(at) = live.wake_at.take() {
            self.timers.remove(&(at, service.to_owned()));
        }
        (live.wait, live.wake_at) = (outcome.wait.clone(), outcome.wake_at);
        if let Some(at) = live.wake_at {
            self.timers.insert((at, service.to_owned()));
        }
        // Where nothing is rolled out, an edit asks nothing of the fleet that somebody waits for: the fleet is not looked at for it.
        let attentive = (outcome.again && live.state.rollout.is_some()) || hears_facts(live);
        if attentive {
            self.attentive.insert(service.to_owned());
        } else {
            self.attentive.remove(service);
        }
    }

    /// Something else is served of a service, from this snapshot on.
    pub fn published(&mut self, service: &str, snapshot: u64, now: Timestamp) {
        if let Some(live) = self.services.get_mut(service) {
            (live.since, live.since_at) = (snapshot, now);
        }
    }

    /// Every node has what the service's state asks for, or one has not any more.
    pub fn settled(&mut self, service: &str, share: Option<Share>, all: bool, now: Timestamp) {
        let Some(live) = self.services.get_mut(service) else { return };
        if !all {
            live.settled = None;
            return;
        }
        live.settled.get_or_insert(now);
        live.acked = share.unwrap_or(Share::ZERO);
    }

    /// A service is served no more.
    pub fn remove(&mut self, service: &str) {
        self.recalled.remove(service);
        self.attentive.remove(service);
        if let Some(at) = self.services.remove(service).and_then(|live| live.wake_at) {
            self.timers.remove(&(at, service.to_owned()));
        }
    }

    /// Whether a candidate of the journal, or one that is served, may have requests.
    pub fn is_under_way(&self) -> bool {
        let states = self.services.values().map(|live| &live.state).chain(self.recalled.values());
        states.filter_map(|state| state.rollout.as_ref()).any(|rollout| match &rollout.phase {
            Phase::Step(_) => true,
            Phase::Off(off) => off.returning,
            Phase::Pending | Phase::Done { .. } => false,
        })
    }

    /// The wall clock was set back: no time that was noted is later than now, and all that waits for one is looked at again.
    pub fn forget_times(&mut self, now: Timestamp) {
        for (name, live) in &mut self.services {
            live.settled = live.settled.map(|settled| settled.min(now));
            live.since_at = live.since_at.min(now);
            if let Some(at) = live.wake_at.replace(now) {
                self.timers.remove(&(at, name.clone()));
                self.timers.insert((now, name.clone()));
            } else {
                live.wake_at = None;
            }
        }
    }

    /// Whether a fact may let one go on.
    pub fn is_attentive(&self) -> bool {
        !self.attentive.is_empty()
    }

    /// When the next one is to be looked at although nothing happens.
    pub fn wake_at(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Those whose time has come.
    pub fn due(&self, now: Timestamp) -> BTreeSet<String> {
        self.timers.iter().take_while(|(at, _)| *at <= now).map(|(_, service)| service.clone()).collect()
    }

    /// Those that a fact may let go on.
    pub fn attentive(&self) -> BTreeSet<String> {
        self.attentive.clone()
    }
}

/// Whether facts count for it, and not only its time.
fn hears_facts(live: &Live) -> bool {
    let returning = live.state.rollout.as_ref().is_some_and(|rollout| matches!(&rollout.phase, Phase::Off(off) if off.returning));
    let settling = live.settled.is_none() && live.state.rollout.is_some();
    let facts = matches!(
        &live.wait,
        Some(
            Wait::Fleet { .. }
                | Wait::NoNodes
                | Wait::Rejected(_)
                | Wait::Healthy { .. }
                | Wait::Draining { .. }
                | Wait::Call { .. }
        )
    );
    live.drains || returning || settling || facts || live.is_on_its_way()
}
