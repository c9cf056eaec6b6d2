//! Files that were deleted while their candidate had requests: the service returns to stable first, and goes when every node has that.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::rollouts::Live;
use crate::model::{Plan, Release, Share};
use crate::rollout::{self, Actor, Command, Outcome, Phase, State, Verb};
use crate::sources::Generation;

/// The longest that a deleted file is kept for nodes that do not acknowledge.
const PATIENCE: Duration = Duration::from_secs(20);

/// Files that are gone, and still served.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    /// By path: the service, and since when.
    files: BTreeMap<String, (String, Timestamp)>,
    /// The generation in which they are not.
    generation: Option<Generation>,
}

impl Leaving {
    /// Whether a file is gone, and still served.
    pub fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// Their paths.
    pub fn paths(&self) -> BTreeSet<String> {
        self.files.keys().cloned().collect()
    }

    /// Whether a file has been gone for so long that it is not kept any more.
    pub fn is_late(&self, path: &str, now: Timestamp) -> bool {
        self.files.get(path).is_some_and(|(_, since)| is_late(*since, now))
    }

    /// These files are gone, in this generation.
    pub fn set(&mut self, gone: Vec<(String, String)>, generation: &Generation, now: Timestamp) {
        let since = |path: &String| self.files.get(path).map_or(now, |(_, since)| *since);
        self.files = gone.into_iter().map(|(path, service)| (path.clone(), (service, since(&path)))).collect();
        self.generation = (!self.files.is_empty()).then(|| generation.clone());
    }

    /// The generation to be taken in again, once a service has returned to stable.
    pub fn over<'a>(&mut self, live: impl Fn(&str) -> Option<&'a Live>, now: Timestamp) -> Option<Generation> {
        let done = |(service, since): &(String, Timestamp)| {
            is_late(*since, now) || live(service).is_none_or(|live| live.settled.is_some() && !has_requests(&live.state))
        };
        let over = self.files.values().any(done);
        if over { self.generation.take() } else { None }
    }

    /// When to look again although nothing happens.
    pub fn wake_at(&self) -> Option<Timestamp> {
        self.files.values().filter_map(|(_, since)| since.checked_add(PATIENCE).ok()).min()
    }

    /// Their services.
    pub fn services(&self) -> BTreeSet<String> {
        self.files.values().map(|(service, _)| service.clone()).collect()
    }

    /// Whether a service is to be followed, although nothing of it is rolled out any more.
    pub fn is_followed(&self, service: &str) -> bool {
        self.files.values().any(|(name, _)| name == service)
    }
}

fn is_late(since: Timestamp, now: Timestamp) -> bool {
    since.checked_add(PATIENCE).is_ok_and(|end| now >= end)
}

/// Whether a candidate may have requests, now or by what nodes have acknowledged.
pub(super) fn candidate_serves(live: &Live) -> bool {
    has_requests(&live.state) || (live.state.rollout.is_some() && live.acked > Share::ZERO && live.settled.is_none())
}

fn has_requests(state: &State) -> bool {
    match state.rollout.as_ref().map(|rollout| &rollout.phase) {
        Some(Phase::Step(_) | Phase::Done { .. }) => true,
        Some(Phase::Off(off)) => off.returning,
        Some(Phase::Pending) | None => false,
    }
}

/// What the deletion of a file does to its rollout.
pub(super) fn left(release: &Release, state: &State, now: Timestamp) -> Option<Outcome> {
    let plan = release.plan.clone().map(|plan| Plan { candidate: None, ..plan });
    let by = Actor { name: "the deletion of its file".to_owned(), claimed: false };
    let abort = Command { verb: Verb::Abort, by, reason: None, revision: None };
    // Endpoints that were upgraded where they are go back first.
    rollout::edit(&Release { plan, ..release.clone() }, state, now)
        .ok()
        .or_else(|| rollout::command(release, state, &abort, now).ok())
}
