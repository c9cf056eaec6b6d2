//! What happened, for the history and for those who are told.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::Split;

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// As they call themselves, or as their certificate does.
    pub name: String,
    /// Nobody has checked the name.
    pub claimed: bool,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happened {
    /// A candidate was named.
    Started,
    /// A step began.
    Step,
    /// A wave of endpoints began.
    Wave,
    /// Somebody is waited for.
    Waiting,
    /// Somebody approved.
    Approved,
    /// A person holds it.
    Paused,
    /// A person lets it go on.
    Resumed,
    /// A person ended a step's wait.
    Promoted,
    /// A person passed over a step.
    Skipped,
    /// A step's test was passed.
    Passed,
    /// It went back by a step.
    SteppedBack,
    /// Everything returned to stable, for a verdict or because a person said so.
    RolledBack,
    /// It cannot go on by itself.
    Stuck,
    /// It was begun again.
    Retried,
    /// The candidate has everything.
    Finished,
    /// A version has no more requests in flight.
    Drained,
    /// The file named the finished candidate `stable`.
    Collapsed,
    /// The file took the candidate out, or named another one.
    Withdrawn,
    /// The file changed what is still to come.
    Edited,
    /// A version before serves again.
    Undone,
}

impl Happened {
    /// The word for it: the one in the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Happened::Started => "started",
            Happened::Step => "step",
            Happened::Wave => "wave",
            Happened::Waiting => "waiting",
            Happened::Approved => "approved",
            Happened::Paused => "paused",
            Happened::Resumed => "resumed",
            Happened::Promoted => "promoted",
            Happened::Skipped => "skipped",
            Happened::Passed => "passed",
            Happened::SteppedBack => "stepped_back",
            Happened::RolledBack => "rolled_back",
            Happened::Stuck => "stuck",
            Happened::Retried => "retried",
            Happened::Finished => "finished",
            Happened::Drained => "drained",
            Happened::Collapsed => "collapsed",
            Happened::Withdrawn => "withdrawn",
            Happened::Edited => "edited",
            Happened::Undone => "undone",
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// What kind of thing.
    pub what: Happened,
    /// When.
    pub at: Timestamp,
    /// The rollout it happened to, by its number; 0 outside of one.
    pub rollout: u64,
    /// The candidate, if there is one.
    pub candidate: Option<String>,
    /// What can be seen of it, counted; that of the state after it.
    pub revision: u64,
    /// The step, from 1, and how many there are.
    pub step: Option<(u32, u32)>,
    /// In words.
    pub text: String,
    /// Who did it; nobody if it came by itself.
    pub by: Option<Actor>,
    /// Why they did.
    pub reason: Option<String>,
    /// The split before it.
    pub before: Split,
    /// The split after it.
    pub after: Split,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_the_one_in_the_journal() {
        for what in [Happened::Started, Happened::SteppedBack, Happened::RolledBack, Happened::Undone, Happened::Collapsed] {
            assert_eq!(serde_json::to_value(what).unwrap(), what.as_str());
        }
    }
}
