//! Blue-green: test first, then cut over, and keep the way back.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Hook, Match, Share};

/// A cutover from stable to the candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlueGreen {
    /// How to reach the candidate before the cutover.
    pub preview: Option<Preview>,
    /// What must be passed before it, in order.
    pub before: Vec<Gate>,
    /// The cutover itself.
    pub cutover: Cutover,
    /// How long checks are watched after it; bad means back to stable.
    pub watch: Option<Duration>,
    /// How long the old version is kept warm after it.
    pub keep_stable: Option<Duration>,
}

/// How to reach the candidate before the cutover. At least one of the two is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// A host that goes to the candidate.
    pub host: Option<String>,
    /// Header matches that go to the candidate, all of which must hold; may be empty.
    pub header: Vec<Match>,
}

/// Something to be passed before the cutover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gate {
    /// That share of the candidate's endpoints was healthy for so long.
    Healthy {
        /// Of its endpoints.
        share: Share,
        /// Without interruption.
        hold: Duration,
    },
    /// Copies of requests were sent to the candidate for so long, and checks were good.
    Mirror {
        /// Of the requests.
        share: Share,
        /// For how long.
        hold: Duration,
        /// Methods that are copied.
        methods: Vec<String>,
    },
    /// A call answered 2xx.
    Hook(Hook),
    /// People said yes.
    Approval {
        /// Who may; empty for whoever may approve in general.
        from: Vec<String>,
        /// How many of them.
        count: u32,
        /// How long is waited for them; `None` for as long as it takes.
        within: Option<Duration>,
    },
}

/// The cutover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cutover {
    /// All at once.
    #[default]
    AtOnce,
    /// Evenly over a time.
    Over(Duration),
}
