//! What the querier says of itself, under Prometheus's names.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use vigie_promql::QueryStats;
use vigie_runtime::{Metrics, duration_buckets};

#[derive(Debug, Clone)]
pub(crate) struct QuerierMetrics {
    pub(crate) running: Gauge,
    concurrent_max: Gauge,
    queue_seconds: Histogram,
    query_seconds: Histogram,
    samples: Counter,
    failures: Counter,
}

impl QuerierMetrics {
    pub(crate) fn register(metrics: &Metrics) -> QuerierMetrics {
        let histogram = |name, help| metrics.register(name, help, Histogram::new(duration_buckets()));
        QuerierMetrics {
            running: metrics.register(
                "prometheus_engine_queries",
                "The current number of queries being executed or waiting.",
                Gauge::default(),
            ),
            concurrent_max: metrics.register(
                "prometheus_engine_queries_concurrent_max",
                "The max number of concurrent queries.",
                Gauge::default(),
            ),
            queue_seconds: histogram(
                "vigie_querier_queue_duration_seconds",
                "Time queries waited for their turn.",
            ),
            query_seconds: histogram(
                "vigie_querier_query_duration_seconds",
                "Time queries took, waiting excluded.",
            ),
            samples: metrics.register(
                "prometheus_engine_query_samples",
                "The total number of samples loaded by all queries.",
                Counter::default(),
            ),
            failures: metrics.register(
                "vigie_querier_failed_queries",
                "Queries without an answer.",
                Counter::default(),
            ),
        }
    }

    pub(crate) fn set_limit(&self, concurrency: usize) {
        self.concurrent_max.set(concurrency as i64);
    }

    pub(crate) fn observe(&self, queued: Duration, took: Duration, stats: Option<&QueryStats>) {
        self.queue_seconds.observe(queued.as_secs_f64());
        self.query_seconds.observe(took.as_secs_f64());
        match stats {
            Some(stats) => drop(self.samples.inc_by(stats.samples_read)),
            None => drop(self.failures.inc()),
        }
    }
}
