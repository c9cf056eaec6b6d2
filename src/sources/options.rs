//! What is read, and how patiently.

use std::path::PathBuf;
use std::time::Duration;

/// What is read, and how patiently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The directory of release files.
    pub dir: PathBuf,
    /// The configuration file; without it, `tidegate.yaml` in the directory where there is one.
    pub config: Option<PathBuf>,
    /// Time between two looks when no event calls for one.
    pub poll: Duration,
    /// How long nothing must have changed before files are read.
    pub settle: Duration,
    /// Longest wait for that quiet; a directory in which something always changes is read all the same.
    pub max_wait: Duration,
    /// Whether the system's events are listened to. Without them the poll is all there is.
    pub events: bool,
}

impl Options {
    /// The directory with the usual patience: poll 2 s, settle 20 ms, no longer than 500 ms.
    pub fn new(dir: impl Into<PathBuf>) -> Options {
        Options {
            dir: dir.into(),
            config: None,
            poll: Duration::from_secs(2),
            settle: Duration::from_millis(20),
            max_wait: Duration::from_millis(500),
            events: true,
        }
    }
}
