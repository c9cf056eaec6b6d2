//! What became of the requests of a load.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Latency;
use super::client::{RequestError, Response};

/// Failures that are kept with their text; the rest are counted.
const KEPT: usize = 20;

/// One request that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// When, from the start of the load.
    pub at: Duration,
    /// What happened.
    pub text: String,
}

/// What became of the requests, since the start of the load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests sent.
    pub sent: u64,
    /// Requests with an end, good or bad.
    pub done: u64,
    /// Requests without an answer, or with one that is not 2xx.
    pub failed: u64,
    /// Good answers by who gave them.
    pub versions: BTreeMap<String, u64>,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// The first failures.
    pub failures: Vec<Failure>,
    /// Latency of good answers.
    pub latency: Latency,
}

impl Totals {
    /// Good answers of all versions.
    pub fn answered(&self) -> u64 {
        self.versions.values().sum()
    }

    /// Good answers of one version.
    pub fn of(&self, version: &str) -> u64 {
        self.versions.get(version).copied().unwrap_or(0)
    }

    /// The share of good answers that one version gave, 0.0 to 1.0; zero when there are none.
    pub fn share(&self, version: &str) -> f64 {
        let all = self.answered();
        if all == 0 { 0.0 } else { self.of(version) as f64 / all as f64 }
    }

    /// The share of good answers per version since an earlier moment.
    pub fn share_since(&self, earlier: &Totals, version: &str) -> f64 {
        let all = self.answered().saturating_sub(earlier.answered());
        if all == 0 { 0.0 } else { self.of(version).saturating_sub(earlier.of(version)) as f64 / all as f64 }
    }

    pub(super) fn record(&mut self, result: Result<Response, RequestError>, at: Duration, took: Duration) {
        self.done += 1;
        match result {
            Ok(response) => self.answer(&response, at, took),
            Err(error) => self.failure(at, error.to_string()),
        }
    }

    fn answer(&mut self, response: &Response, at: Duration, took: Duration) {
        *self.statuses.entry(response.status.as_u16()).or_default() += 1;
        if !response.status.is_success() {
            return self.failure(at, format!("{}: {}", response.status, response.body.trim()));
        }
        let version = response.version.clone().unwrap_or_else(|| "unknown".into());
        *self.versions.entry(version).or_default() += 1;
        self.latency.record(took);
    }

    fn failure(&mut self, at: Duration, text: String) {
        self.failed += 1;
        if self.failures.len() < KEPT {
            self.failures.push(Failure { at, text });
        }
    }
}
