//! Failures.

use vigie_exposition::{ExpositionError, SyntaxError, UnusableContentType};
use vigie_model::InvalidHistogram;

/// Why a scrape failed. The text is shown as the target's last error.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScrapeError {
    /// No answer: connection, TLS, credentials file.
    #[error("Get {url:?}: {reason}")]
    Request { url: String, reason: String },
    #[error("Get {url:?}: context deadline exceeded")]
    Timeout { url: String },
    #[error("server returned HTTP status {0}")]
    Status(String),
    #[error("body size limit exceeded")]
    BodySize,
    #[error("read compressed body: {0}")]
    Compression(String),
    #[error(transparent)]
    ContentType(#[from] UnusableContentType),
    #[error(transparent)]
    Parse(#[from] ExpositionError),
    #[error(transparent)]
    Series(#[from] SyntaxError),
    #[error("missing metric name (__name__ label)")]
    NoName,
    #[error("invalid metric name or label names: {0}")]
    InvalidNames(String),
    #[error("{0}")]
    LabelLimit(String),
    #[error("sample limit exceeded")]
    SampleLimit,
    #[error("histogram bucket limit exceeded")]
    BucketLimit,
    #[error(transparent)]
    Histogram(Box<InvalidHistogram>),
    #[error("target_limit exceeded (number of targets: {targets}, limit: {limit})")]
    TargetLimit { targets: usize, limit: u64 },
    /// A defect of this program; the target's series start afresh.
    #[error("scrape was interrupted")]
    Interrupted,
}

/// Why a configuration cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScraperError {
    #[error("create HTTP client of job {job:?}: {reason}")]
    Client { job: String, reason: String },
    #[error("scraper is shutting down")]
    ShuttingDown,
}
