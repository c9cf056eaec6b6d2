//! The writer's part in rollouts: it looks when there is something to be seen, writes down what comes of it, and publishes.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use super::desk::{OrderError, Ordered, Served};
use super::history;
use super::reading::Reading;
use super::rollouts::Rollouts;
use super::wants::Wants;
use super::writer::Control;
use crate::model::Traffic;
use crate::probes::Target;
use crate::rollout::{self, Command, Event, HookCall, Outcome, State};
use crate::snapshot::Service;
use crate::store::{Changes, StoreError};
use crate::translate;

/// Where the writer says what is to be done for rollouts.
#[derive(Debug, Clone)]
pub struct Errands {
    /// Calls to be made, each try once.
    pub calls: mpsc::UnboundedSender<HookCall>,
    /// What happened, for those who are told.
    pub happened: mpsc::UnboundedSender<Told>,
    /// Endpoints to be asked how they are.
    pub probed: watch::Sender<BTreeSet<Target>>,
}

/// Something that happened to a service's rollout, and is written down.
#[derive(Debug, Clone)]
pub struct Told {
    /// Its number in the history.
    pub sequence: u64,
    /// The service.
    pub service: String,
    /// What happened.
    pub event: Event,
    /// The version that everything returns to.
    pub stable: String,
    /// The candidate's share after it.
    pub share: crate::model::Share,
}

impl Default for Errands {
    /// Errands that nobody runs.
    fn default() -> Errands {
        Errands {
            calls: mpsc::unbounded_channel().0,
            happened: mpsc::unbounded_channel().0,
            probed: watch::channel(BTreeSet::new()).0,
        }
    }
}

/// A service that has come to something, by its name.
pub(super) type Came = (String, Outcome);

/// Looks in one go: each may ask something of the fleet that the fleet has already.
const ROUNDS: usize = 8;

impl Control {
    /// What of the rollouts is due happens, and is told in one go.
    pub(super) fn tick(&mut self, now: Timestamp) {
        if let Err(error) = self.rounds(now) {
            tracing::error!(%error, "a rollout does not go on, because it cannot be written down");
            return self.publish_rollouts();
        }
        self.publish_rollouts();
        self.reconsider(now);
    }

    fn rounds(&mut self, now: Timestamp) -> Result<(), StoreError> {
        for _ in 0..ROUNDS {
            let (came, on_their_way) = self.look(now);
            let again = !on_their_way.is_empty() || came.iter().any(|(_, outcome)| outcome.again);
            self.go_on(&on_their_way, now);
            self.take_in(came, now)?;
            if !again {
                break;
            }
        }
        Ok(())
    }

    /// What those come to whose time has come, or whom a fact may let go on; and those of which more is to be served first.
    fn look(&mut self, now: Timestamp) -> (Vec<Came>, Vec<String>) {
        let mut names = self.rollouts.due(now);
        names.append(&mut self.rollouts.attentive());
        if names.is_empty() {
            return Default::default();
        }
        let (world, config) = (self.world.clone(), self.settings.config().cloned().unwrap_or_default());
        let sight = world.look(&config, &self.answers, now);
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
            self.rollouts.settled(&name, share, facts.fleet.has_it(), now);
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
            let before = self.rollouts.get(name).map(|live| (live.wait.clone(), live.settled.is_some()));
            self.rollouts.wait(name, outcome);
            self.want(name);
            let after = self.rollouts.get(name).map(|live| (live.wait.clone(), live.settled.is_some()));
            if before != after {
                self.tell_status_of(name);
            }
        }
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

    /// Those who want to know are told, once it is written down.
    pub(super) fn tell(&self, news: &[Came], numbers: &[u64]) {
        let happened = news.iter().flat_map(|(name, outcome)| outcome.events.iter().map(move |event| (name, outcome, event)));
        for ((name, outcome, event), sequence) in happened.zip(numbers) {
            tracing::info!(service = %name, rollout = event.rollout, what = ?event.what, by = event.by.as_ref().map(|by| by.name.as_str()),
                "{}", event.text);
            let rollout = outcome.state.rollout.as_ref();
            let stable = rollout.map_or_else(|| outcome.state.stable.clone(), |rollout| rollout.stable.clone());
            let share = event.candidate.as_ref().map(|candidate| event.after.share_of(candidate)).unwrap_or_default();
            let told = Told { sequence: *sequence, service: name.clone(), event: event.clone(), stable, share };
            // Nobody has to listen.
            let _ = self.errands.happened.send(told);
        }
    }

