//! The configuration in force, and the doors of the ports that come with it.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;

use super::doors::{self, Ports};
use crate::diag::{Label, Problem, Severity, SourceFile};
use crate::model::{self, Config};
use crate::sources::{DirectoryState, Generation};
use crate::tls::Doors;

/// What a generation says of the configuration.
#[derive(Debug)]
pub enum Taken {
    /// This is what holds from now on, if the generation is accepted.
    Now(Arc<Config>, Ports),
    /// It cannot be said before the files in `wanted` are read, too.
    Unread,
    /// There is none that could be used, and none to go on with.
    Nothing,
}

/// The configuration in force.
#[derive(Debug)]
pub struct Settings {
    /// The file was named, so its absence is no choice.
    named: bool,
    config: Option<Arc<Config>>,
    /// Path and text of the file that it comes from.
    text: Option<(String, String)>,
    ports: Ports,
    wanted: BTreeSet<String>,
    doors: watch::Sender<Option<Doors>>,
}

impl Settings {
    /// Nothing yet. `named` says that a configuration file was asked for by its path.
    pub fn new(named: bool) -> Settings {
        let (config, text, ports, wanted) = (None, None, Ports::default(), BTreeSet::new());
        Settings { named, config, text, ports, wanted, doors: watch::Sender::new(None) }
    }

    /// How connections are let in; `None` until it is known.
    pub fn doors(&self) -> watch::Receiver<Option<Doors>> {
        self.doors.subscribe()
    }

    /// The configuration in force.
    pub fn config(&self) -> Option<&Arc<Config>> {
        self.config.as_ref()
    }

    /// Path and text of its file.
    pub fn text(&self) -> Option<&(String, String)> {
        self.text.as_ref()
    }

    /// The files that it names, to be read with the next generation.
    pub fn wanted(&self) -> &BTreeSet<String> {
        &self.wanted
    }

    /// What was in force before the start. Its TLS files are not read yet, so where it asks for TLS nobody is let in.
    pub fn recall(&mut self, path: &str, text: &str) {
        let file = Arc::new(SourceFile { path: path.to_owned(), text: text.to_owned() });
        let Some(config) = model::read_config(&file).value else { return };
        self.text = Some((path.to_owned(), text.to_owned()));
        self.wanted = doors::files(&config, path);
        self.ports = Ports::of(&config, path, &Default::default(), &self.ports).0;
        self.config = Some(Arc::new(config));
    }

    /// What was served without a configuration file was served by the default one.
    pub fn recall_default(&mut self) {
        self.config.get_or_insert_default();
    }

    /// Reads the configuration of a generation. Where it cannot be used, the one in force stays.
    pub fn take(&mut self, generation: &Generation, problems: &mut Vec<Problem>) -> Taken {
        let missed = generation.config.is_none() && !self.named;
        if missed && generation.directory != DirectoryState::Present {
            return self.as_before(generation);
        }
        if missed {
            if !self.asks_for_tls() {
                (self.text, self.wanted) = (None, BTreeSet::new());
                return Taken::Now(self.config_like(&Config::default()), Ports::default());
            }
            problems.push(self.gone());
        }
        // It is there and cannot be read: it is as it was.
        let file = generation.config.as_ref().and_then(|path| generation.files.get(path));
        let document = file.map(model::read_config);
        problems.extend(document.iter().flat_map(|document| document.problems.clone()));
        let new = document.as_ref().and_then(|document| document.value.as_ref());
        self.wanted = self.files(new.zip(file).map(|(config, file)| (config, file.path.as_str())));
        if !self.wanted.is_subset(&generation.extra) {
            return Taken::Unread;
        }
        if let (Some(document), Some(config)) = (&document, new) {
            let (ports, troubles) = Ports::of(config, &document.file.path, &generation.files, &self.ports);
            problems.extend(troubles.iter().map(|trouble| doors::problem(document, trouble)));
            if troubles.is_empty() || !ports.is_shut() {
                self.text = Some((document.file.path.clone(), document.file.text.clone()));
                return Taken::Now(self.config_like(config), ports);
            }
            if self.config.is_none() {
                self.ports = ports;
            }
        }
        self.as_before(generation)
    }

    /// The configuration in use, if it says the same: who knows its place in that need not find it again.
    fn config_like(&self, config: &Config) -> Arc<Config> {
        let same = self.config.as_ref().filter(|old| ***old == *config).cloned();
        same.unwrap_or_else(|| Arc::new(config.clone()))
    }

    /// Goes on with what is in force, with its files as they are now.
    fn as_before(&mut self, generation: &Generation) -> Taken {
        let Some(config) = self.config.clone() else { return Taken::Nothing };
        let path = self.text.as_ref().map_or("", |(path, _)| path);
        let ports = Ports::of(&config, path, &generation.files, &self.ports).0;
        self.ports = ports.clone();
        if ports.doors().xds.is_shut() { Taken::Nothing } else { Taken::Now(config, ports) }
    }

    /// From now on this holds.
    pub fn accept(&mut self, config: Arc<Config>, ports: Ports) {
        (self.config, self.ports) = (Some(config), ports);
        self.open();
    }

    /// The generation is not accepted, so what is in force stays. Where nothing is, the ports do as it says all the same: what there is
    /// to see of a server that serves nothing is not for everyone either.
    pub fn stay(&mut self, taken: Taken) {
        if let (Taken::Now(_, ports), None) = (taken, &self.config) {
            self.ports = ports;
        }
        self.open();
    }

    /// Tells the ports, if they do not know it yet.
    fn open(&self) {
        let doors = self.ports.doors();
        self.doors.send_if_modified(|told| {
            let other = told.as_ref() != Some(&doors);
            if other {
                *told = Some(doors);
            }
            other
        });
    }

    fn files(&self, new: Option<(&Config, &str)>) -> BTreeSet<String> {
        let now = self.config.as_deref().zip(self.text.as_ref().map(|(path, _)| path.as_str()));
        [new, now].into_iter().flatten().flat_map(|(config, path)| doors::files(config, path)).collect()
    }

    fn asks_for_tls(&self) -> bool {
        self.config.as_ref().is_some_and(|config| config.xds_tls.is_some() || config.admin_tls.is_some())
    }

    /// Locks are not taken off by losing a file.
    fn gone(&self) -> Problem {
        let path = self.text.as_ref().map(|(path, _)| path.clone()).unwrap_or_default();
        Problem {
            code: GONE,
            severity: Severity::Error,
            title: "the configuration is gone, and TLS was asked for in it".to_owned(),
            primary: Label { file: Arc::new(SourceFile { path, text: String::new() }), span: 0..0, text: String::new() },
            related: Vec::new(),
            help: Some("it stays in force; put the file back, without `tls` to do without".to_owned()),
        }
    }
}

/// Code of a configuration that is gone and stays in force.
const GONE: &str = "T903";
