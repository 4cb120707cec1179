//! Counters and latencies of LogDB.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Buckets of [`LatencySnapshot`]: bucket `i` counts what took less than `2^i` microseconds and not less than
/// half of that; the last has no upper bound.
pub(super) const LATENCY_BUCKETS: usize = 28;

/// Distribution of durations.
#[derive(Debug, Default)]
pub(super) struct Latency {
    buckets: [AtomicU64; LATENCY_BUCKETS],
    sum_us: AtomicU64,
    max_us: AtomicU64,
}

impl Latency {
    pub(super) fn record(&self, elapsed: Duration) {
        let us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let bucket = (u64::BITS - us.leading_zeros()) as usize;
        self.buckets[bucket.min(LATENCY_BUCKETS - 1)].fetch_add(1, Relaxed);
        self.sum_us.fetch_add(us, Relaxed);
        self.max_us.fetch_max(us, Relaxed);
    }

    pub(super) fn snapshot(&self) -> LatencySnapshot {
        LatencySnapshot {
            buckets: self.buckets.iter().map(|count| count.load(Relaxed)).collect(),
            sum: Duration::from_micros(self.sum_us.load(Relaxed)),
            max: Duration::from_micros(self.max_us.load(Relaxed)),
        }
    }
}

/// Distribution of durations since the database was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LatencySnapshot {
    /// Bucket `i` counts what took less than `2^i` microseconds and not less than half of that; the last has
    /// no upper bound.
    pub buckets: Vec<u64>,
    /// Sum of all.
    pub sum: Duration,
    /// The longest.
    pub max: Duration,
}

impl LatencySnapshot {
    /// How many were recorded.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Upper bound of the bucket that holds the `q` quantile (0 to 1), at most the maximum.
    pub fn quantile(&self, q: f64) -> Duration {
        let rank = (self.count() as f64 * q).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank.max(1) {
                return Duration::from_micros(1 << bucket).min(self.max);
            }
        }
        self.max
    }
}

/// Counters as they are kept.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) batches: AtomicU64,
    pub(super) appends: AtomicU64,
    pub(super) entries: AtomicU64,
    pub(super) entry_bytes: AtomicU64,
    pub(super) cache_hits: AtomicU64,
    pub(super) cache_misses: AtomicU64,
    pub(super) rotations: AtomicU64,
    pub(super) copied_forward_bytes: AtomicU64,
    pub(super) commit: Latency,
    pub(super) segment_create: Latency,
    pub(super) segment_drop: Latency,
}

/// Counters of a LogDB since it was opened, and present values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogDbStats {
    /// Batches written, each with one fsync.
    pub batches: u64,
    /// Append operations made durable.
    pub appends: u64,
    /// Entries made durable.
    pub entries: u64,
    /// Payload bytes made durable.
    pub entry_bytes: u64,
    /// Payload bytes submitted and not yet durable.
    pub queued_bytes: u64,
    /// Bytes of entries kept in memory for readers.
    pub cache_bytes: u64,
    /// Reads that began in memory.
    pub cache_hits: u64,
    /// Reads that began in RocksDB.
    pub cache_misses: u64,
    /// Segments on disk, the active one included.
    pub segments: u64,
    /// Segments closed.
    pub rotations: u64,
    /// Bytes of entries copied out of old segments.
    pub copied_forward_bytes: u64,
    /// Write and fsync of a batch.
    pub commit: LatencySnapshot,
    /// Creation of a segment, beside the writer.
    pub segment_create: LatencySnapshot,
    /// Removal of a segment, beside the writer.
    pub segment_drop: LatencySnapshot,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_bucket_bounds() {
        let latency = Latency::default();
        assert_eq!(latency.snapshot().quantile(0.5), Duration::ZERO);
        for us in [0, 1, 3, 100, u64::MAX / 2000] {
            latency.record(Duration::from_micros(us));
        }
        let snapshot = latency.snapshot();
        assert_eq!(snapshot.count(), 5);
        assert_eq!(snapshot.quantile(0.5), Duration::from_micros(4));
        assert_eq!(snapshot.quantile(0.8), Duration::from_micros(128));
        assert_eq!(snapshot.max, Duration::from_micros(u64::MAX / 2000));
    }
}
