//! Rolling waves: endpoints are taken over batch by batch.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Hook, Share};

/// Waves over the endpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rolling {
    /// How many endpoints a wave takes.
    pub batch: Batch,
    /// Time between waves, checks running; zero when the file names none.
    pub pause: Duration,
    /// Longest wait for requests in flight.
    pub drain: Duration,
    /// Called to upgrade endpoints in place; `None` when the versions have endpoints of their own.
    pub upgrade: Option<Hook>,
    /// The share of the endpoints at which the waves end, for what comes after them to go on from; all, unless the file says otherwise.
    pub until: Share,
}

impl Rolling {
    /// `drain` where the file names none.
    pub const DRAIN: Duration = Duration::from_secs(30);
}

/// How many endpoints a wave takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Batch {
    /// A share of them, at least one.
    Share(Share),
    /// That many.
    Count(u32),
}
