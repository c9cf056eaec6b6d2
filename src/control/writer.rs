//! The one thread that changes what is served.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use super::assembly::{self, Assembly, Served};
use super::doors::Ports;
use super::engine::{self, Came, Errands};
use super::kept::Kept;
use super::reading::{Files, Reading};
use super::refusal;
use super::rollouts::Rollouts;
use super::settings::{Settings, Taken};
use super::status::ServerStatus;
use super::statuses::Statuses;
use super::touched::Last;
use super::wants::AllWants;
use super::world::World;
use crate::diag::{Label, Problem, Severity, SourceFile};
use crate::model::{self, Config};
use crate::rollout::{self, Answer};
use crate::snapshot::{Services, Snapshot};
use crate::sources::{DirectoryState, Generation};
use crate::store::{Store, StoreError};
use crate::tls::Doors;

/// What the operator decides.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Serves an empty directory as what it is. Without it, a directory without release files is taken for a failed mount.
    pub allow_empty: bool,
    /// A configuration file was named, so its absence is an error and not a choice.
    pub config_required: bool,
}

/// Where the writer publishes.
#[derive(Debug)]
pub struct Outputs {
    /// For the faces.
    pub status: watch::Sender<Arc<ServerStatus>>,
    /// For the streams.
    pub published: watch::Sender<Option<Arc<Snapshot>>>,
    /// For the sources: files to be read beside the release files.
    pub endpoint_files: watch::Sender<BTreeSet<String>>,
}

/// The writer.
#[derive(Debug)]
pub struct Control {
    options: Options,
    pub(super) kept: Kept,
    outputs: Outputs,
    /// What rollouts need of the world.
    pub(super) world: World,
    /// What is to be done for them.
    pub(super) errands: Errands,
    pub(super) served: Served,
    read: Served,
    /// The file of each service that is served.
    pub(super) paths: BTreeMap<String, String>,
    pub(super) services: Services,
    pub(super) rollouts: Rollouts,
    pub(super) wants: AllWants,
    /// Answers to calls, by token, with the try that they answer.
    pub(super) answers: HashMap<String, (u32, Answer)>,
    /// The generation that was read last, if a file of it is refused because of a rollout.
    refused: Option<Generation>,
    /// The generation that was accepted last, if what came after it changed nothing.
    last: Option<Last>,
    /// What was served before the start, as far as the store has it: what clients may hold that come back.
    recalled: Option<Snapshot>,
    pub(super) settings: Settings,
    statuses: Statuses,
    /// The statuses say something that is not published.
    untold: bool,
    pub(super) generation: u64,
    /// Counts what was published.
    pub(super) snapshots: u64,
    failed_loads: u64,
}

