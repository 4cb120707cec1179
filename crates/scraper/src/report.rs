//! The synthetic series every scrape writes about itself.

use std::time::Duration;

use vigie_model::Labels;

use crate::ScrapedSample;
use crate::append::{Counts, staleness_marker};
use crate::sample_labels::SampleRules;

const NAMES: [&str; 5] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];
/// Written only with `extra_scrape_metrics`.
const EXTRA_NAMES: [&str; 3] = [
    "scrape_timeout_seconds",
    "scrape_sample_limit",
    "scrape_body_size_bytes",
];

/// The labels of a target's synthetic series, made once.
#[derive(Debug)]
pub(crate) struct ReportSeries {
    labels: Vec<Labels>,
}

/// What is reported.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Report {
    pub(crate) is_up: bool,
    pub(crate) duration: Duration,
    pub(crate) counts: Counts,
    pub(crate) timeout: Duration,
    pub(crate) sample_limit: u64,
    /// Minus one if the limit was exceeded, zero after any other failure.
    pub(crate) body_size_bytes: i64,
}

impl ReportSeries {
    pub(crate) fn new(rules: &SampleRules) -> ReportSeries {
        let extra: &[&str] = if rules.config.extra_scrape_metrics {
            &EXTRA_NAMES
        } else {
            &[]
        };
        ReportSeries {
            labels: NAMES
                .iter()
                .chain(extra)
                .map(|name| rules.report_labels(name))
                .collect(),
        }
    }

    pub(crate) fn write(&self, report: &Report, timestamp_ms: i64, samples: &mut Vec<ScrapedSample>) {
        let values = [
            f64::from(u8::from(report.is_up)),
            report.duration.as_secs_f64(),
            report.counts.scraped as f64,
            report.counts.added as f64,
            report.counts.series_added as f64,
            report.timeout.as_secs_f64(),
            report.sample_limit as f64,
            report.body_size_bytes as f64,
        ];
        samples.extend(
            self.labels
                .iter()
                .zip(values)
                .map(|(labels, value)| ScrapedSample {
                    labels: labels.clone(),
                    timestamp_ms,
                    start_timestamp_ms: None,
                    value,
                }),
        );
    }

    pub(crate) fn write_stale(&self, timestamp_ms: i64, samples: &mut Vec<ScrapedSample>) {
        samples.extend(
            self.labels
                .iter()
                .map(|labels| staleness_marker(labels, timestamp_ms)),
        );
    }
}
