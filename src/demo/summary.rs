//! How a demo ended.

use std::fmt;

use crate::testbed::Totals;

/// What became of all its requests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// Requests that were answered, well or not, or failed.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// Good answers per version, by name.
    pub versions: Vec<(String, u64)>,
    /// What the first failures said.
    pub failures: Vec<String>,
}

impl Summary {
    /// Adds the totals of a load.
    pub(super) fn add(&mut self, totals: &Totals) {
        self.requests += totals.done;
        self.failed += totals.failed;
        for (version, count) in &totals.versions {
            match self.versions.iter_mut().find(|(name, _)| name == version) {
                Some((_, sum)) => *sum += count,
                None => self.versions.push((version.clone(), *count)),
            }
        }
        self.versions.sort();
        self.failures.extend(totals.failures.iter().map(|failure| failure.text.clone()));
    }
}

/// One line: requests, failures, shares.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} requests, {} failed", self.requests, self.failed)?;
        let all: u64 = self.versions.iter().map(|(_, count)| count).sum();
        for (version, count) in &self.versions {
            write!(f, ", {version} {:.1} %", *count as f64 * 100.0 / all as f64)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_over_all_loads() {
        let load = |v41, v42, failed| Totals {
            done: v41 + v42 + failed,
            failed,
            versions: [("v41".to_owned(), v41), ("v42".to_owned(), v42)].into(),
            ..Totals::default()
        };
        let mut summary = Summary::default();
        assert_eq!(summary.to_string(), "0 requests, 0 failed");
        summary.add(&load(60, 20, 0));
        summary.add(&load(0, 20, 1));
        assert_eq!(summary.to_string(), "101 requests, 1 failed, v41 60.0 %, v42 40.0 %");
    }
}
