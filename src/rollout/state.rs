//! How far a service's rollout is: all that must survive a restart.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::Actor;
use super::program::{Program, Step};
use super::roll::Roll;
use crate::model::Share;

/// How far a service is. What it means for traffic follows from it and from the release file alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Counts what people can see happen: a command says which it was meant for.
    pub revision: u64,
    /// Rollouts so far.
    pub rollouts: u64,
    /// `stable` as the file had it last.
    pub stable: String,
    /// What `stable` was before: where `undo` goes.
    pub previous: Option<String>,
    /// A version that serves instead of `stable`, as a person has said.
    pub instead: Option<Instead>,
    /// The release of a candidate, until the file names it no more.
    pub rollout: Option<Rollout>,
}

/// A version that serves instead of `stable`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instead {
    /// Which.
    pub version: String,
    /// Since when.
    pub since: Timestamp,
    /// Who said so.
    pub by: Actor,
}

/// The release of one candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// Counts the service's rollouts, from 1.
    pub id: u64,
    /// Where everything returns to.
    pub stable: String,
    /// What is being released.
    pub candidate: String,
    /// What is done with it.
    pub program: Program,
    /// When the file named it.
    pub started: Timestamp,
    /// How far it is.
    pub phase: Phase,
    /// A person holds it.
    pub paused: Option<Paused>,
    /// Where endpoints are, once waves have begun.
    pub roll: Option<Roll>,
    /// Steps between are left out, and waves do not pause any more: a person wants the end of it.
    #[serde(default)]
    pub hurried: bool,
    /// How often the steps were begun, for the tokens of calls: an answer to an earlier try is none to this one.
    #[serde(default)]
    pub round: u32,
}

impl Rollout {
    /// The step under way, and where it stands.
    pub fn at(&self) -> Option<&At> {
        match &self.phase {
            Phase::Step(at) => Some(at),
            _ => None,
        }
    }

    /// The step under way.
    pub fn step(&self) -> Option<&Step> {
        self.program.steps.get(self.at()?.index)
    }

    /// Whether endpoints run something else than stable, or may.
    pub(super) fn owes(&self) -> bool {
        let returning = matches!(&self.phase, Phase::Off(off) if off.returning);
        returning || self.roll.as_ref().is_some_and(Roll::owes)
    }

    /// Whether it is under way: it waits to begin, or is at a step.
    pub fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Pending | Phase::Step(_))
    }
}

/// How far a rollout is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Phase {
    /// The candidate is known, and nothing has moved yet.
    Pending,
    /// At a step.
    Step(At),
    /// The candidate has everything; the file may name it `stable`.
    Done {
        /// Since when.
        at: Timestamp,
        /// The old version has no more requests in flight.
        drained: Option<Drained>,
    },
    /// Called off: the candidate gets nothing.
    Off(Off),
}

/// A rollout that was called off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Off {
    /// Since when.
    pub at: Timestamp,
    /// Why, in words.
    pub why: String,
    /// Who; nobody if it was a verdict.
    pub by: Option<Actor>,
    /// The step at which it was, from 0; one behind the last if it was done, nothing if none had begun.
    pub index: Option<usize>,
    /// The candidate has no more requests in flight.
    pub drained: Option<Drained>,
    /// Endpoints that were upgraded in place are on their way back.
    pub returning: bool,
    /// The candidate's share before: it gets no more than that while they are.
    pub share: Share,
}

/// A step under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct At {
    /// Which, from 0.
    pub index: usize,
    /// Since when.
    pub since: Timestamp,
    /// Where it stands.
    pub stage: Stage,
    /// Who has approved of it.
    pub approvals: Vec<Approval>,
    /// Its time, approval or data are not waited for any more: a person said so.
    #[serde(default)]
    pub promoted: bool,
    /// Verdicts of this step do not count any more: a person has seen that it failed, and goes on.
    #[serde(default)]
    pub overruled: bool,
}

/// Where a step stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Stage {
    /// What it asks for is on its way to the fleet.
    Settling,
    /// Every node has it, since then; the step's own condition is waited for.
    Holding {
        /// Since when.
        since: Timestamp,
    },
    /// Enough endpoints are healthy, since then; `None` while they are not.
    Testing {
        /// Since when.
        since: Option<Timestamp>,
    },
    /// Somebody is asked.
    Calling(Calling),
    /// The answer was "go", in these words; what comes next may not begin yet.
    Passed(String),
    /// Waves are under way.
    Rolling,
    /// It cannot go on by itself.
    Stuck {
        /// Since when.
        since: Timestamp,
        /// Why, in words.
        why: String,
    },
}

/// A call that is to be made until it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calling {
    /// The same for every try, so that whoever is called can know it again.
    pub token: String,
    /// Counts the tries, from 1.
    pub attempt: u32,
    /// When the next one is due.
    pub due: Timestamp,
    /// How the last one ended.
    pub last: Option<String>,
}

impl Calling {
    /// A call that is due now.
    pub fn new(token: String, now: Timestamp) -> Calling {
        Calling { token, attempt: 1, due: now, last: None }
    }
}

/// Somebody has approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: Option<String>,
}

/// A person holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// Since when.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// Why.
    pub reason: Option<String>,
}

/// A version has no more requests in flight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drained {
    /// Since when.
    pub since: Timestamp,
    /// How that is known, in words.
    pub evidence: String,
}
