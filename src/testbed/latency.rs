//! Latencies in buckets, each a tenth wider than the one before: constant space however long a load runs.

use std::time::Duration;

const GROWTH: f64 = 1.1;
/// Enough for 1 µs to more than a minute.
const BUCKETS: usize = 190;

/// A distribution of latencies, exact to a tenth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latency {
    counts: Vec<u64>,
}

impl Default for Latency {
    fn default() -> Self {
        Latency { counts: vec![0; BUCKETS] }
    }
}

impl Latency {
    /// Takes one sample in.
    pub fn record(&mut self, sample: Duration) {
        let micros = sample.as_secs_f64() * 1e6;
        let bucket = if micros <= 1.0 { 0 } else { micros.log(GROWTH).ceil() as usize };
        self.counts[bucket.min(BUCKETS - 1)] += 1;
    }

    /// The latency that the given share of samples (0.0 to 1.0) did not exceed; zero without samples.
    pub fn quantile(&self, share: f64) -> Duration {
        let total: u64 = self.counts.iter().sum();
        let rank = (total as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_secs_f64(GROWTH.powi(bucket as i32) / 1e6);
            }
        }
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_exact_to_a_tenth() {
        let mut latency = Latency::default();
        for millis in 1..=100 {
            latency.record(Duration::from_millis(millis));
        }
        for (share, want) in [(0.5, 50.0), (0.99, 99.0), (1.0, 100.0)] {
            let got = latency.quantile(share).as_secs_f64() * 1e3;
            assert!(got >= want && got <= want * 1.11, "{share}: {got} ms");
        }
    }

    #[test]
    fn nothing_recorded_is_zero() {
        assert_eq!(Latency::default().quantile(0.5), Duration::ZERO);
    }
}
