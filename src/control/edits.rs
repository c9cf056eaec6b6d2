//! What the files of a generation do to rollouts: edits, files that are gone, and those that are refused for now.

use std::collections::BTreeSet;
use std::sync::Arc;

use imbl::ordmap::DiffItem;
use jiff::Timestamp;

use super::assembly::{Assembly, Served};
use super::engine::{self, Came};
use super::leaving::{candidate_serves, left};
use super::reading::{Files, Reading};
use super::refusal;
use super::writer::{Control, releases};
use crate::diag::Problem;
use crate::rollout;
use crate::sources::Generation;
use crate::store::StoreError;

impl Control {
    /// What the edits of a generation do to rollouts: of every service whose file reads otherwise than what is served, or that is new.
    pub(super) fn edited(&self, made: &Assembly, now: Timestamp) -> Vec<Came> {
        let came = |path: &String| {
            let new = made.served.get(path)?;
            let same = self.served.get(path).is_some_and(|old| Arc::ptr_eq(old, new));
            let release = new.release()?;
            if self.leaving.has(path) {
                return Some((release.service.clone(), left(release, &self.rollouts.state(&release.service), now)?));
            }
            // One that was deleted, and is there again before it was gone, begins anew.
            // After a start each file is held against its state: one may have been written down without the other being there any more.
            let started = self.generation == 0;
            if same && !started && self.rollouts.is_known(&release.service) && !self.was_leaving.contains(path) {
                return None;
            }
            // What cannot be taken in was refused when the files were put together.
            let mut outcome = rollout::edit(release, &self.rollouts.state(&release.service), now).ok()?;
            if started && !self.rollouts.is_written(&release.service) {
                say_that_nothing_is_known(&release.service, &mut outcome);
            }
            Some((release.service.clone(), outcome))
        };
        match &made.touched {
            _ if self.generation == 0 => made.served.keys().filter_map(came).collect(),
            // Of one that leaves, or is back, the text is what it was.
            Some(touched) => (&(touched | &self.leaving.paths()) | &self.was_leaving).iter().filter_map(came).collect(),
            None => made.served.keys().filter_map(came).collect(),
        }
    }

    /// Texts, states and what happened, in one transaction. The numbers of what happened.
    pub(super) fn keep(&mut self, made: &Assembly, came: &[Came]) -> Result<Vec<u64>, StoreError> {
        let other = |(name, outcome): &&Came| !self.rollouts.is_written(name) || self.rollouts.state(name) != outcome.state;
        let mut states: Vec<(&str, Option<String>)> =
            came.iter().filter(other).map(|(name, outcome)| (name.as_str(), engine::state_text(&outcome.state))).collect();
        let gone = self.gone(made);
        states.extend(gone.iter().map(|name| (name.as_str(), None)));
        let history = engine::entries(came, self.generation + 1);
        self.kept.keep(&self.served, made, self.settings.text(), &states, &history)
    }

    /// Services that are served, and will not be.
    pub(super) fn gone(&self, made: &Assembly) -> Vec<String> {
        let mut gone = match &made.touched {
            Some(touched) => {
                let names = |served: &Served| -> BTreeSet<String> {
                    let readings = touched.iter().filter_map(|path| served.get(path)?.release());
                    readings.map(|release| release.service.clone()).collect()
                };
                &names(&self.served) - &names(&made.served)
            }
            None => {
                let there: BTreeSet<&str> =
                    made.served.values().filter_map(|reading| Some(reading.release()?.service.as_str())).collect();
                self.paths.keys().filter(|name| !there.contains(name.as_str())).cloned().collect()
            }
        };
        if made.touched.is_none() {
            gone.extend(
                self.rollouts.unserved(made.served.values().filter_map(|reading| Some(reading.release()?.service.as_str()))),
            );
        }
        gone.into_iter().collect()
    }

