//! The writer's part in rollouts: it looks when there is something to be seen, writes down what comes of it, and publishes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use super::history;
use super::reading::Reading;
use super::rollouts::Rollouts;
use super::world::Sight;
use super::writer::Control;
use crate::model::Traffic;
use crate::rollout::{self, Outcome, State};
use crate::snapshot::Service;
use crate::store::{Changes, StoreError};
use crate::translate;
use crate::xds::Nodes;

/// A service that has come to something, by its name.
pub(super) type Came = (String, Outcome);

/// Looks in one go: each may ask something of the fleet that the fleet has already.
const ROUNDS: usize = 8;

impl Control {
    /// What of the rollouts is due happens, and is told in one go.
    pub(super) fn tick(&mut self, now: Timestamp) {
        let mut names = self.rollouts.due(now);
        names.append(&mut self.rollouts.attentive());
        names.extend(self.leaving.services());
        self.settle(names, now);
        self.reconsider(now);
    }

    /// What of one service is due happens: whoever gave an order does not wait for the others.
    pub(super) fn tick_of(&mut self, service: &str, now: Timestamp) {
        self.settle([service.to_owned()].into(), now);
        self.reconsider(now);
    }

    fn settle(&mut self, names: BTreeSet<String>, now: Timestamp) {
        if !self.is_serving() {
            return;
        }
        if let Err(error) = self.rounds(names, now) {
            self.give_up(error);
        }
        self.publish_rollouts();
    }

    /// What cannot be written down is not done, and the store does not take anything more: the next server starts from what it has.
    pub(super) fn give_up(&mut self, error: StoreError) {
        tracing::error!(%error, "the journal cannot be written, so the server ends; Envoys go on with what they have");
        self.broken.get_or_insert(error);
    }

