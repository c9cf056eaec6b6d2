//! The one thread that changes what is served.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use super::assembly::{self, Assembly, Served};
use super::doors::Ports;
use super::reading::{Files, Reading};
use super::settings::{Settings, Taken};
use super::status::{FileState, ServerStatus, ServiceStatus};
use crate::diag::{Label, Problem, Severity, SourceFile};
use crate::model::{self, Config};
use crate::snapshot::{Service, Snapshot};
use crate::sources::{DirectoryState, Generation};
use crate::store::{Store, StoreError, Texts};
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
    store: Store,
    outputs: Outputs,
    served: Served,
    read: Served,
    /// What was served before the start, as far as the store has it: what clients may hold that come back.
    recalled: Option<Snapshot>,
    settings: Settings,
    /// Files whose last good content is served, since when and why.
    stale: BTreeMap<String, (Timestamp, String)>,
    generation: u64,
    failed_loads: u64,
}

impl Control {
    /// A writer that begins with what was served last, as the store has it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn new(options: Options, store: Store, outputs: Outputs) -> Result<Control, StoreError> {
        let mut control = Control {
            options,
            outputs,
            served: Served::new(),
            read: Served::new(),
            recalled: None,
            settings: Settings::new(options.config_required),
            stale: BTreeMap::new(),
            generation: 0,
            failed_loads: 0,
            store,
        };
        control.recall()?;
        Ok(control)
    }

    /// How connections are let in on the ports; `None` until it is known.
    pub fn doors(&self) -> watch::Receiver<Option<Doors>> {
        self.settings.doors()
    }

    /// Takes in generations until there are no more. Blocks; it is given a thread of its own.
    pub fn run(mut self, mut generations: mpsc::Receiver<Generation>) {
        while let Some(generation) = generations.blocking_recv() {
            self.take(&generation, Timestamp::now());
        }
    }

    /// Reads what the store has: the content from which a broken file falls back.
    fn recall(&mut self) -> Result<(), StoreError> {
        let texts = self.store.last_good()?;
        let files: Files = texts.into_iter().map(|(path, text)| (path.clone(), Arc::new(SourceFile { path, text }))).collect();
        if let Some(file) = files.iter().find_map(|(path, file)| path.strip_prefix(CONFIG_MARK).map(|path| (path, file))) {
            self.settings.recall(file.0, &file.1.text);
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
        if let Some(config) = self.settings.config().cloned().filter(|_| !self.served.is_empty()) {
            self.recalled = Some(Snapshot::new(0, self.services(), config, None));
        }
        let wanted = assembly::endpoint_files(self.read.values());
        self.outputs.endpoint_files.send_replace(&wanted | self.settings.wanted());
        Ok(())
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
        let releases: Vec<&str> = files.keys().map(String::as_str).filter(|path| self.is_release(generation, path)).collect();
        if let Some(reason) = self.refuse_directory(generation, &releases) {
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
        let made = assembly::assemble(&files, &releases, &self.served, &self.read, Some(config.as_ref()));
        let wanted = &assembly::endpoint_files(made.read.values().chain(made.served.values())) | self.settings.wanted();
        self.read = made.read.clone();
        if self.ask_for(wanted, generation) {
            return;
        }
        problems.extend(made.problems.iter().cloned());
        if made.served.is_empty() && !releases.is_empty() && self.outputs.published.borrow().is_none() {
            let reason = "no release file is good, and there is no earlier content to go on with".to_owned();
            self.settings.stay(Taken::Now(config, ports));
            return self.publish_status(problems, Some(reason), now);
        }
        if let Err(error) = self.store.keep(&texts(&made.served, self.settings.text())) {
            tracing::error!(%error, "the release files are not taken in");
            self.settings.stay(Taken::Now(config, ports));
            let reason = format!("what the files say now cannot be written down, so what was served stays: {error}");
            return self.publish_status(problems, Some(reason), now);
        }
        self.accept(made, (config, ports), problems, now);
    }

    /// After a restart, what the store has is what the Envoys have; it is served until the directory says otherwise.
    fn serve_last_good(&mut self) {
        if self.outputs.published.borrow().is_none() && !self.served.is_empty() {
            self.publish_snapshot(self.settings.config().cloned().unwrap_or_default());
        }
    }

    fn services(&self) -> Vec<Arc<Service>> {
        self.served.values().filter_map(|reading| reading.service.clone()).collect()
    }

    fn publish_snapshot(&self, config: Arc<Config>) {
        let before = self.outputs.published.borrow().clone();
        let before = before.as_deref().or(self.recalled.as_ref());
        let snapshot = Snapshot::new(self.generation, self.services(), config, before);
        snapshot.prepare();
        self.outputs.published.send_replace(Some(Arc::new(snapshot)));
    }

    /// The files of a generation. What is served and cannot be read now is taken to be as it was: it is not gone.
    fn fill_in(&self, generation: &Generation) -> (Files, Vec<Problem>) {
        let mut files = generation.files.clone();
        for reading in self.served.values() {
            for (path, file) in reading.sources().filter(|(path, _)| generation.is_unknown(path)) {
                files.entry(path.to_owned()).or_insert_with(|| file.clone());
            }
        }
        let problems = generation.unreadable.iter().map(|(path, reason)| unreadable(path, reason)).collect();
        (files, problems)
    }

    fn is_release(&self, generation: &Generation, path: &str) -> bool {
        generation.config.as_deref() != Some(path) && model::is_release_file(path)
    }

    /// Empty is never authoritative: a directory that is gone, or has lost all its files at once, is a failed mount.
    fn refuse_directory(&self, generation: &Generation, releases: &[&str]) -> Option<String> {
        let kept = match self.served.len() {
            0 => "nothing is served until it is there".to_owned(),
            1 => "1 service keeps being served as it was".to_owned(),
            count => format!("{count} services keep being served as they were"),
        };
        match &generation.directory {
            DirectoryState::Missing => Some(format!("the directory does not exist; {kept}")),
            DirectoryState::Unreadable(reason) => Some(format!("the directory cannot be read ({reason}); {kept}")),
            DirectoryState::Present if releases.is_empty() && !self.options.allow_empty => {
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

    fn accept(&mut self, made: Assembly, (config, ports): (Arc<Config>, Ports), problems: Vec<Problem>, now: Timestamp) {
        let first = self.outputs.published.borrow().is_none();
        let changed = first || !same(&self.served, &made.served) || self.settings.config() != Some(&config);
        self.generation += 1;
        self.warn_of_listeners_taken_away(&config);
        self.settings.accept(config.clone(), ports);
        self.served = made.served;
        if changed {
            self.publish_snapshot(config);
        }
        let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
        self.failed_loads += u64::from(errors > 0);
        self.log(changed, errors, &problems);
        self.stale = made.stale.into_iter().map(|(path, problem)| (path.clone(), self.since(path, problem, now))).collect();
        self.publish_status(problems, None, now);
    }

    /// Since when a file is stale: since it became so, and for the problem it has now.
    fn since(&self, path: String, problem: String, now: Timestamp) -> (Timestamp, String) {
        (self.stale.get(&path).map_or(now, |(since, _)| *since), problem)
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
        let services = self.served.values().filter_map(|reading| {
            let state = self
                .stale
                .get(reading.path())
                .map_or(FileState::Current, |(since, problem)| FileState::Stale { since: *since, problem: problem.clone() });
            reading.release().map(|release| ServiceStatus::new(release, reading.path(), state))
        });
        let mut services: Vec<ServiceStatus> = services.collect();
        services.sort_by(|a, b| a.name.cmp(&b.name));
        let before = self.outputs.status.borrow().clone();
        let status = ServerStatus {
            generation: self.generation,
            loaded_at: if directory.is_none() { Some(now) } else { before.loaded_at },
            ready: self.outputs.published.borrow().is_some(),
            services: if self.outputs.published.borrow().is_some() { services } else { Vec::new() },
            problems,
            directory,
            failed_loads: self.failed_loads,
            config: self.settings.config().cloned().unwrap_or_default(),
        };
        self.outputs.status.send_replace(Arc::new(status));
    }
}

/// The store keeps the configuration file beside the release files, under a path that none of those can have.
const CONFIG_MARK: &str = "config:";

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

fn texts(served: &Served, config: Option<&(String, String)>) -> Texts {
    let releases = served.values().flat_map(|reading| reading.sources()).map(|(path, file)| (path.to_owned(), file.text.clone()));
    releases.chain(config.map(|(path, text)| (format!("{CONFIG_MARK}{path}"), text.clone()))).collect()
}

/// Whether the same is served: by identity, because a reading is made again only when a text changes, and by content, because a
/// comment changes the text alone.
fn same(a: &Served, b: &Served) -> bool {
    let equal = |(a, b): (&Arc<Reading>, &Arc<Reading>)| {
        Arc::ptr_eq(a, b) || a.service.as_ref().map(|s| s.objects()) == b.service.as_ref().map(|s| s.objects())
    };
    a.len() == b.len() && a.keys().eq(b.keys()) && a.values().zip(b.values()).all(equal)
}
