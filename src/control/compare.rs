//! What would come of files over what is served now: decided as the writer decides it, without a writer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::assembly::{self, Assembly};
use super::compile::config_of;
use super::desk::Served;
use super::engine::translated;
use super::reading::{Files, Reading};
use super::refusal;
use super::writer::{filled_in, releases};
use crate::diag::{Problem, SourceFile};
use crate::model::{self, Config, Release};
use crate::rollout::{self, Event, State};
use crate::sources::Generation;
use crate::translate::ServiceObjects;

/// What is served, and what would be.
#[derive(Debug)]
pub struct Comparison {
    /// What is served.
    pub before: Side,
    /// What would be, right after the files were taken in.
    pub after: Side,
    /// What the edits would do to rollouts, by service.
    pub events: BTreeMap<String, Vec<Event>>,
    /// Files that would not be taken in, by path.
    pub refused: Vec<Unserved>,
    /// How many release files there are.
    pub releases: usize,
    /// Everything there is to say of the files, errors first, then by place.
    pub problems: Vec<Problem>,
    /// The files that releases and the configuration refer to. If the generation was read without some of them, it is to be read again
    /// with all.
    pub endpoint_files: BTreeSet<String>,
}

/// One of the two.
#[derive(Debug, Default)]
pub struct Side {
    /// The configuration.
    pub config: Config,
    /// The services, by name.
    pub services: BTreeMap<String, Standing>,
}

/// A service as it is served, or would be.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Its file.
    pub file: String,
    /// What that says.
    pub release: Release,
    /// How far it is.
    pub state: State,
    /// What Envoys get of it.
    pub objects: ServiceObjects,
}

/// A file that would not be taken in.
#[derive(Debug, Clone, PartialEq)]
pub struct Unserved {
    /// The file.
    pub file: String,
    /// The service, if it can be told.
    pub service: Option<String>,
    /// Why.
    pub problem: Option<Problem>,
}

/// What a server says is served cannot be read here.
#[derive(Debug, thiserror::Error)]
#[error("how far `{service}` is cannot be read ({reason}); is the server of another version of tidegate than this is?")]
pub struct UnknownState {
    service: String,
    reason: serde_json::Error,
}

type States = BTreeMap<String, State>;

/// Compares what is served with what would be, if this generation of files was read. A service without a state is taken to have been
/// read a moment ago.
///
/// # Errors
/// A state is none.
pub fn compare(before: &Served, generation: &Generation, now: Timestamp) -> Result<Comparison, UnknownState> {
    let (served, config) = (readings(before), served_config(before));
    let states = states(before, &served, now)?;
    let state = |release: &Release| states.get(&release.service).cloned().unwrap_or_default();
    let refuse = |reading: &Reading| {
        let release = reading.release()?;
        Some(refusal::problem(&reading.document, &rollout::edit(release, &state(release), now).err()?))
    };
    let (files, mut problems) = filled_in(&served, generation);
    let mut wanted = BTreeSet::new();
    let new_config = config_of(generation, &mut problems, &mut wanted).unwrap_or_else(|| config.clone());
    let names: Vec<&str> = releases(&files, generation).collect();
    let made = assembly::assemble(&files, &names, &served, &served, Some(&new_config), &refuse);
    problems.extend(made.problems.iter().cloned());
    assembly::by_place(&mut problems);
    let mut events = BTreeMap::new();
    let edited = |reading: &Arc<Reading>| {
        let release = reading.release()?;
        let same = served.get(reading.path()).is_some_and(|old| Arc::ptr_eq(old, reading));
        let outcome = if same { None } else { rollout::edit(release, &state(release), now).ok() };
        let Some(outcome) = outcome else { return standing(reading, state(release)) };
        events.insert(release.service.clone(), outcome.events);
        standing(reading, outcome.state)
    };
    let after = Side { config: new_config, services: by_name(made.served.values().filter_map(edited)) };
    let before = served.values().filter_map(|reading| standing(reading, state(reading.release()?)));
    Ok(Comparison {
        before: Side { config, services: by_name(before) },
        after,
        events,
        refused: refused(&made, &served, &problems),
        releases: names.len(),
        endpoint_files: &made.endpoint_files | &wanted,
        problems,
    })
}

fn by_name(standings: impl Iterator<Item = Standing>) -> BTreeMap<String, Standing> {
    standings.map(|standing| (standing.release.service.clone(), standing)).collect()
}

fn standing(reading: &Arc<Reading>, state: State) -> Option<Standing> {
    let release = reading.release()?;
    let service = translated(reading, Some(&rollout::traffic(release, &state))).or_else(|| reading.service.clone())?;
    Some(Standing { file: reading.path().to_owned(), release: release.clone(), objects: service.objects().clone(), state })
}

fn texts(served: &Served) -> Files {
    let file = |(path, text): &(String, String)| (path.clone(), Arc::new(SourceFile { path: path.clone(), text: text.clone() }));
    served.files.iter().map(file).collect()
}

fn readings(served: &Served) -> assembly::Served {
    let files = texts(served);
    let is_release = |path: &str| served.config.as_deref() != Some(path) && model::is_release_file(path);
    let good = |(path, file): (&String, &Arc<SourceFile>)| {
        let reading = is_release(path).then(|| Reading::new(file, &files))?;
        reading.release().is_some().then(|| (path.clone(), Arc::new(reading)))
    };
    files.iter().filter_map(good).collect()
}

fn served_config(served: &Served) -> Config {
    let files = texts(served);
    let file = served.config.as_ref().and_then(|path| files.get(path));
    file.and_then(|file| model::read_config(file).value).unwrap_or_default()
}

/// How far the services are; one of which that is not said was read just now, and before that there was nothing.
fn states(before: &Served, served: &assembly::Served, now: Timestamp) -> Result<States, UnknownState> {
    let at_first = |reading: &Arc<Reading>| {
        let release = reading.release()?;
        Some((release.service.clone(), rollout::edit(release, &State::default(), now).ok()?.state))
    };
    let mut states: States = served.values().filter_map(at_first).collect();
    for (service, json) in &before.states {
        let state = serde_json::from_str(json).map_err(|reason| UnknownState { service: service.clone(), reason })?;
        states.insert(service.clone(), state);
    }
    Ok(states)
}

/// Files of which something else, or nothing, would be served.
fn refused(made: &Assembly, served: &assembly::Served, problems: &[Problem]) -> Vec<Unserved> {
    let taken = |reading: &Arc<Reading>| made.served.get(reading.path()).is_some_and(|other| Arc::ptr_eq(other, reading));
    let unserved = |reading: &Arc<Reading>| {
        let own = reading.document.value.as_ref().or_else(|| served.get(reading.path())?.release());
        let about = |problem: &&Problem| problem.is_error() && problem.primary.file.path == reading.path();
        Unserved {
            file: reading.path().to_owned(),
            service: own.map(|release| release.service.clone()),
            problem: problems.iter().find(about).cloned(),
        }
    };
    made.read.values().filter(|reading| !taken(reading)).map(unserved).collect()
}
