//! From one report to the next: a client's rows, and the sums over all clients.

use std::collections::HashMap;
use std::sync::Arc;

use super::load::ClusterLoad;
use super::sample::{MAX_CLUSTERS, Sample};

/// What a client means by what it does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// If it leaves out a cluster that it reported before, that has no requests. Otherwise the client does not have the cluster any
    /// more, and what is in progress there cannot be known.
    pub idle_if_absent: bool,
    /// If it says nothing of a cluster that it names, what was in progress may still be. Otherwise nothing is.
    pub unsure_if_empty: bool,
    /// It does not tell of single endpoints.
    pub no_endpoints: bool,
}

/// One cluster in a client's newest report. There is one for every client and cluster, so it is small.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub cluster: Arc<str>,
    pub in_progress: u32,
    /// Some of what is in progress may have ended meanwhile.
    pub unsure: bool,
    pub finished_per_second: f32,
    pub failed_per_second: f32,
}

impl Row {
    /// The row of a sample. If it says nothing of what is in progress, that is what was in progress before, of which some may have
    /// ended, or nothing, as the client means it.
    fn new(cluster: Arc<str>, sample: &Sample, before: Option<&Row>, reading: Reading) -> Row {
        let interval = sample.interval.as_secs_f64();
        let per_second = |count: f64| if interval > 0.0 { (count / interval) as f32 } else { 0.0 };
        let last = before.filter(|_| reading.unsure_if_empty && sample.in_progress.is_none());
        Row {
            cluster,
            in_progress: sample.in_progress.or(last.map(|row| row.in_progress)).unwrap_or_default(),
            unsure: last.is_some(),
            finished_per_second: per_second(f64::from(sample.succeeded) + f64::from(sample.failed)),
            failed_per_second: per_second(f64::from(sample.failed)),
        }
    }

    fn idle(self) -> Row {
        Row { in_progress: 0, unsure: false, finished_per_second: 0.0, failed_per_second: 0.0, ..self }
    }
}

/// The sums over all clients, by cluster.
#[derive(Debug, Default)]
pub(super) struct Clusters(HashMap<Arc<str>, ClusterLoad>);

impl Clusters {
    /// The sum of a cluster; `None` if no client has a row of it.
    pub fn get(&self, cluster: &str) -> Option<&ClusterLoad> {
        self.0.get(cluster)
    }

    /// A client reports anew: from its rows before come its rows now. Both are in the order of their names. Most clusters of most
    /// clients have nothing new in an interval, and cost no more than a look.
    pub fn next(&mut self, before: Vec<Row>, samples: &[Sample], reading: Reading) -> Vec<Row> {
        let mut before = before.into_iter().peekable();
        let mut rows = Vec::with_capacity(samples.len());
        for sample in samples {
            while let Some(row) = before.next_if(|row| *row.cluster < *sample.cluster) {
                self.missing(row, reading, &mut rows);
            }
            let row = match before.next_if(|row| *row.cluster == *sample.cluster) {
                Some(known) => self.again(known, sample, reading),
                None => self.enter(sample, reading),
            };
            rows.push(row);
        }
        before.for_each(|row| self.missing(row, reading, &mut rows));
        rows
    }

    /// A row of a client is no more.
    pub fn leave(&mut self, row: &Row) {
        let Some(load) = self.0.get_mut(&row.cluster) else { return };
        load.streams -= 1;
        load.in_progress -= u64::from(row.in_progress);
        if load.streams == 0 {
            self.0.remove(&row.cluster);
        }
    }

    /// A cluster that the client has not reported before. All rows of a cluster share its name.
    fn enter(&mut self, sample: &Sample, reading: Reading) -> Row {
        let known = self.0.get_key_value(sample.cluster.as_str()).map(|(name, _)| name.clone());
        let row = Row::new(known.unwrap_or_else(|| sample.cluster.as_str().into()), sample, None, reading);
        let load = self.0.entry(row.cluster.clone()).or_default();
        load.streams += 1;
        load.in_progress += u64::from(row.in_progress);
        load.totals.add(sample);
        row
    }

    /// A cluster that the client reported before.
    fn again(&mut self, before: Row, sample: &Sample, reading: Reading) -> Row {
        let row = Row::new(before.cluster.clone(), sample, Some(&before), reading);
        if row.in_progress != before.in_progress || sample.has_counts() {
            self.exchange(&before, &row, sample);
        }
        row
    }

    fn exchange(&mut self, before: &Row, row: &Row, sample: &Sample) {
        let Some(load) = self.0.get_mut(&row.cluster) else { return };
        load.in_progress += u64::from(row.in_progress);
        load.in_progress -= u64::from(before.in_progress);
        load.totals.add(sample);
    }

    /// A cluster that the client reported before and does not any more. One that makes up new names in every report is not remembered
    /// for all of them.
    fn missing(&mut self, before: Row, reading: Reading, rows: &mut Vec<Row>) {
        if !reading.idle_if_absent || rows.len() >= MAX_CLUSTERS {
            return self.leave(&before);
        }
        let row = before.clone().idle();
        self.exchange(&before, &row, &Sample::default());
        rows.push(row);
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}
