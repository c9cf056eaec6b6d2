//! One picture of the demo.

use std::path::PathBuf;
use std::time::Duration;

use super::window::Part;

/// What there is to see at one moment.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// Time since the start.
    pub(super) at: Duration,
    /// What the story is at.
    pub(super) title: String,
    /// The release file.
    pub(super) file: PathBuf,
    /// Its lines that say where traffic goes.
    pub(super) says: Vec<String>,
    /// What is wrong with it, as the server sees it.
    pub(super) problem: Option<String>,
    /// What there is to say of the release that is under way, if one is, and a line for each of its steps.
    pub(super) release: Option<(String, Vec<String>)>,
    /// Everybody's traffic, per version.
    pub(super) traffic: Vec<(String, Part)>,
    /// Testers' traffic, per version; empty while there are none.
    pub(super) testers: Vec<(String, Part)>,
    /// Requests so far.
    pub(super) requests: u64,
    /// Failures so far.
    pub(super) failed: u64,
    /// The newest event.
    pub(super) event: String,
}
