//! What the scraper tells about itself, under Prometheus's names.

use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use vigie_model::format_duration_ms;

type LabelSet = [(&'static str, String); 1];
type Histograms = Family<LabelSet, Histogram, fn() -> Histogram>;
type Count = Counter<u64, AtomicU64>;

#[derive(Debug)]
pub(crate) struct ScrapeMetrics {
    pub(crate) pools: Count,
    pub(crate) pools_failed: Count,
    pub(crate) pool_reloads: Count,
    pub(crate) pool_reloads_failed: Count,
    pub(crate) pool_exceeded_target_limit: Count,
    pool_targets: Family<LabelSet, Gauge<i64, AtomicI64>>,
    pool_target_limit: Family<LabelSet, Gauge<i64, AtomicI64>>,
    pool_syncs: Family<LabelSet, Count>,
    sync_failed: Family<LabelSet, Count>,
    sync_length: Histograms,
    interval_length: Histograms,
    pub(crate) exceeded_body_size_limit: Count,
    pub(crate) exceeded_sample_limit: Count,
    pub(crate) exceeded_label_limits: Count,
    pub(crate) exceeded_bucket_limit: Count,
    pub(crate) cache_flush_forced: Count,
    pub(crate) sample_duplicate: Count,
    pub(crate) sample_out_of_order: Count,
    pub(crate) sample_out_of_bounds: Count,
    pub(crate) exemplar_out_of_order: Count,
    pub(crate) histograms_dropped: Count,
    pub(crate) write_failed: Count,
    pub(crate) scrape_duration: Histogram,
    discovered_targets: Family<LabelSet, Gauge<i64, AtomicI64>>,
    pub(crate) file_read_errors: Count,
    pub(crate) file_scan_duration: Histogram,
    file_mtime: Family<LabelSet, Gauge<i64, AtomicI64>>,
}

fn long_buckets() -> Histogram {
    Histogram::new([0.01, 0.1, 1.0, 10.0])
}

fn interval_buckets() -> Histogram {
    Histogram::new([0.01, 0.1, 1.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0])
}

impl ScrapeMetrics {
    pub(crate) fn register(registry: &mut Registry) -> ScrapeMetrics {
        let metrics = ScrapeMetrics {
            pools: Count::default(),
            pools_failed: Count::default(),
            pool_reloads: Count::default(),
            pool_reloads_failed: Count::default(),
            pool_exceeded_target_limit: Count::default(),
            pool_targets: Family::default(),
            pool_target_limit: Family::default(),
            pool_syncs: Family::default(),
            sync_failed: Family::default(),
            sync_length: Histograms::new_with_constructor(long_buckets),
            interval_length: Histograms::new_with_constructor(interval_buckets),
            exceeded_body_size_limit: Count::default(),
            exceeded_sample_limit: Count::default(),
            exceeded_label_limits: Count::default(),
            exceeded_bucket_limit: Count::default(),
            cache_flush_forced: Count::default(),
            sample_duplicate: Count::default(),
            sample_out_of_order: Count::default(),
            sample_out_of_bounds: Count::default(),
            exemplar_out_of_order: Count::default(),
            histograms_dropped: Count::default(),
            write_failed: Count::default(),
            scrape_duration: long_buckets(),
            discovered_targets: Family::default(),
            file_read_errors: Count::default(),
            file_scan_duration: long_buckets(),
            file_mtime: Family::default(),
        };
        metrics.register_counters(registry);
        metrics.register_families(registry);
        metrics
    }

    /// The library adds `_total` to the names of counters.
    fn register_counters(&self, registry: &mut Registry) {
        for (name, help, counter) in [
            (
                "prometheus_target_scrape_pools",
                "Total number of scrape pool creation attempts",
                &self.pools,
            ),
            (
                "prometheus_target_scrape_pools_failed",
                "Total number of scrape pool creations that failed",
                &self.pools_failed,
            ),
            (
                "prometheus_target_scrape_pool_reloads",
                "Total number of scrape pool reloads",
                &self.pool_reloads,
            ),
            (
                "prometheus_target_scrape_pool_reloads_failed",
                "Total number of failed scrape pool reloads",
                &self.pool_reloads_failed,
            ),
            (
                "prometheus_target_scrape_pool_exceeded_target_limit",
                "Total number of times scrape pools hit the target limit, during sync or config reload",
                &self.pool_exceeded_target_limit,
            ),
            (
                "prometheus_target_scrapes_exceeded_body_size_limit",
                "Total number of scrapes that hit the body size limit",
                &self.exceeded_body_size_limit,
            ),
            (
                "prometheus_target_scrapes_exceeded_sample_limit",
                "Total number of scrapes that hit the sample limit and were rejected",
                &self.exceeded_sample_limit,
            ),
            (
                "prometheus_target_scrape_pool_exceeded_label_limits",
                "Total number of times scrape pools hit the label limits",
                &self.exceeded_label_limits,
            ),
            (
                "prometheus_target_scrapes_exceeded_native_histogram_bucket_limit",
                "Total number of scrapes that hit the native histogram bucket limit and were rejected",
                &self.exceeded_bucket_limit,
            ),
            (
                "prometheus_target_scrapes_exemplar_out_of_order",
                "Total number of exemplar rejected due to not being out of the expected order",
                &self.exemplar_out_of_order,
            ),
            (
                "vigie_target_scrapes_histograms_dropped",
                "Total number of native histograms that could not be stored",
                &self.histograms_dropped,
            ),
            (
                "prometheus_target_scrapes_cache_flush_forced",
                "How many times a scrape cache was flushed due to getting big while scrapes are failing",
                &self.cache_flush_forced,
            ),
            (
                "prometheus_target_scrapes_sample_duplicate_timestamp",
                "Total number of samples rejected due to duplicate timestamps but different values",
                &self.sample_duplicate,
            ),
            (
                "prometheus_target_scrapes_sample_out_of_order",
                "Total number of samples rejected due to not being out of the expected order",
                &self.sample_out_of_order,
            ),
            (
                "prometheus_target_scrapes_sample_out_of_bounds",
                "Total number of samples rejected due to timestamp falling outside of the time bounds",
                &self.sample_out_of_bounds,
            ),
            (
                "vigie_target_scrapes_write_failed",
                "Total number of scrapes whose samples could not be written",
                &self.write_failed,
            ),
            (
                "prometheus_sd_file_read_errors",
                "The number of File-SD read errors",
                &self.file_read_errors,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
    }

    fn register_families(&self, registry: &mut Registry) {
        for (name, help, gauge) in [
            (
                "prometheus_target_scrape_pool_targets",
                "Current number of targets in this scrape pool",
                &self.pool_targets,
            ),
            (
                "prometheus_target_scrape_pool_target_limit",
                "Maximum number of targets allowed in this scrape pool",
                &self.pool_target_limit,
            ),
            (
                "prometheus_sd_discovered_targets",
                "Current number of discovered targets",
                &self.discovered_targets,
            ),
            (
                "prometheus_sd_file_mtime_seconds",
                "Timestamp (mtime) of files read by FileSD. Timestamp is set at read time",
                &self.file_mtime,
            ),
        ] {
            registry.register(name, help, gauge.clone());
        }
        registry.register(
            "prometheus_target_scrape_pool_sync",
            "Total number of syncs that were executed on a scrape pool",
            self.pool_syncs.clone(),
        );
        registry.register(
            "prometheus_target_sync_failed",
            "Total number of target sync failures",
            self.sync_failed.clone(),
        );
        registry.register(
            "prometheus_target_sync_length_seconds",
            "Actual interval to sync the scrape pool",
            self.sync_length.clone(),
        );
        registry.register(
            "prometheus_target_interval_length_seconds",
            "Actual intervals between scrapes",
            self.interval_length.clone(),
        );
        registry.register(
            "prometheus_target_scrape_duration_seconds",
            "Total duration of the scrape from start to commit completion in seconds",
            self.scrape_duration.clone(),
        );
        registry.register(
            "prometheus_sd_file_scan_duration_seconds",
            "The duration of the File-SD scan in seconds",
            self.file_scan_duration.clone(),
        );
    }

    pub(crate) fn synced(&self, job: &str, targets: usize, failures: usize, duration: Duration) {
        let label = by_job(job);
        self.pool_targets.get_or_create(&label).set(gauge_value(targets));
        self.pool_syncs.get_or_create(&label).inc();
        self.sync_failed.get_or_create(&label).inc_by(failures as u64);
        self.sync_length
            .get_or_create(&label)
            .observe(duration.as_secs_f64());
    }

    pub(crate) fn set_target_limit(&self, job: &str, limit: u64) {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.pool_target_limit.get_or_create(&by_job(job)).set(limit);
    }

    pub(crate) fn set_discovered(&self, job: &str, targets: usize) {
        self.discovered_targets
            .get_or_create(&[("config", job.to_owned())])
            .set(gauge_value(targets));
    }

    /// Forgets the figures of a job that is gone.
    pub(crate) fn remove_pool(&self, job: &str) {
        let label = by_job(job);
        self.pool_targets.remove(&label);
        self.pool_target_limit.remove(&label);
        self.pool_syncs.remove(&label);
        self.sync_failed.remove(&label);
        self.sync_length.remove(&label);
        self.discovered_targets.remove(&[("config", job.to_owned())]);
    }

    pub(crate) fn observe_interval(&self, interval: Duration, actual: Duration) {
        let ms = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX);
        self.interval_length
            .get_or_create(&[("interval", format_duration_ms(ms))])
            .observe(actual.as_secs_f64());
    }

    pub(crate) fn set_file_mtime(&self, path: &str, seconds: i64) {
        self.file_mtime
            .get_or_create(&[("filename", path.to_owned())])
            .set(seconds);
    }

    pub(crate) fn remove_file(&self, path: &str) {
        self.file_mtime.remove(&[("filename", path.to_owned())]);
    }
}

fn by_job(job: &str) -> LabelSet {
    [("scrape_job", job.to_owned())]
}

fn gauge_value(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
