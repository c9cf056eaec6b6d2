//! What the writer answers those who turn to it.

use jiff::Timestamp;

use super::desk::{OrderError, Ordered, Served};
use super::engine::state_text;
use super::writer::Control;
use crate::rollout::{self, Command};

impl Control {
    /// Does what a person wants.
    pub(super) fn order(&mut self, service: &str, command: &Command, now: Timestamp) -> Result<Ordered, OrderError> {
        if !self.is_serving() {
            return Err(OrderError::NotReady);
        }
        let (reading, live) =
            self.reading_of(service).zip(self.rollouts.get(service)).ok_or_else(|| OrderError::Unknown(service.to_owned()))?;
        let release = reading.release().ok_or_else(|| OrderError::Unknown(service.to_owned()))?;
        let outcome = rollout::command(release, &live.state, command, now)?;
        let (revision, texts) = (outcome.state.revision, outcome.events.iter().map(|event| event.text.clone()).collect::<Vec<_>>());
        self.take_in(vec![(service.to_owned(), outcome)], now).map_err(|error| {
            let told = OrderError::Unwritten(error.to_string());
            self.give_up(error);
            told
        })?;
        let ordered = Ordered { text: texts.join("; "), revision, snapshot: self.snapshots, at: now };
        self.tick_of(service, now);
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
}
