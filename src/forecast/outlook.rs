//! What would become of one service.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::back::{Back, back};
use super::length::{Length, length};
use super::{Nodes, parts};
use crate::control::{Comparison, Standing, Unserved};
use crate::model::Split;
use crate::rollout::{self, Rung, State, View};

/// What would become of one service.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlook {
    /// Its name; that of the file, if its file does not even tell it.
    pub service: String,
    /// Its file.
    pub file: String,
    /// What the files do to it.
    pub change: Change,
    /// Where it is; `None` if it is not served.
    pub before: Option<Position>,
    /// Where it would be right after it; `None` if it would not be served.
    pub after: Option<Position>,
    /// Parts of its file that say something else, by their keys.
    pub parts: Vec<&'static str>,
    /// What the edit does to its rollout, in words.
    pub rollout: Vec<String>,
    /// How long it is until the candidate has everything, if it is on its way there.
    pub length: Option<Length>,
    /// The way back, if there is something to go back to.
    pub back: Option<Back>,
    /// Fleets that get it, or got it if it is gone; none means every node.
    pub fleets: Vec<String>,
    /// How many connected nodes these have, if it is known which are connected.
    pub nodes: Option<usize>,
}

/// What the files do to a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It was not served.
    New,
    /// It is served otherwise.
    Changed,
    /// It is served no more.
    Gone,
    /// Its file is not taken in: what is served stays.
    Refused {
        /// Why, in a line.
        why: String,
        /// The way out.
        help: Option<String>,
    },
}

/// Where a service is.
#[derive(Debug, Clone, PartialEq)]
pub struct Position {
    /// The version that everything returns to.
    pub stable: String,
    /// The version being released.
    pub candidate: Option<String>,
    /// Where the requests go that no rule matches.
    pub split: Split,
    /// The steps of the release.
    pub steps: Vec<Rung>,
}

/// The services of which something is told, by name.
pub(super) fn all(compared: &Comparison, nodes: Option<&Nodes>, now: Timestamp) -> Vec<Outlook> {
    let (before, after) = (&compared.before.services, &compared.after.services);
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let refused: Vec<Outlook> = compared.refused.iter().map(|unserved| refused(unserved, compared, nodes)).collect();
    let told = |name: &&String| !refused.iter().any(|outlook| outlook.service == **name);
    let events = |name: &str| compared.events.get(name).map(Vec::as_slice).unwrap_or_default();
    let one = |name: &String| match (before.get(name), after.get(name)) {
        (None, Some(new)) => Some(served(None, new, events(name), nodes, now)),
        (Some(old), Some(new)) if differ(old, new) => Some(served(Some(old), new, events(name), nodes, now)),
        (Some(old), None) => Some(gone(old, nodes)),
        _ => None,
    };
    let mut all: Vec<Outlook> = names.into_iter().filter(told).filter_map(one).collect();
    all.extend(refused);
    all.sort_by(|a, b| a.service.cmp(&b.service));
    all
}

/// Whether there is something to tell: a comment in the file, or another name of it, is nothing.
fn differ(old: &Standing, new: &Standing) -> bool {
    old.release != new.release || old.state != new.state || old.objects != new.objects
}

fn served(old: Option<&Standing>, new: &Standing, events: &[rollout::Event], nodes: Option<&Nodes>, now: Timestamp) -> Outlook {
    Outlook {
        service: new.release.service.clone(),
        file: new.file.clone(),
        change: if old.is_some() { Change::Changed } else { Change::New },
        before: old.map(position),
        after: Some(position(new)),
        parts: old.map(|old| parts::of_release(&old.release, &new.release)).unwrap_or_default(),
        rollout: effect(old, new, events),
        length: new.state.rollout.as_ref().and_then(|rollout| length(&new.release, rollout, now)),
        back: back(old, new),
        fleets: new.release.fleets.clone(),
        nodes: count(&new.release.fleets, nodes),
    }
}

fn gone(old: &Standing, nodes: Option<&Nodes>) -> Outlook {
    let running = old.state.rollout.as_ref().filter(|rollout| rollout.is_running());
    let ends = running.map(|rollout| format!("the release of {} ends with it", rollout.candidate));
    Outlook {
        service: old.release.service.clone(),
        file: old.file.clone(),
        change: Change::Gone,
        before: Some(position(old)),
        after: None,
        parts: Vec::new(),
        rollout: ends.into_iter().collect(),
        length: None,
        back: Some(Back::Push { by: "the file as it was".to_owned() }),
        fleets: old.release.fleets.clone(),
        nodes: count(&old.release.fleets, nodes),
    }
}

fn refused(unserved: &Unserved, compared: &Comparison, nodes: Option<&Nodes>) -> Outlook {
    let name = unserved.service.clone().unwrap_or_else(|| unserved.file.clone());
    let (old, kept) = (compared.before.services.get(&name), compared.after.services.get(&name));
    let fleets = old.map(|old| old.release.fleets.clone()).unwrap_or_default();
    let (why, help) = match &unserved.problem {
        Some(problem) => (problem.title.clone(), problem.help.clone()),
        None => ("it is at odds with what is served".to_owned(), None),
    };
    Outlook {
        service: name,
        file: unserved.file.clone(),
        change: Change::Refused { why, help },
        before: old.map(position),
        after: kept.map(position),
        parts: Vec::new(),
        rollout: Vec::new(),
        length: None,
        back: None,
        nodes: old.and_then(|_| count(&fleets, nodes)),
        fleets,
    }
}

fn position(standing: &Standing) -> Position {
    let (release, state) = (&standing.release, &standing.state);
    let view = View::new(release, state, None);
    Position {
        stable: release.stable.clone(),
        candidate: view.as_ref().map(|view| view.candidate.clone()),
        split: rollout::traffic(release, state).split,
        steps: view.map(|view| view.ladder).unwrap_or_default(),
    }
}

/// What an edit does to a rollout: what would be in the history, and what would not because nothing happens.
fn effect(old: Option<&Standing>, new: &Standing, events: &[rollout::Event]) -> Vec<String> {
    let mut told: Vec<String> = events.iter().map(|event| event.text.clone()).collect();
    let running = new.state.rollout.as_ref().filter(|rollout| rollout.is_running());
    let asked = new.release.plan.as_ref().and_then(|plan| plan.candidate.as_ref());
    if let (Some(rollout), Some(asked)) = (running, asked)
        && rollout.candidate != *asked
    {
        told.push(format!("{asked} waits for the end of {}", rollout.candidate));
    }
    let before = old.and_then(|old| old.state.rollout.as_ref());
    if let (true, Some(rollout)) = (told.is_empty(), running.filter(|rollout| before == Some(*rollout))) {
        told.push(format!("the release of {} goes on{}", rollout.candidate, at_step(&new.release, &new.state)));
    }
    told
}

/// ` at step 2 of 3`, if a step has begun.
fn at_step(release: &crate::model::Release, state: &State) -> String {
    let step = View::new(release, state, None).map(|view| view.step).filter(|(step, _)| *step > 0);
    step.map(|(step, of)| format!(" at step {step} of {of}")).unwrap_or_default()
}

/// Nodes that get these fleets; no fleets: all.
fn count(fleets: &[String], nodes: Option<&Nodes>) -> Option<usize> {
    let is_given = |of: &&BTreeSet<String>| fleets.is_empty() || fleets.iter().any(|fleet| of.contains(fleet));
    nodes.map(|nodes| nodes.iter().filter(is_given).count())
}