impl Control {
    /// A writer that begins with what was served last, as the store has it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn new(options: Options, store: Store, outputs: Outputs, world: World, errands: Errands) -> Result<Control, StoreError> {
        let rollouts = engine::recalled(&store)?;
        let mut control = Control {
            options,
            outputs,
            world,
            errands,
            served: Served::new(),
            read: Served::new(),
            paths: BTreeMap::new(),
            services: Services::new(),
            rollouts,
            wants: AllWants::default(),
            answers: HashMap::new(),
            refused: None,
            last: None,
            recalled: None,
            settings: Settings::new(options.config_required),
            statuses: Statuses::default(),
            untold: false,
            generation: 0,
            snapshots: 0,
            failed_loads: 0,
            kept: Kept::recall(store)?,
        };
        control.recall();
        Ok(control)
    }

    /// How connections are let in on the ports; `None` until it is known.
    pub fn doors(&self) -> watch::Receiver<Option<Doors>> {
        self.settings.doors()
    }

    /// Reads what the store has: the content from which a broken file falls back.
    fn recall(&mut self) {
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
    fn recall_service(&mut self, reading: &Arc<Reading>, now: Timestamp) {
        let Some(release) = reading.release() else { return };
        let state = self.rollouts.state(&release.service);
        let outcome = rollout::Outcome { state, events: Vec::new(), wait: None, wake_at: None, again: true };
        self.rollouts.put(release, &outcome, now);
        self.paths.insert(release.service.clone(), reading.path().to_owned());
        self.put_service(reading);
    }

    /// Takes in one generation: decides, writes, publishes. What cannot be written is not served, because it could be forgotten; what
    /// was served before stays.
    pub fn take(&mut self, generation: &Generation, now: Timestamp) {
        let mut problems = Vec::new();
        let taken = self.settings.take(generation, &mut problems);
        if matches!(taken, Taken::Unread) {
            return self.ask_for_settings();
        }
        let (files, unread) = self.fill_in(generation);
        let is_empty = releases(&files, generation).next().is_none();
        if let Some(reason) = self.refuse_directory(generation, is_empty) {
            tracing::warn!(reason, "the directory is not taken in");
            self.settings.stay(taken);
            self.serve_last_good();
            return self.publish_status(problems, Some(reason), now);
        }
        problems.splice(0..0, unread);
        let Taken::Now(config, ports) = taken else {
            self.settings.stay(taken);
            let reason =
                "the configuration file, or one that it names, is missing or broken, and there is no earlier one to go on with"
                    .to_owned();
            return self.publish_status(problems, Some(reason), now);
        };
        let made = self.assemble(&files, generation, &config, now);
        self.refused = (!made.refused.is_empty()).then(|| generation.clone());
        let wanted = &made.endpoint_files | self.settings.wanted();
        self.read = made.read.clone();
        if self.ask_for(wanted, generation) {
            return;
        }
        problems.extend(made.problems.iter().cloned());
        if made.served.is_empty() && !is_empty && self.outputs.published.borrow().is_none() {
            let reason = "no release file is good, and there is no earlier content to go on with".to_owned();
            self.settings.stay(Taken::Now(config, ports));
            return self.publish_status(problems, Some(reason), now);
        }
        let came = self.edited(&made, now);
        let numbers = match self.keep(&made, &came) {
            Ok(numbers) => numbers,
            Err(error) => {
                tracing::error!(%error, "the release files are not taken in");
                self.settings.stay(Taken::Now(config, ports));
                let reason = format!("what the files say now cannot be written down, so what was served stays: {error}");
                return self.publish_status(problems, Some(reason), now);
            }
        };
        let (config_path, files) = (generation.config.clone(), files);
        let last = Last { files, config_path, config: config.clone(), made };
        self.accept(last, ports, problems, &came, now);
        self.tell(&came, &numbers);
        self.tick(now);
    }

    /// What the edits of a generation do to rollouts: of every service whose file reads otherwise than what is served, or that is new.
    fn edited(&self, made: &Assembly, now: Timestamp) -> Vec<Came> {
        let came = |path: &String| {
            let new = made.served.get(path)?;
            let same = self.served.get(path).is_some_and(|old| Arc::ptr_eq(old, new));
            let release = new.release().filter(|release| !same || !self.rollouts.is_known(&release.service))?;
            // What cannot be taken in was refused when the files were put together.
            let outcome = rollout::edit(release, &self.rollouts.state(&release.service), now).ok()?;
            Some((release.service.clone(), outcome))
        };
        match &made.touched {
            Some(touched) => touched.iter().filter_map(came).collect(),
            None => made.served.keys().filter_map(came).collect(),
        }
    }

    /// Texts, states and what happened, in one transaction. The numbers of what happened.
    fn keep(&mut self, made: &Assembly, came: &[Came]) -> Result<Vec<u64>, StoreError> {
        let other = |(name, outcome): &&Came| !self.rollouts.is_written(name) || self.rollouts.state(name) != outcome.state;
        let mut states: Vec<(&str, Option<String>)> =
            came.iter().filter(other).map(|(name, outcome)| (name.as_str(), engine::state_text(&outcome.state))).collect();
        let gone = self.gone(made);
        states.extend(gone.iter().map(|name| (name.as_str(), None)));
        let history = engine::entries(came, self.generation + 1);
        self.kept.keep(&self.served, made, self.settings.text(), &states, &history)
    }

    /// Services that are served, and will not be.
    fn gone(&self, made: &Assembly) -> Vec<String> {
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

    /// Files that were refused because of a rollout are looked at again once that has moved on.
    pub(super) fn reconsider(&mut self, now: Timestamp) {
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

    fn refusal(&self, reading: &Reading, now: Timestamp) -> Option<Problem> {
        let release = reading.release()?;
        let refused = rollout::edit(release, &self.rollouts.state(&release.service), now).err()?;
        Some(refusal::problem(&reading.document, &refused))
    }

    /// What of the files is to be served: at the price of those that changed, if it can be. What was accepted last counts no more until
    /// this is.
    fn assemble(&mut self, files: &Files, generation: &Generation, config: &Arc<Config>, now: Timestamp) -> Assembly {
        let last = self.last.take();
        let refuse = |reading: &Reading| self.refusal(reading, now);
        let next = last.and_then(|last| last.next(files, generation.config.as_deref(), config, &refuse));
        next.unwrap_or_else(|| {
            let releases: Vec<&str> = releases(files, generation).collect();
            assembly::assemble(files, &releases, &self.served, &self.read, Some(config.as_ref()), &refuse)
        })
    }

    /// After a restart, what the store has is what the Envoys have; it is served until the directory says otherwise.
    fn serve_last_good(&mut self) {
        if self.outputs.published.borrow().is_none() && !self.served.is_empty() {
            self.publish_snapshot(self.settings.config().cloned().unwrap_or_default());
        }
    }

    pub(super) fn publish_snapshot(&mut self, config: Arc<Config>) {
        self.snapshots += 1;
        let before = self.outputs.published.borrow().clone();
        let before = before.as_deref().or(self.recalled.as_ref());
        let snapshot = Snapshot::new(self.snapshots, self.services.clone(), config, before);
        snapshot.prepare();
        self.outputs.published.send_replace(Some(Arc::new(snapshot)));
    }

    /// The files of a generation. What is served and cannot be read now is taken to be as it was: it is not gone.
    fn fill_in(&self, generation: &Generation) -> (Files, Vec<Problem>) {
        let mut files = generation.files.clone();
        if generation.unreadable.is_empty() && generation.directory == DirectoryState::Present {
            return (files, Vec::new());
        }
        for reading in self.served.values() {
            for (path, file) in reading.sources().filter(|(path, _)| generation.is_unknown(path)) {
                if !files.contains_key(path) {
                    files.insert(path.to_owned(), file.clone());
                }
            }
        }
        let problems = generation.unreadable.iter().map(|(path, reason)| unreadable(path, reason)).collect();
        (files, problems)
    }

    /// Empty is never authoritative: a directory that is gone, or has lost all its files at once, is a failed mount.
    fn refuse_directory(&self, generation: &Generation, is_empty: bool) -> Option<String> {
        let kept = match self.served.len() {
            0 => "nothing is served until it is there".to_owned(),
            1 => "1 service keeps being served as it was".to_owned(),
            count => format!("{count} services keep being served as they were"),
        };
        match &generation.directory {
            DirectoryState::Missing => Some(format!("the directory does not exist; {kept}")),
            DirectoryState::Unreadable(reason) => Some(format!("the directory cannot be read ({reason}); {kept}")),
            DirectoryState::Present if is_empty && !self.options.allow_empty => {
                Some(format!("the directory has no release files; {kept} (--allow-empty serves an empty directory)"))
            }
            DirectoryState::Present => None,
        }
    }

    /// Asks the sources for the endpoint files that are wanted. True if this generation was read without some of them, so that the
    /// next one is to be waited for.
    fn ask_for(&self, wanted: BTreeSet<String>, generation: &Generation) -> bool {
        let unread = wanted.iter().any(|path| !generation.extra.contains(path));
        self.outputs.endpoint_files.send_if_modified(|asked| {
            let changed = *asked != wanted;
            *asked = wanted;
            changed
        });
        unread
    }

    /// Asks for the files that the configuration names, beside what was asked for before.
    fn ask_for_settings(&self) {
        self.outputs.endpoint_files.send_modify(|asked| asked.extend(self.settings.wanted().iter().cloned()));
    }

    fn accept(&mut self, last: Last, ports: Ports, problems: Vec<Problem>, came: &[Came], now: Timestamp) {
        let (made, config) = (&last.made, last.config.clone());
        let first = self.outputs.published.borrow().is_none();
        let mut changed = first || self.differs(made) || self.settings.config() != Some(&config);
        self.generation += 1;
        self.warn_of_listeners_taken_away(&config);
        self.settings.accept(config.clone(), ports);
        let (before, gone) = (self.served.clone(), self.gone(made));
        gone.iter().for_each(|name| self.forget(name));
        self.served = made.served.clone();
        self.serve(&before, made);
        for (name, outcome) in came {
            changed |= self.come(name, outcome, now);
        }
        self.statuses.accept(&before, made, &self.rollouts, now);
        self.last = Some(last);
        if changed {
            self.publish_snapshot(config);
            // What is served of these is other, or new, and they wait for its acknowledgement.
            came.iter().for_each(|(name, _)| self.rollouts.published(name, self.snapshots, now));
        }
        let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
        self.failed_loads += u64::from(errors > 0);
        self.log(changed, errors, &problems);
        self.publish_status(problems, None, now);
    }

    /// Whether what is served will be other: told by identity, because a reading is made again only when a text changes, and by
    /// content, because a comment changes the text alone.
    fn differs(&self, made: &Assembly) -> bool {
        let differs = |path: &String| match (self.served.get(path), made.served.get(path)) {
            (Some(a), Some(b)) => !Arc::ptr_eq(a, b) && a.service != b.service,
            (a, b) => a.is_some() != b.is_some(),
        };
        match &made.touched {
            Some(touched) => touched.iter().any(differs),
            None => self.served.len() != made.served.len() || made.served.keys().any(differs),
        }
    }

    /// Puts in place what reads otherwise, as far as its rollout was before the edit.
    fn serve(&mut self, before: &Served, made: &Assembly) {
        let changed = |path: &&String| match (before.get(*path), made.served.get(*path)) {
            (Some(old), Some(new)) => !Arc::ptr_eq(old, new),
            (old, new) => old.is_some() != new.is_some(),
        };
        let paths: BTreeSet<&String> = match &made.touched {
            Some(touched) => touched.iter().filter(changed).collect(),
            None => made.served.keys().chain(before.keys()).filter(changed).collect(),
        };
        for old in paths.iter().filter_map(|path| before.get(*path)?.release()) {
            self.services.remove(&old.service);
            self.paths.remove(&old.service);
        }
        for reading in paths.iter().filter_map(|path| made.served.get(*path)) {
            if let Some(release) = reading.release() {
                self.paths.insert(release.service.clone(), reading.path().to_owned());
                self.put_service(reading);
            }
        }
    }

    /// A service has come to a state by an edit. True if something else is served of it than its file alone says.
    fn come(&mut self, name: &str, outcome: &rollout::Outcome, now: Timestamp) -> bool {
        let Some(reading) = self.paths.get(name).and_then(|path| self.served.get(path)).cloned() else { return false };
        let Some(release) = reading.release() else { return false };
        let moved = self.rollouts.put(release, outcome, now);
        self.put_service(&reading);
        moved
    }

    fn forget(&mut self, name: &str) {
        self.rollouts.remove(name);
        self.wants.set(name, Default::default());
    }

    /// A service's status says how far its rollout is, when it is published next.
    pub(super) fn tell_status_of(&mut self, name: &str) {
        if let Some(reading) = self.paths.get(name).and_then(|path| self.served.get(path)) {
            self.statuses.moved(reading, &self.rollouts);
            self.untold = true;
        }
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

    /// A listener that is taken away closes a port on every Envoy that has it, and a deleted configuration file takes all.
    fn warn_of_listeners_taken_away(&self, config: &Config) {
        let before = self.settings.config().into_iter().flat_map(|config| &config.listeners);
        let gone = before.filter(|old| !config.listeners.iter().any(|new| new.name == old.name));
        let gone: Vec<&str> = gone.map(|listener| listener.name.as_str()).collect();
        if !gone.is_empty() {
            tracing::warn!(listeners = gone.join(", "), "listeners are taken away from the fleet");
        }
    }

    fn log(&self, changed: bool, errors: usize, problems: &[Problem]) {
        let (generation, services) = (self.generation, self.served.len());
        tracing::info!(generation, services, changed, errors, "the release files were taken in");
        if !problems.is_empty() {
            tracing::warn!("problems: {}\n{}", problems.len(), crate::diag::render(problems, false));
        }
    }

    fn publish_status(&mut self, problems: Vec<Problem>, directory: Option<String>, now: Timestamp) {
        let ready = self.outputs.published.borrow().is_some();
        let before = self.outputs.status.borrow().clone();
        let status = ServerStatus {
            generation: self.generation,
            snapshot: self.snapshots,
            loaded_at: if directory.is_none() { Some(now) } else { before.loaded_at },
            ready,
            services: if ready { self.statuses.services().clone() } else { Vec::new() },
            problems,
            directory,
            failed_loads: self.failed_loads,
            config: self.settings.config().cloned().unwrap_or_default(),
        };
        self.outputs.status.send_replace(Arc::new(status));
    }
}

/// The problem that a file or folder is there and cannot be read.
pub(super) fn unreadable(path: &str, reason: &str) -> Problem {
    let file = Arc::new(SourceFile { path: path.to_owned(), text: String::new() });
    Problem {
        code: UNREADABLE,
        severity: Severity::Error,
        title: format!("this cannot be read: {reason}"),
        primary: Label { file, span: 0..0, text: String::new() },
        related: Vec::new(),
        help: Some("give the user that runs tidegate the right to read it; until then its last good content is served".into()),
    }
}

/// Code of a file that is there and cannot be read.
const UNREADABLE: &str = "T901";

/// The release files among the files of a generation.
fn releases<'a>(files: &'a Files, generation: &'a Generation) -> impl Iterator<Item = &'a str> {
    let is_release = |path: &&str| generation.config.as_deref() != Some(*path) && model::is_release_file(path);
    files.keys().map(String::as_str).filter(is_release)
}
