//! What the writer begins with: what was served last, as the store has it.

use std::sync::Arc;

use jiff::Timestamp;

use super::assembly;
use super::reading::Reading;
use super::statuses::Statuses;
use super::writer::Control;
use crate::model;
use crate::rollout;
use crate::snapshot::Snapshot;

impl Control {
    /// Reads what the store has: the content from which a broken file falls back.
    pub(super) fn recall(&mut self) {
        let files = self.kept.files().clone();
        if let Some((path, text)) = self.kept.config() {
            self.settings.recall(path, text);
        }
        if !files.is_empty() {
            self.settings.recall_default();
        }
        let good = |(path, file): (&String, &Arc<_>)| {
            let reading = model::is_release_file(path).then(|| Reading::new(file, &files))?;
            reading.release().is_some().then(|| (path.clone(), Arc::new(reading)))
        };
        self.served = files.iter().filter_map(good).collect();
        self.read = self.served.clone();
        let now = Timestamp::now();
        for reading in self.served.clone().values() {
            self.recall_service(reading, now);
        }
        self.statuses = Statuses::of(&self.served, &self.rollouts);
        if let Some(config) = self.settings.config().cloned().filter(|_| !self.served.is_empty()) {
            self.recalled = Some(Snapshot::new(0, self.services.clone(), config, None));
        }
        let wanted = assembly::endpoint_files(self.read.values());
        self.outputs.endpoint_files.send_replace(&wanted | self.settings.wanted());
    }

    /// A service is as it was when the store was written last.
    pub(super) fn recall_service(&mut self, reading: &Arc<Reading>, now: Timestamp) {
        let Some(release) = reading.release() else { return };
        let state = self.rollouts.state(&release.service);
        let outcome = rollout::Outcome { state, events: Vec::new(), wait: None, wake_at: None, again: true };
        self.rollouts.put(release, &outcome, now);
        self.paths.insert(release.service.clone(), reading.path().to_owned());
        self.put_service(reading);
    }

    /// After a restart, what the store has is what the Envoys have; it is served until the directory says otherwise.
    pub(super) fn serve_last_good(&mut self) {
        if self.outputs.published.borrow().is_none() && !self.served.is_empty() {
            self.publish_snapshot(self.settings.config().cloned().unwrap_or_default());
        }
    }
}
