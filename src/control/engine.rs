//! The writer's part in rollouts: it looks when there is something to be seen, writes down what comes of it, and publishes.

use std::sync::Arc;

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

/// A service that has come to something, by its name.
pub(super) type Came = (String, Outcome);

/// Looks in one go: each may ask something of the fleet that the fleet has already.
const ROUNDS: usize = 8;

impl Control {
    /// What of the rollouts is due happens.
    pub(super) fn tick(&mut self, now: Timestamp) {
        if !self.is_serving() {
            return;
        }
        for _ in 0..ROUNDS {
            let (came, on_their_way) = self.look(now);
            let again = !on_their_way.is_empty() || came.iter().any(|(_, outcome)| outcome.again);
            self.go_on(&on_their_way, now);
            if let Err(error) = self.take_in(came, now) {
                tracing::error!(%error, "a rollout does not go on, because it cannot be written down");
                return;
            }
            if !again {
                break;
            }
        }
        self.reconsider(now);
    }

    /// What those come to whose time has come, or whom a fact may let go on; and those of which more is to be served first.
    fn look(&mut self, now: Timestamp) -> (Vec<Came>, Vec<String>) {
        let mut names = self.rollouts.due(now);
        names.append(&mut self.rollouts.attentive());
        names.extend(self.leaving.services());
        if names.is_empty() {
            return Default::default();
        }
        let (world, config) = (self.world.clone(), self.settings.config().cloned().unwrap_or_default());
        let streams = world.board.streams();
        let sight = Sight::new(&world, &streams, &config, &self.answers, now);
        let (mut came, mut on_their_way) = (Vec::new(), Vec::new());
        for name in names {
            let Some((reading, live)) = self.reading_of(&name).zip(self.rollouts.get(&name)) else { continue };
            let Some(release) = reading.release() else { continue };
            let facts = sight.facts(release, live);
            if live.is_on_its_way() && facts.fleet.has_it() {
                on_their_way.push(name);
                continue;
            }
            let outcome = rollout::reconcile(release, &live.state, &facts, now);
            let share = live.state.rollout.as_ref().map(|rollout| rollout::share_now(release, rollout));
            let nobody = facts.fleet.nodes == 0 && self.leaving.is_followed(&name);
            self.rollouts.settled(&name, share, facts.fleet.has_it() || nobody, now);
            came.push((name, outcome));
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
        self.publish_rollouts();
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
        let mut other = false;
        for (name, outcome) in waits {
            self.rollouts.wait(name, outcome);
            self.want(name);
            if self.is_untold(name) {
                other = true;
                self.tell_status_of(name);
            }
        }
        if other {
            self.publish_rollouts();
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
        self.publish_rollouts();
    }

    /// A service's translation, as far as its rollout is, takes its place among those that are served.
    pub(super) fn put_service(&mut self, reading: &Arc<Reading>) {
        let Some(release) = reading.release() else { return };
        let traffic = self.rollouts.get(&release.service).map(|live| &live.traffic);
        if let Some(service) = translated(reading, traffic) {
            self.services.insert(release.service.clone(), service);
        }
    }

    pub(super) fn reading_of(&self, service: &str) -> Option<Arc<Reading>> {
        self.served.get(self.paths.get(service)?).cloned()
    }
}

/// The translation of what is served of a release. What a plan may come to was tried when the file was read, so it can be said.
pub(super) fn translated(reading: &Reading, traffic: Option<&Traffic>) -> Option<Arc<Service>> {
    let release = reading.release()?;
    let Some(traffic) = traffic.filter(|traffic| **traffic != Traffic::at_rest(release)) else { return reading.service.clone() };
    match translate::service(release, traffic) {
        Ok(objects) => Some(Arc::new(Service::new(objects))),
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
