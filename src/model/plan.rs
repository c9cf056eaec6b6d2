//! What a release file asks to be done with a candidate.

use serde::{Deserialize, Serialize};

use super::{AbTest, BlueGreen, Canary, Checks, Identity, Rolling, Windows};

/// A strategy with everything around it.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The version being released. `None`: nothing is, the plan waits for the next one, and stable has all the traffic.
    pub candidate: Option<String>,
    /// How the traffic gets there.
    pub strategy: Strategy,
    /// What follows it, in order, each going on from where the one before ended; mostly nothing.
    pub then: Vec<Strategy>,
    /// Who a user is, where a user is to keep the version that was drawn.
    pub sticky: Option<Identity>,
    /// Who may approve a step; empty for anybody.
    pub approvers: Vec<String>,
    /// What is watched; `None` for "no worse than stable".
    pub checks: Option<Checks>,
    /// What happens when the verdict is bad.
    pub on_failure: OnFailure,
    /// What happens when the file names another candidate in mid-release.
    pub on_new_candidate: OnNewCandidate,
    /// When steps may be taken.
    pub windows: Windows,
    /// No step is taken as long as this stands.
    pub hold: bool,
}

impl Plan {
    /// The strategies in the order in which they are run: the first, and what follows it.
    pub fn strategies(&self) -> impl Iterator<Item = &Strategy> {
        std::iter::once(&self.strategy).chain(&self.then)
    }

    /// Whether there is something to run: a candidate, or an experiment.
    pub fn is_active(&self) -> bool {
        self.candidate.is_some() || matches!(self.strategy, Strategy::AbTest(_))
    }
}

/// How the traffic gets to the candidate.
#[derive(Debug, Clone, PartialEq)]
pub enum Strategy {
    /// By growing shares.
    Canary(Canary),
    /// At once, after tests, with the way back kept warm.
    BlueGreen(BlueGreen),
    /// In waves over the endpoints.
    Rolling(Rolling),
    /// Not at all: variants side by side, for comparison.
    AbTest(AbTest),
}

impl Strategy {
    /// The key under which files write it.
    pub fn key(&self) -> &'static str {
        match self {
            Strategy::Canary(_) => "canary",
            Strategy::BlueGreen(_) => "blue_green",
            Strategy::Rolling(_) => "rolling",
            Strategy::AbTest(_) => "ab_test",
        }
    }
}

/// What happens when the verdict is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OnFailure {
    /// All traffic back to stable.
    #[default]
    Rollback,
    /// Back by one step.
    StepBack,
    /// Stay, and call for a person.
    Hold,
}

/// What happens when the file names another candidate in mid-release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OnNewCandidate {
    /// The old one goes back to stable, the new one begins.
    #[default]
    Supersede,
    /// The new one waits for the end of the old one.
    Queue,
    /// The edit is refused.
    Refuse,
}
