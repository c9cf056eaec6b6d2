//! What happened while a release was played.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::Share;
use crate::rollout::{Happened, Rung};

/// What happened while a release was played.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    /// The service.
    pub service: String,
    /// Where everything returns to.
    pub stable: String,
    /// What is released.
    pub candidate: String,
    /// How, in words.
    pub strategy: String,
    /// The steps, as people count them.
    pub steps: Vec<Rung>,
    /// The scenario's name, and what is different in it.
    pub scenario: (String, String),
    /// Why the scenario made no difference, if it made none.
    pub no_matter: Option<String>,
    /// Nodes of the fleet, and how long each takes to acknowledge.
    pub fleet: (u32, Duration),
    /// When the file names the candidate.
    pub start: Timestamp,
    /// In order.
    pub entries: Vec<Entry>,
    /// What it comes to.
    pub summary: Summary,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Since the start.
    pub offset: Duration,
    /// What the engine says that happened; `None` for something that the scenario did.
    pub what: Option<Happened>,
    /// The step, from 1, and how many there are.
    pub step: Option<(u32, u32)>,
    /// In words.
    pub text: String,
    /// Who did it; nobody if it came by itself.
    pub by: Option<String>,
    /// The candidate's share after it.
    pub share: Share,
    /// What was then waited for, one after the other, until the next entry.
    pub waits: Vec<Waiting>,
}

/// Something that was waited for.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// In words.
    pub text: String,
    /// Since when, from the start.
    pub from: Duration,
    /// When it is over by itself, from the start.
    pub until: Option<Duration>,
    /// How long it was; `None` for what was not over at the end.
    pub lasted: Option<Duration>,
}

/// What it comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// When the candidate has everything and the fleet has acknowledged it, from the start.
    pub full: Option<Duration>,
    /// When the last thing happened, or the last wait began, from the start.
    pub total: Duration,
    /// The way back, from the moment from which it is the longest.
    pub rollback: Option<Rollback>,
    /// How long the old version is to be kept after the end.
    pub keep_stable: Option<Duration>,
    /// How it ended.
    pub ended: Ended,
}

/// A way back to stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rollback {
    /// When it was asked for, from the start.
    pub at: Duration,
    /// Until the whole fleet has acknowledged that the candidate gets nothing; `None` for never.
    pub takes: Option<Duration>,
    /// Endpoints have to go back one wave after the other.
    pub in_waves: bool,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The candidate has everything.
    Done,
    /// Called off, and why.
    Off(String),
    /// It waits for this, and in this scenario nobody does it.
    Waits(String),
    /// It goes back and begins again for ever.
    Round,
    /// It was not over at the limit, and waits for this.
    Limit(String),
}

impl Ended {
    /// The word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Ended::Done => "done",
            Ended::Off(_) => "off",
            Ended::Waits(_) => "waits",
            Ended::Round => "round",
            Ended::Limit(_) => "limit",
        }
    }
}
