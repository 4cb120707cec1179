//! Where samples go.

use async_trait::async_trait;
use vigie_exposition::NativeValue;
use vigie_model::{Exemplar, Labels, MetricMetadata, TenantId};

/// Takes what scrapes produce, one call per scrape.
#[async_trait]
pub trait SampleSink: Send + Sync + 'static {
    /// Returns once the samples are as durable as the sink makes them. A repeated call with the
    /// same batch must be harmless, as a retryable failure is retried.
    async fn write(&self, batch: &ScrapeBatch) -> Result<WriteSummary, SinkError>;
}

/// The outcome of one scrape of one target: its samples, staleness markers for series that ended,
/// and the synthetic series (`up` and others).
#[derive(Debug, Clone)]
pub struct ScrapeBatch {
    pub tenant: TenantId,
    pub samples: Vec<ScrapedSample>,
    /// Native histograms, and staleness markers of series that were ones.
    pub histograms: Vec<ScrapedHistogram>,
    /// Empty unless the scraper was told to take them. Those of one series come in their order.
    pub exemplars: Vec<ScrapedExemplar>,
    /// Families whose metadata is new or has changed since the previous scrape.
    pub metadata: Vec<(String, MetricMetadata)>,
    /// Set for the markers of a removed target. The series may have gone on elsewhere meanwhile, so
    /// a marker older than the newest sample must be dropped even where out-of-order samples are
    /// otherwise welcome.
    pub reject_out_of_order: bool,
}

#[derive(Debug, Clone)]
pub struct ScrapedSample {
    pub labels: Labels,
    pub timestamp_ms: i64,
    /// Since when the sample counts, if the target says so and the scraper was told to read it.
    pub start_timestamp_ms: Option<i64>,
    pub value: f64,
}

#[derive(Debug, Clone)]
pub struct ScrapedHistogram {
    pub labels: Labels,
    pub timestamp_ms: i64,
    pub start_timestamp_ms: Option<i64>,
    /// Valid, and within the limits of the job.
    pub value: NativeValue,
}

#[derive(Debug, Clone)]
pub struct ScrapedExemplar {
    /// The labels of the series it belongs to, one of the batch's.
    pub series: Labels,
    pub exemplar: Exemplar,
}

/// Samples that were refused one by one, which fails neither the write nor the scrape.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WriteSummary {
    pub out_of_order: u64,
    /// Another value is already stored at the same time.
    pub duplicate: u64,
    /// Too old, or too far in the future.
    pub out_of_bounds: u64,
    /// Exemplars older than those that the series has.
    pub out_of_order_exemplars: u64,
    /// Native histograms that the sink cannot store.
    pub dropped_histograms: u64,
}

/// The batch as a whole was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SinkError {
    /// Whether the same batch may succeed a moment later.
    pub retryable: bool,
    pub message: String,
}
