//! What the distributor says of itself.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use vigie_runtime::{Metrics, duration_buckets};

use crate::ingest::WriteSummary;

#[derive(Debug, Clone)]
pub(crate) struct DistributorMetrics {
    received_samples: Counter,
    rejected_samples: Counter,
    invalid_series_samples: Counter,
    received_histograms: Counter,
    pub(crate) standby_samples: Counter,
    pub(crate) rate_limited_samples: Counter,
    cache_hits: Counter,
    cache_misses: Counter,
    pub(crate) inflight_bytes: Gauge,
    pub(crate) cache_entries: Gauge,
    pub(crate) cache_bytes: Gauge,
    pub(crate) lane: LaneMetrics,
}

#[derive(Debug, Clone)]
pub(crate) struct LaneMetrics {
    commit_seconds: Histogram,
    committed_bytes: Counter,
    commits: Counter,
    pub(crate) retries: Counter,
}

impl DistributorMetrics {
    pub(crate) fn register(metrics: &Metrics) -> DistributorMetrics {
        let counter = |name, help| metrics.register(name, help, Counter::default());
        let gauge = |name, help| metrics.register(name, help, Gauge::default());
        DistributorMetrics {
            received_samples: counter(
                "vigie_distributor_received_samples",
                "Samples received, stored or not.",
            ),
            rejected_samples: counter(
                "vigie_distributor_rejected_samples",
                "Samples not stored because of their time or value.",
            ),
            invalid_series_samples: counter(
                "vigie_distributor_invalid_series_samples",
                "Samples skipped because the labels of their series are invalid.",
            ),
            received_histograms: counter(
                "vigie_distributor_received_histograms",
                "Those of the samples received that are native histograms, stored or not.",
            ),
            standby_samples: counter(
                "vigie_distributor_standby_samples",
                "Samples of replicas that are not listened to, which are not stored.",
            ),
            rate_limited_samples: counter(
                "vigie_distributor_rate_limited_samples",
                "Samples of requests refused because their tenant exceeds its rate.",
            ),
            cache_hits: counter(
                "vigie_distributor_series_cache_hits",
                "Series found in the series cache.",
            ),
            cache_misses: counter(
                "vigie_distributor_series_cache_misses",
                "Series whose labels had to be decoded.",
            ),
            inflight_bytes: gauge(
                "vigie_distributor_inflight_bytes",
                "Decoded bytes of requests being written.",
            ),
            cache_entries: gauge(
                "vigie_distributor_series_cache_entries",
                "Series in the series cache.",
            ),
            cache_bytes: gauge(
                "vigie_distributor_series_cache_bytes",
                "Memory of the series cache.",
            ),
            lane: LaneMetrics {
                commit_seconds: metrics.register(
                    "vigie_distributor_commit_duration_seconds",
                    "Time from closing a shard's batch to its commit.",
                    Histogram::new(duration_buckets()),
                ),
                committed_bytes: counter("vigie_distributor_committed_bytes", "Bytes of committed batches."),
                commits: counter("vigie_distributor_commits", "Batches committed or given up."),
                retries: counter(
                    "vigie_distributor_commit_retries",
                    "Repeated attempts to commit a batch.",
                ),
            },
        }
    }

    pub(crate) fn observe_lookup(&self, series: usize, missing: usize) {
        self.cache_hits.inc_by((series - missing) as u64);
        self.cache_misses.inc_by(missing as u64);
    }

    pub(crate) fn observe_write(&self, summary: &WriteSummary, histograms: usize) {
        self.received_samples.inc_by(
            summary.appended + summary.appended_histograms + summary.rejected() + summary.invalid_series,
        );
        self.rejected_samples.inc_by(summary.rejected());
        self.invalid_series_samples.inc_by(summary.invalid_series);
        self.received_histograms.inc_by(histograms as u64);
    }
}

impl LaneMetrics {
    pub(crate) fn observe_commit(&self, bytes: usize, took: Duration) {
        self.commit_seconds.observe(took.as_secs_f64());
        self.committed_bytes.inc_by(bytes as u64);
        self.commits.inc();
    }
}
