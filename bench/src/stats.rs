//! Percentiles, buckets and medians of what was measured.

use std::time::Duration;

/// Latencies of many requests.
#[derive(Debug, Default, Clone)]
pub struct Latencies(Vec<u32>);

impl Latencies {
    /// Adds one; kept in microseconds (at most about 71 minutes).
    pub fn record(&mut self, latency: Duration) {
        self.0.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    /// Adds those of another.
    pub fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Their number.
    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// The `percent`-th percentile in milliseconds; 0 when nothing was recorded.
    pub fn percentile(&mut self, percent: f64) -> f64 {
        if self.0.is_empty() {
            return 0.0;
        }
        self.0.sort_unstable();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0..=len-1
        let rank = ((percent / 100.0) * (self.0.len() - 1) as f64).round() as usize;
        f64::from(self.0[rank.min(self.0.len() - 1)]) / 1000.0
    }

    /// The number of latencies in each bucket, as (upper bound in milliseconds, count). Bounds grow by a quarter; empty
    /// buckets at both ends are left out.
    pub fn buckets(&self) -> Vec<(f64, u64)> {
        const FIRST_MICROS: f64 = 50.0;
        const GROWTH: f64 = 1.25;
        const BUCKETS: usize = 80;
        let mut counts = [0_u64; BUCKETS];
        for micros in &self.0 {
            let steps = (f64::from(*micros).max(FIRST_MICROS) / FIRST_MICROS).ln() / GROWTH.ln();
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0..=75 for a u32
            let bucket = steps.floor() as usize;
            counts[bucket.min(BUCKETS - 1)] += 1;
        }
        let last = counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        let first = counts.iter().position(|count| *count > 0).unwrap_or(0);
        let bound = |index: usize| FIRST_MICROS * GROWTH.powf(index as f64 + 1.0) / 1000.0;
        (first..last).map(|index| (bound(index), counts[index])).collect()
    }
}

/// The median, minimum and maximum of a few runs.
pub fn spread(runs: &[f64]) -> (f64, f64, f64) {
    let mut sorted = runs.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    match sorted.as_slice() {
        [] => (0.0, 0.0, 0.0),
        all => (all[all.len() / 2], all[0], all[all.len() - 1]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_ranks_and_buckets_lose_nothing() {
        let mut latencies = Latencies::default();
        for millis in 1..=1000 {
            latencies.record(Duration::from_millis(millis));
        }
        assert!((latencies.percentile(50.0) - 501.0).abs() < 1.5);
        assert!((latencies.percentile(99.9) - 999.0).abs() < 1.5);
        let buckets = latencies.buckets();
        assert_eq!(buckets.iter().map(|(_, count)| count).sum::<u64>(), 1000);
        assert!(buckets.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(buckets[0].0 >= 1.0 && buckets[0].0 < 1.3);
    }

    #[test]
    fn the_spread_of_runs_is_median_lowest_highest() {
        assert_eq!(spread(&[3.0, 1.0, 2.0]), (2.0, 1.0, 3.0));
        assert_eq!(spread(&[]), (0.0, 0.0, 0.0));
    }
}
