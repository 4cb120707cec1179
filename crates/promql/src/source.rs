//! Where an evaluation gets its samples.

use vigie_model::{FloatHistogram, Labels, Matcher};

/// Reads series for an evaluation. The evaluator calls it once per selector and pulls series one at
/// a time, so an implementation can stream and never has to hold a whole selection.
pub trait Source {
    fn select(&self, request: &SelectRequest) -> Result<Box<dyn SeriesSet + '_>, SourceError>;
}

/// The series of one selection, in any order, each series exactly once.
pub trait SeriesSet {
    fn next(&mut self) -> Result<Option<Series>, SourceError>;
}

/// What a selector needs.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectRequest {
    pub matchers: Vec<Matcher>,
    /// Samples with `start_ms <= t <= end_ms` are wanted; more are allowed.
    pub start_ms: i64,
    pub end_ms: i64,
}

/// A series and its samples in ascending time, no time twice. A time is in one of the columns only.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    pub labels: Labels,
    pub timestamps_ms: Vec<i64>,
    /// As long as `timestamps_ms`. Staleness markers are included.
    pub values: Vec<f64>,
    pub histograms: Vec<(i64, FloatHistogram)>,
    /// When each float began to count, 0 if that is not known. As long as `timestamps_ms`, or empty if
    /// it is known of none: a series without such times pays nothing for them.
    pub starts_ms: Vec<i64>,
    /// The same for `histograms`.
    pub histogram_starts_ms: Vec<i64>,
}

/// The samples could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    pub message: String,
    /// Asking again may help: a shard without leader, an overloaded ingester.
    pub retryable: bool,
}
