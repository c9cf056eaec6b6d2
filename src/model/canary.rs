//! Canary: growing shares for the candidate.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Share;

/// Steps of growing share. The 100 % behind the last one is implied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// Never empty, shares never falling.
    pub steps: Vec<Step>,
}

/// One step: `5% for 30m`, `25% until approved`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The candidate's share; above zero.
    pub share: Share,
    /// When the step is over.
    pub until: Hold,
}

/// When a step is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hold {
    /// After this long, checks being good.
    For(Duration),
    /// When somebody approves.
    Approval,
}