    /// A file that is gone while its candidate has requests is served until these have returned to stable.
    pub(super) fn keep_leaving(&mut self, files: &mut Files, generation: &Generation, now: Timestamp) {
        self.was_leaving = self.leaving.paths();
        let mut gone = Vec::new();
        for (path, reading) in self.missing(files) {
            let Some(release) = reading.release() else { continue };
            let live = self.rollouts.get(&release.service);
            let serves = live.is_some_and(|live| candidate_serves(live) || (self.leaving.has(path) && live.settled.is_none()));
            if serves && !self.leaving.is_late(path, now) {
                gone.push((path.clone(), release.service.clone()));
            }
        }
        if !gone.is_empty() {
            // One that is in another file now has only moved, and its rollout goes on from there.
            let elsewhere = self.new_services(files, generation);
            gone.retain(|(_, service)| !elsewhere.contains(service));
        }
        for (path, _) in &gone {
            let sources = self.served.get(path).into_iter().flat_map(|reading| reading.sources());
            files.extend(sources.map(|(path, file)| (path.to_owned(), file.clone())));
        }
        self.leaving.set(gone, generation, now);
    }

    /// What is served and is not among these files, by path.
    fn missing<'a>(&'a self, files: &Files) -> Vec<(&'a String, &'a Arc<Reading>)> {
        let Some(last) = &self.last else {
            return self.served.iter().filter(|(path, _)| !files.contains_key(*path)).collect();
        };
        // What is served was among the files that were accepted last, and what both share is passed over whole.
        let gone = last.files.diff(files).filter_map(|change| match change {
            DiffItem::Remove(path, _) => self.served.get_key_value(path),
            DiffItem::Add(..) | DiffItem::Update { .. } => None,
        });
        gone.collect()
    }

    /// Services of files that are not served yet.
    fn new_services(&self, files: &Files, generation: &Generation) -> BTreeSet<String> {
        let new = releases(files, generation).filter(|path| !self.served.contains_key(*path));
        let readings = new.filter_map(|path| Some(Reading::new(files.get(path)?, files)));
        readings.filter_map(|reading| Some(reading.release()?.service.clone())).collect()
    }

    /// A service has come to a state by an edit. True if something else is served of it than its file alone says.
    pub(super) fn come(&mut self, name: &str, outcome: &rollout::Outcome, now: Timestamp) -> bool {
        let Some(reading) = self.paths.get(name).and_then(|path| self.served.get(path)).cloned() else { return false };
        let Some(release) = reading.release() else { return false };
        let before = self.rollouts.get(name).map(|live| live.traffic.clone());
        let moved = self.rollouts.put(release, outcome, now);
        if !self.put_service(&reading) {
            self.put_traffic(&reading, before.as_ref());
        }
        moved
    }

    pub(super) fn forget(&mut self, name: &str) {
        self.rollouts.remove(name);
        self.wants.set(name, Default::default());
    }

    /// Files that were refused because of a rollout are looked at again once that has moved on.
    pub(super) fn reconsider(&mut self, now: Timestamp) {
        if let Some(generation) = self.leaving.over(|service| self.rollouts.get(service), now) {
            self.last = None;
            self.take(&generation, now);
        }
        let Some(generation) = self.refused.take() else { return };
        let still = |reading: &Arc<Reading>| self.refusal(reading, now).is_some();
        let refused = self.last.as_ref().map(|last| last.made.refused.clone()).unwrap_or_default();
        if refused.iter().filter_map(|path| self.read.get(path)).all(still) {
            self.refused = Some(generation);
            return;
        }
        self.last = None;
        self.take(&generation, now);
    }

    pub(super) fn refusal(&self, reading: &Reading, now: Timestamp) -> Option<Problem> {
        let release = reading.release()?;
        let refused = rollout::edit(release, &self.rollouts.state(&release.service), now).err()?;
        Some(refusal::problem(&reading.document, &refused))
    }
}

/// A release that was under way when the journal was lost begins again, and nobody should have to guess why.
fn say_that_nothing_is_known(service: &str, outcome: &mut rollout::Outcome) {
    for event in outcome.events.iter_mut().filter(|event| event.what == rollout::Happened::Started) {
        tracing::warn!(service, candidate = event.candidate, "the journal has nothing of this release, so it begins from stable");
        event.reason = Some("the journal had nothing of it when the server started".to_owned());
    }
}