    /// What is to be found out for a service is so from now on.
    fn want(&mut self, name: &str) {
        let reading = self.reading_of(name);
        let live = self.rollouts.get(name).filter(|live| live.state.rollout.is_some());
        let wants =
            reading.as_ref().and_then(|reading| reading.release()).zip(live).map(|(release, live)| Wants::of(release, &live.state));
        self.wants.set(name, wants.unwrap_or_default());
    }

    /// Calls that are due are made, endpoints asked how they are.
    fn run_errands(&mut self, now: Timestamp) {
        self.wants.due(now).into_iter().for_each(|call| drop(self.errands.calls.send(call)));
        self.answers.retain(|token, _| self.wants.has_call(token));
        if !self.wants.take_changed() {
            return;
        }
        self.world.loads.want_endpoints(self.wants.clusters());
        let probed = self.wants.probed();
        self.errands.probed.send_if_modified(|wanted| {
            let other = *wanted != probed;
            *wanted = probed;
            other
        });
    }

    /// A call was answered.
    pub(super) fn answered(&mut self, token: String, attempt: u32, answer: rollout::Answer, now: Timestamp) {
        self.answers.insert(token, (attempt, answer));
        self.tick(now);
    }

    /// Does what a person wants.
    pub(super) fn order(&mut self, service: &str, command: &Command, now: Timestamp) -> Result<Ordered, OrderError> {
        let (reading, live) =
            self.reading_of(service).zip(self.rollouts.get(service)).ok_or_else(|| OrderError::Unknown(service.to_owned()))?;
        let release = reading.release().ok_or_else(|| OrderError::Unknown(service.to_owned()))?;
        let outcome = rollout::command(release, &live.state, command, now)?;
        let (revision, texts) = (outcome.state.revision, outcome.events.iter().map(|event| event.text.clone()).collect::<Vec<_>>());
        self.take_in(vec![(service.to_owned(), outcome)], now).map_err(|error| OrderError::Unwritten(error.to_string()))?;
        let ordered = Ordered { text: texts.join("; "), revision, snapshot: self.snapshots, at: now };
        self.tick(now);
        Ok(ordered)
    }

    /// What is served, and how far things are.
    pub(super) fn served_now(&self) -> Served {
        let config = self.settings.text();
        let files =
            self.served.values().flat_map(|reading| reading.sources().map(|(path, file)| (path.to_owned(), file.text.clone())));
        let states = self.rollouts.iter().filter_map(|(name, live)| Some((name.clone(), state_text(&live.state)?)));
        Served {
            files: files.chain(config.cloned()).collect(),
            config: config.map(|(path, _)| path.clone()),
            states: states.collect(),
        }
    }

    /// A service's translation, as far as its rollout is, takes its place among those that are served.
    pub(super) fn put_service(&mut self, reading: &Arc<Reading>) {
        let Some(release) = reading.release() else { return };
        let traffic = self.rollouts.get(&release.service).map(|live| &live.traffic);
        if let Some(service) = translated(reading, traffic) {
            self.services.insert(release.service.clone(), service);
        }
    }

    fn reading_of(&self, service: &str) -> Option<Arc<Reading>> {
        self.served.get(self.paths.get(service)?).cloned()
    }
}

/// The translation of what is served of a release. What a plan may come to was tried when the file was read, so it can be said.
fn translated(reading: &Reading, traffic: Option<&Traffic>) -> Option<Arc<Service>> {
    let release = reading.release()?;
    let Some(traffic) = traffic.filter(|traffic| **traffic != Traffic::at_rest(release)) else { return reading.service.clone() };
    let made = match &reading.service {
        Some(at_rest) => translate::moved(at_rest.objects(), release, traffic),
        None => translate::service(release, traffic),
    };
    match made {
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
