//! The server's own compiler, without a server: for looking at files before they are served.

use std::collections::BTreeSet;

use super::assembly::{self, Served};
use super::doors::{self, Ports};
use super::writer::unreadable;
use crate::diag::{Problem, Severity};
use crate::model::{self, Config, Release};
use crate::sources::Generation;
use crate::translate::ServiceObjects;

/// What the files of one generation come to where nothing was served before.
#[derive(Debug)]
pub struct Compiled {
    /// How many release files there are.
    pub releases: usize,
    /// The configuration; the default if there is none or it is broken.
    pub config: Config,
    /// The services of the good files, in order of their names.
    pub services: Vec<ServiceObjects>,
    /// What their files say, in the same order.
    pub served: Vec<Release>,
    /// Everything there is to say, errors first, then by place.
    pub problems: Vec<Problem>,
    /// The files that releases and the configuration refer to. If the generation was read without some of them, it is to be read again with all.
    pub endpoint_files: BTreeSet<String>,
}

/// Compiles the files of a generation as the server would on a first load.
pub fn compile(generation: &Generation) -> Compiled {
    let is_release = |path: &&str| generation.config.as_deref() != Some(*path) && model::is_release_file(path);
    let releases: Vec<&str> = generation.files.keys().map(String::as_str).filter(is_release).collect();
    let mut problems: Vec<Problem> = generation.unreadable.iter().map(|(path, reason)| unreadable(path, reason)).collect();
    let mut wanted = BTreeSet::new();
    let config = config_of(generation, &mut problems, &mut wanted);
    let made = assembly::assemble(&generation.files, &releases, &Served::new(), &Served::new(), config.as_ref(), &|_| None);
    problems.extend(made.problems);
    assembly::by_place(&mut problems);
    let mut services: Vec<ServiceObjects> =
        made.served.values().filter_map(|reading| Some(reading.service.as_ref()?.objects().clone())).collect();
    services.sort_by(|a, b| a.service.cmp(&b.service));
    let mut served: Vec<Release> = made.served.values().filter_map(|reading| reading.release().cloned()).collect();
    served.sort_by(|a, b| a.service.cmp(&b.service));
    Compiled {
        releases: releases.len(),
        config: config.unwrap_or_default(),
        services,
        served,
        problems,
        endpoint_files: &made.endpoint_files | &wanted,
    }
}

/// The configuration; `None` if there should be one and it cannot be read.
pub(super) fn config_of(generation: &Generation, problems: &mut Vec<Problem>, wanted: &mut BTreeSet<String>) -> Option<Config> {
    let Some(path) = &generation.config else { return Some(Config::default()) };
    let document = model::read_config(generation.files.get(path)?);
    problems.extend(document.problems.iter().cloned());
    let config = document.value.as_ref()?;
    *wanted = doors::files(config, path);
    if wanted.is_subset(&generation.extra) {
        let troubles = Ports::of(config, path, &generation.files, &Ports::default()).1;
        // Keys do not lie where files are looked at before they are served, so this is no error here.
        let problem = |trouble| Problem { severity: Severity::Warning, ..doors::problem(&document, trouble) };
        problems.extend(troubles.iter().map(problem));
    }
    document.value
}
