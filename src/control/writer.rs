//! The one thread that changes what is served.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use super::assembly::{self, Assembly, Served};
use super::away::Away;
use super::doors::Ports;
use super::engine::{self, Came};
use super::errands::Errands;
use super::kept::Kept;
use super::leaving::Leaving;
use super::reading::{Files, Reading};
use super::rollouts::Rollouts;
use super::settings::{Settings, Taken};
use super::status::ServerStatus;
use super::statuses::Statuses;
use super::touched::Last;
use super::wants::AllWants;
use super::world::World;
use crate::diag::{Label, Problem, Severity, SourceFile};
use crate::model::{self, Config};
use crate::rollout::Answer;
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
    pub(super) options: Options,
    pub(super) kept: Kept,
    pub(super) outputs: Outputs,
    /// What rollouts need of the world.
    pub(super) world: World,
    /// What is to be done for them.
    pub(super) errands: Errands,
    pub(super) served: Served,
    pub(super) read: Served,
    /// The file of each service that is served.
    pub(super) paths: BTreeMap<String, String>,
    pub(super) services: Services,
    pub(super) rollouts: Rollouts,
    pub(super) wants: AllWants,
    /// Answers to calls, by token, with the try that they answer.
    pub(super) answers: HashMap<String, (u32, Answer)>,
    /// Nodes that have just gone.
    pub(super) away: Away,
    /// Why nothing can be written down any more.
    pub(super) broken: Option<StoreError>,
    /// The statuses say something that is not published.
    pub(super) untold: bool,
    /// Files that are gone, and still served.
    pub(super) leaving: Leaving,
    /// The same, before the generation that is being taken in.
    pub(super) was_leaving: BTreeSet<String>,
    /// The generation that was read last, if a file of it is refused because of a rollout.
    pub(super) refused: Option<Generation>,
    /// The generation that was accepted last, if what came after it changed nothing.
    pub(super) last: Option<Last>,
    /// What was served before the start, as far as the store has it: what clients may hold that come back.
    pub(super) recalled: Option<Snapshot>,
    pub(super) settings: Settings,
    pub(super) statuses: Statuses,
    pub(super) generation: u64,
    /// Counts what was published.
    pub(super) snapshots: u64,
    pub(super) failed_loads: u64,
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
            away: Away::default(),
            broken: None,
            untold: false,
            leaving: Leaving::default(),
            was_leaving: BTreeSet::new(),
            refused: None,
            last: None,
            recalled: None,
            settings: Settings::new(options.config_required),
            statuses: Statuses::default(),
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

    /// Takes in one generation: decides, writes, publishes. What cannot be written is not served, because it could be forgotten; what
    /// was served before stays.
    pub fn take(&mut self, generation: &Generation, now: Timestamp) {
        let mut problems = Vec::new();
        self.refused = None;
        let taken = self.settings.take(generation, &mut problems);
        if matches!(taken, Taken::Unread) {
            return self.ask_for_settings();
        }
        let (mut files, unread) = filled_in(&self.served, generation);
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
        self.keep_leaving(&mut files, generation, now);
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
                self.settings.stay(Taken::Now(config, ports));
                let reason = format!("what the files say now cannot be written down, so what was served stays: {error}");
                self.give_up(error);
                return self.publish_status(problems, Some(reason), now);
            }
        };
        let (config_path, files) = (generation.config.clone(), files);
        let last = Last { files, config_path, config: config.clone(), made };
        self.accept(last, ports, problems, &came, now);
        self.tell(&came, &numbers);
        self.tick(now);
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
        let config_changed = self.settings.config() != Some(&config);
        let mut changed = first || self.differs(made) || config_changed;
        self.generation += 1;
        self.warn_of_listeners_taken_away(&config);
        self.settings.accept(config.clone(), ports);
        let (before, gone) = (self.served.clone(), self.gone(made));
        gone.iter().for_each(|name| self.forget(name));
        self.served = made.served.clone();
        self.serve(&before, made, came);
        for (name, outcome) in came {
            changed |= self.come(name, outcome, now);
        }
        if changed {
            self.publish_snapshot(config);
            // What is served of these is other, or new, and they wait for its acknowledgement.
            came.iter().for_each(|(name, _)| self.rollouts.published(name, self.snapshots, now));
            if config_changed {
                // Other nodes may be of the fleets that get these.
                let of_fleets = |reading: &Arc<Reading>| {
                    reading.release().filter(|release| !release.fleets.is_empty()).map(|r| r.service.clone())
                };
                let names: Vec<String> = self.served.values().filter_map(of_fleets).collect();
                names.iter().for_each(|name| self.rollouts.published(name, self.snapshots, now));
            }
        }
        // Only now it is known which snapshot has what is served of each.
        self.statuses.accept(&before, made, &self.rollouts, now);
        if let Some(touched) = &made.touched {
            // Of one that leaves, or is back, the text is what it was.
            let elsewhere = |name: &&String| self.paths.get(*name).is_some_and(|path| !touched.contains(path));
            let names: Vec<&String> = came.iter().map(|(name, _)| name).filter(elsewhere).collect();
            names.into_iter().for_each(|name| self.tell_status_of(name));
        }
        self.last = Some(last);
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

    /// Puts in place what reads otherwise, as far as its rollout was before the edit. What an edit does to rollouts is translated once, when
    /// it comes.
    fn serve(&mut self, before: &Served, made: &Assembly, came: &[Came]) {
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
                if !came.iter().any(|(name, _)| *name == release.service) {
                    self.put_service(reading);
                }
            }
        }
    }
}

/// The files of a generation. What is served and cannot be read now is taken to be as it was: it is not gone.
pub(super) fn filled_in(served: &Served, generation: &Generation) -> (Files, Vec<Problem>) {
    let mut files = generation.files.clone();
    if generation.unreadable.is_empty() && generation.directory == DirectoryState::Present {
        return (files, Vec::new());
    }
    for reading in served.values() {
        for (path, file) in reading.sources().filter(|(path, _)| generation.is_unknown(path)) {
            if !files.contains_key(path) {
                files.insert(path.to_owned(), file.clone());
            }
        }
    }
    let problems = generation.unreadable.iter().map(|(path, reason)| unreadable(path, reason)).collect();
    (files, problems)
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
pub(super) fn releases<'a>(files: &'a Files, generation: &'a Generation) -> impl Iterator<Item = &'a str> {
    let is_release = |path: &&str| generation.config.as_deref() != Some(*path) && model::is_release_file(path);
    files.keys().map(String::as_str).filter(is_release)
}