    fn rounds(&mut self, mut names: BTreeSet<String>, now: Timestamp) -> Result<(), StoreError> {
        for _ in 0..ROUNDS {
            let (came, on_their_way) = self.look(&names, now);
            let again = came.iter().filter(|(_, outcome)| outcome.again).map(|(name, _)| name.clone());
            names = again.chain(on_their_way.iter().cloned()).collect();
            self.go_on(&on_their_way, now);
            self.take_in(came, now)?;
            if names.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// What these come to; and those of them of which more is to be served first.
    fn look(&mut self, names: &BTreeSet<String>, now: Timestamp) -> (Vec<Came>, Vec<String>) {
        if names.is_empty() {
            return Default::default();
        }
        let (world, config) = (self.world.clone(), self.settings.config().cloned().unwrap_or_default());
        let streams = world.board.streams();
        let nodes = Nodes::of(&streams);
        self.away.see(&nodes, Instant::now());
        let sight = Sight::new(&world, nodes, &self.away, &config, &self.answers, now);
        let (mut came, mut on_their_way) = (Vec::new(), Vec::new());
        for name in names {
            let Some((reading, live)) = self.reading_of(name).zip(self.rollouts.get(name)) else { continue };
            let Some(release) = reading.release() else { continue };
            let facts = sight.facts(release, live);
            if live.is_on_its_way() && facts.fleet.has_it() {
                on_their_way.push(name.clone());
                continue;
            }
            let outcome = rollout::reconcile(release, &live.state, &facts, now);
            let share = live.state.rollout.as_ref().map(|rollout| rollout::share_now(release, rollout));
            let nobody = facts.fleet.nodes == 0 && self.leaving.is_followed(name);
            self.rollouts.settled(name, share, facts.fleet.has_it() || nobody, now);
            came.push((name.clone(), outcome));
        }
        (came, on_their_way)
    }

    /// Every node has the first part of what these ask for: now the rest.
    fn go_on(&mut self, names: &[String], now: Timestamp) {
        let moved: Vec<&String> = names.iter().filter(|name| self.rollouts.go_on(name)).collect();
        if moved.is_empty() {
            return;
        }
        for name in &moved {
            if let Some(reading) = self.reading_of(name) {
                self.put_service(&reading);
            }
        }
        self.publish_snapshot(self.settings.config().cloned().unwrap_or_default());
        for name in &moved {
            self.rollouts.published(name, self.snapshots, now);
            self.tell_status_of(name);
        }
    }

    /// Outcomes are written down, and served; what they did not change is only waited for.
    pub(super) fn take_in(&mut self, came: Vec<Came>, now: Timestamp) -> Result<(), StoreError> {
        let changed = |(name, outcome): &Came| {
            let same = self.rollouts.get(name).is_some_and(|live| live.state == outcome.state);
            !same || !outcome.events.is_empty()
        };
        let (news, waits): (Vec<Came>, Vec<Came>) = came.into_iter().partition(changed);
        self.note_waits(&waits);
        if !news.is_empty() {
            let numbers = self.write(&news)?;
            self.serve_outcomes(&news, &numbers, now);
        }
        self.run_errands(now);
        Ok(())
    }

    fn note_waits(&mut self, waits: &[Came]) {
        for (name, outcome) in waits {
            self.rollouts.wait(name, outcome);
            self.want(name);
            if self.is_untold(name) {
                self.tell_status_of(name);
            }
        }
    }

    /// Whether the status does not say yet what a rollout waits for, or what the fleet has of it.
    fn is_untold(&self, name: &str) -> bool {
        let told = self.reading_of(name).and_then(|reading| self.statuses.rollout(&reading));
        let live = self.rollouts.get(name).filter(|live| live.state.rollout.is_some());
        told.map(|told| (&told.view.wait, told.acked, told.settled)) != live.map(|live| (&live.wait, live.acked, live.settled))
    }

    /// States and what happened, in one transaction; the numbers of the entries.
    fn write(&self, news: &[Came]) -> Result<Vec<u64>, StoreError> {
        let rollouts: Vec<(&str, Option<String>)> =
            news.iter().map(|(name, outcome)| (name.as_str(), state_text(&outcome.state))).collect();
        let history = entries(news, self.generation);
        self.kept.store().write(&Changes { texts: &[], rollouts: &rollouts, history: &history })
    }

    fn serve_outcomes(&mut self, news: &[Came], numbers: &[u64], now: Timestamp) {
        let mut moved = Vec::new();
        for (name, outcome) in news {
            let Some(reading) = self.reading_of(name) else { continue };
            let Some(release) = reading.release() else { continue };
            if self.rollouts.put(release, outcome, now) {
                self.put_service(&reading);
                moved.push(name.clone());
            }
        }
        self.tell(news, numbers);
        if !moved.is_empty() {
            self.publish_snapshot(self.settings.config().cloned().unwrap_or_default());
        }
        for name in &moved {
            self.rollouts.published(name, self.snapshots, now);
        }
        for (name, _) in news {
            self.want(name);
            self.tell_status_of(name);
        }
    }

    /// A service's translation, as far as its rollout is, takes its place among those that are served. False if there is none.
    pub(super) fn put_service(&mut self, reading: &Arc<Reading>) -> bool {
        let live = reading.release().and_then(|release| self.rollouts.get(&release.service));
        let service = translated(reading, live.map(|live| &live.traffic));
        self.put(service)
    }

    /// The same, as it is with this traffic.
    pub(super) fn put_traffic(&mut self, reading: &Reading, traffic: Option<&Traffic>) {
        let service = translated(reading, traffic);
        self.put(service);
    }

    fn put(&mut self, service: Option<Arc<Service>>) -> bool {
        let Some(service) = service else { return false };
        self.services.insert(service.name().to_owned(), service);
        true
    }

    pub(super) fn reading_of(&self, service: &str) -> Option<Arc<Reading>> {
        self.served.get(self.paths.get(service)?).cloned()
    }
}

/// The translation of what is served of a release. What a plan may come to was tried when the file was read, so it can be said.
pub(super) fn translated(reading: &Reading, traffic: Option<&Traffic>) -> Option<Arc<Service>> {
    let release = reading.release()?;
    let Some(traffic) = traffic.filter(|traffic| **traffic != Traffic::at_rest(release)) else { return reading.service.clone() };
    match translate::service_after(reading.known(), release, traffic) {
        Ok(objects) => Some(Arc::new(Service::after(reading.service.as_deref(), objects))),
        Err(invalid) => {
            let why: Vec<String> = invalid.iter().map(ToString::to_string).collect();
            tracing::error!(service = %release.service, "what a rollout asks for cannot be said to Envoy, so nothing moves: {}", why.join("; "));
            None
        }
    }
}

/// A state as it is written down; `None` for one of which there is nothing to keep.
pub(super) fn state_text(state: &State) -> Option<String> {
    serde_json::to_string(state).ok()
}

/// What happened, as it is written down.
pub(super) fn entries(news: &[Came], generation: u64) -> Vec<(String, String)> {
    let events = news.iter().flat_map(|(name, outcome)| outcome.events.iter().map(move |event| (name, event)));
    events.map(|(name, event)| (name.clone(), history::text(event, generation))).collect()
}

/// The states that the journal has, read.
///
/// # Errors
/// One of them cannot be read: nothing is started over it.
pub(super) fn recalled(store: &crate::store::Store) -> Result<Rollouts, StoreError> {
    let mut states = std::collections::BTreeMap::new();
    for (service, text) in store.rollouts()? {
        let state: State = serde_json::from_str(&text).map_err(|error| store.unreadable(&service, &error))?;
        states.insert(service, state);
    }
    Ok(Rollouts::recall(states))
}
