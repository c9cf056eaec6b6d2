//! Checks: what is watched during a release, and when it is bad.

use std::time::Duration;

use super::Share;

/// What is watched.
#[derive(Debug, Clone, PartialEq)]
pub struct Checks {
    /// Time between samples.
    pub every: Duration,
    /// Requests below which a sample says nothing.
    pub min_requests: u32,
    /// The metrics, in file order; never empty.
    pub checks: Vec<Check>,
    /// How many bad samples make a bad verdict.
    pub fail_after: FailAfter,
    /// What a sample without data counts as.
    pub no_data: NoData,
}

impl Checks {
    /// `every` where the file names none.
    pub const EVERY: Duration = Duration::from_secs(60);
    /// `min_requests` where the file names none.
    pub const MIN_REQUESTS: u32 = 100;
}

/// One metric with its limits: an absolute one, one relative to stable, or both.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// `success`, `p50`, `p95`, `p99`, or a name of its own.
    pub name: String,
    /// What is measured.
    pub metric: Metric,
    /// The absolute limit.
    pub limit: Option<Limit>,
    /// How much worse than stable it may be: percentage points for `success`, relative to stable's value for the others.
    pub worse_than_stable: Option<Share>,
    /// Reported, never decides.
    pub dry_run: bool,
}

/// What is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metric {
    /// Share of requests that did not fail.
    Success,
    /// Response time below which this share of the requests stays.
    Latency(Share),
    /// The answer to a Prometheus query, in which `$version` stands for the version.
    Prometheus(String),
}

/// An absolute limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// At least that share.
    MinShare(Share),
    /// At most that long.
    MaxDuration(Duration),
    /// At least that number.
    MinNumber(f64),
    /// At most that number.
    MaxNumber(f64),
}

/// So many bad samples out of the last so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailAfter {
    /// Bad ones, at least one.
    pub bad: u32,
    /// Out of so many, at least `bad`.
    pub of: u32,
}

impl Default for FailAfter {
    fn default() -> Self {
        FailAfter { bad: 3, of: 5 }
    }
}

/// What a sample without data counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NoData {
    /// Nothing: the step waits.
    #[default]
    Wait,
    /// Good.
    Pass,
    /// Bad.
    Fail,
}
