//! What is to be done outside for rollouts, and who is told.

use std::collections::BTreeSet;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use super::engine::Came;
use super::wants::Wants;
use super::writer::Control;
use crate::model::Notification;
use crate::probes::Target;
use crate::rollout::{self, Event, HookCall};

/// Where the writer says what is to be done for rollouts.
#[derive(Debug, Clone)]
pub struct Errands {
    /// Calls to be made, each try once.
    pub calls: mpsc::UnboundedSender<HookCall>,
    /// What happened, for those who are told.
    pub happened: mpsc::UnboundedSender<Told>,
    /// Who is told.
    pub notified: watch::Sender<Vec<Notification>>,
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
            notified: watch::channel(Vec::new()).0,
            probed: watch::channel(BTreeSet::new()).0,
        }
    }
}

impl Errands {
    /// These are told from now on.
    pub(super) fn notify(&self, whom: &[Notification]) {
        self.notified.send_if_modified(|notified| {
            let other = notified != whom;
            if other {
                *notified = whom.to_vec();
            }
            other
        });
    }
}

impl Control {
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
    pub(super) fn want(&mut self, name: &str) {
        let reading = self.reading_of(name);
        let live = self.rollouts.get(name).filter(|live| live.state.rollout.is_some());
        let wants =
            reading.as_ref().and_then(|reading| reading.release()).zip(live).map(|(release, live)| Wants::of(release, &live.state));
        self.wants.set(name, wants.unwrap_or_default());
    }

    /// Calls that are due are made, endpoints asked how they are.
    pub(super) fn run_errands(&mut self, now: Timestamp) {
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
}
