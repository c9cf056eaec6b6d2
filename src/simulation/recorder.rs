//! Writing down what happens.

use std::time::Duration;

use jiff::Timestamp;

use super::timeline::{Entry, Waiting};
use crate::model::Share;
use crate::rollout::{Event, Happened, Wait};

/// What has happened so far.
#[derive(Debug)]
pub(super) struct Recorder {
    start: Timestamp,
    /// In order.
    pub entries: Vec<Entry>,
    share: Share,
    /// The last wait is still under way.
    open: bool,
}

impl Recorder {
    pub fn new(start: Timestamp) -> Recorder {
        Recorder { start, entries: Vec::new(), share: Share::ZERO, open: false }
    }

    /// A moment, from the start.
    pub fn offset(&self, at: Timestamp) -> Duration {
        Duration::try_from(at.duration_since(self.start)).unwrap_or_default()
    }

    /// What the engine says that happened.
    pub fn events(&mut self, events: &[Event]) {
        for event in events {
            let of_candidate = event.candidate.as_ref().map(|candidate| event.after.share_of(candidate));
            self.share = of_candidate.unwrap_or(self.share);
            let by = event.by.as_ref().map(|by| by.name.clone());
            self.push(event.at, Some(event.what), event.step, event.text.clone(), by);
        }
    }

    /// What the scenario did.
    pub fn note(&mut self, at: Timestamp, text: impl Into<String>) {
        let step = self.entries.last().and_then(|entry| entry.step);
        self.push(at, None, step, text.into(), None);
    }

    fn push(&mut self, at: Timestamp, what: Option<Happened>, step: Option<(u32, u32)>, text: String, by: Option<String>) {
        self.close(at);
        let entry = Entry { offset: self.offset(at), what, step, text, by, share: self.share, waits: Vec::new() };
        self.entries.push(entry);
    }

    /// What is waited for from now on.
    pub fn wait(&mut self, now: Timestamp, wait: Option<&Wait>) {
        let Some(wait) = wait else { return self.close(now) };
        // Data does not come because it is looked for.
        let until = wait.until().filter(|until| *until > now && !matches!(wait, Wait::Data(_)));
        let (text, from) = (wait.text(), self.offset(now));
        let until = until.map(|until| self.offset(until));
        let last = self.entries.last_mut().and_then(|entry| entry.waits.last_mut());
        if let Some(last) = last.filter(|last| self.open && last.text == text) {
            last.until = until;
            return;
        }
        self.close(now);
        if let Some(entry) = self.entries.last_mut() {
            entry.waits.push(Waiting { text, from, until, lasted: None });
            self.open = true;
        }
    }

    /// What was waited for is over. What took no time was no wait.
    pub fn close(&mut self, now: Timestamp) {
        let now = self.offset(now);
        if let Some(waits) = self.entries.last_mut().map(|entry| &mut entry.waits).filter(|_| self.open) {
            if let Some(last) = waits.last_mut() {
                last.lasted = Some(now.saturating_sub(last.from));
            }
            waits.retain(|wait| wait.lasted != Some(Duration::ZERO));
        }
        self.open = false;
    }

    /// How often that kind of thing happened.
    pub fn count(&self, what: Happened) -> usize {
        self.entries.iter().filter(|entry| entry.what == Some(what)).count()
    }
}
