//! What the engine is told of the world.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::Endpoint;

/// The world as it is now, as far as one service's rollout depends on it.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The nodes that get the service.
    pub fleet: Fleet,
    /// Endpoints that were asked how they are, and whether they are well; the others are not known.
    pub health: BTreeMap<Endpoint, bool>,
    /// Endpoints on their way out that are known to have no more requests in flight.
    pub empty: BTreeSet<Endpoint>,
    /// Versions known to have no more requests in flight, by name.
    pub idle: BTreeMap<String, Idle>,
    /// Answers to calls, by token, with the try that they answer.
    pub answers: BTreeMap<String, (u32, Answer)>,
    /// What the checks say.
    pub judgement: Judgement,
}

/// The nodes that get a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fleet {
    /// Connected ones.
    pub nodes: u32,
    /// Those of them that have acknowledged what the state asks for.
    pub acked: u32,
    /// Some of those that have not, and why.
    pub waiting: Vec<Lagging>,
    /// Nodes that reject something of the service.
    pub rejecting: Vec<Lagging>,
    /// Nodes that were connected before the server started may still be on their way.
    pub returning: bool,
    /// A fleet without a node counts as one that has everything.
    pub may_be_empty: bool,
}

impl Fleet {
    /// Whether every node has what the state asks for.
    pub fn has_it(&self) -> bool {
        self.rejecting.is_empty() && !self.returning && self.acked == self.nodes && (self.nodes > 0 || self.may_be_empty)
    }
}

/// A node that has not acknowledged something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lagging {
    /// Its id.
    pub node: String,
    /// Why, in words.
    pub why: String,
}

/// A version has no requests in flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idle {
    /// How that is known, in words.
    pub evidence: String,
}

/// What a call was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Go on.
    Go,
    /// Stop, and why.
    Stop(String),
    /// Nothing that counts; ask again.
    Again(String),
}

/// What the checks say of the candidate at its present step: of samples that began after it did, so nothing at first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Judgement {
    /// Nothing: there is no data.
    #[default]
    NoData,
    /// It is good.
    Good,
    /// It is bad, and why.
    Bad(String),
}
