//! What the writer publishes: snapshots for the streams, the status for the faces.

use std::sync::Arc;

use jiff::Timestamp;

use super::status::ServerStatus;
use super::writer::Control;
use crate::diag::Problem;
use crate::model::Config;
use crate::snapshot::Snapshot;

impl Control {
    pub(super) fn publish_snapshot(&mut self, config: Arc<Config>) {
        self.snapshots += 1;
        if !self.is_serving() && self.rollouts.is_under_way() {
            // Nodes that were connected before the start have not heard of it all yet.
            self.away.expect(std::time::Instant::now());
        }
        let before = self.outputs.published.borrow().clone();
        let before = before.as_deref().or(self.recalled.as_ref());
        let snapshot = Snapshot::new(self.snapshots, self.services.clone(), config, before);
        snapshot.prepare();
        self.outputs.published.send_replace(Some(Arc::new(snapshot)));
    }

    pub(super) fn publish_status(&mut self, problems: Vec<Problem>, directory: Option<String>, now: Timestamp) {
        let ready = self.outputs.published.borrow().is_some();
        let before = self.outputs.status.borrow().clone();
        let config = self.settings.config().cloned().unwrap_or_default();
        self.errands.notify(&config.notifications);
        let status = ServerStatus {
            generation: self.generation,
            snapshot: self.snapshots,
            loaded_at: if directory.is_none() { Some(now) } else { before.loaded_at },
            ready,
            services: if ready { self.statuses.services().clone() } else { Vec::new() },
            problems,
            directory,
            failed_loads: self.failed_loads,
            config,
        };
        self.outputs.status.send_replace(Arc::new(status));
        self.untold &= !ready;
    }

    /// The status with rollouts as they are now, and files as they were, if there is something new in it.
    pub(super) fn publish_rollouts(&mut self) {
        if !std::mem::take(&mut self.untold) {
            return;
        }
        let (services, snapshot) = (self.statuses.services(), self.snapshots);
        self.outputs.status.send_if_modified(|status| {
            if status.ready {
                *status = Arc::new(status.moved(services.clone(), snapshot));
            }
            status.ready
        });
    }

    /// A service's status says how far its rollout is, when it is published next.
    pub(super) fn tell_status_of(&mut self, name: &str) {
        if let Some(reading) = self.paths.get(name).and_then(|path| self.served.get(path)) {
            self.statuses.moved(reading, &self.rollouts);
            self.untold = true;
        }
    }

    /// Whether the first complete load is served.
    pub(super) fn is_serving(&self) -> bool {
        self.outputs.published.borrow().is_some()
    }

    pub(super) fn log(&self, changed: bool, errors: usize, problems: &[Problem]) {
        let (generation, services) = (self.generation, self.served.len());
        tracing::info!(generation, services, changed, errors, "the release files were taken in");
        if !problems.is_empty() {
            tracing::warn!("problems: {}\n{}", problems.len(), crate::diag::render(problems, false));
        }
    }

    /// A listener that is taken away closes a port on every Envoy that has it, and a deleted configuration file takes all.
    pub(super) fn warn_of_listeners_taken_away(&self, config: &Config) {
        let before = self.settings.config().into_iter().flat_map(|config| &config.listeners);
        let gone = before.filter(|old| !config.listeners.iter().any(|new| new.name == old.name));
        let gone: Vec<&str> = gone.map(|listener| listener.name.as_str()).collect();
        if !gone.is_empty() {
            tracing::warn!(listeners = gone.join(", "), "listeners are taken away from the fleet");
        }
    }
}
