//! Hooks: calls that a release makes to somebody else.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A call by POST, answered with 2xx for "go on", 4xx for "stop", and anything else for "ask again".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// Called by POST.
    pub url: String,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How often it is asked, until it counts as a "stop"; at least once.
    pub tries: u32,
}

impl Hook {
    /// `timeout` where the file names none.
    pub const TIMEOUT: Duration = Duration::from_secs(30);
    /// `tries` where the file names none.
    pub const TRIES: u32 = 10;

    /// A hook with the usual patience.
    pub fn new(url: String) -> Hook {
        Hook { url, timeout: Hook::TIMEOUT, tries: Hook::TRIES }
    }
}
