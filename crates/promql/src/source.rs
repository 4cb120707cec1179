//! Where an evaluation gets its samples.

use std::sync::Arc;

use vigie_model::{FloatHistogram, Labels, Matcher};

/// Reads series for an evaluation. The evaluator calls it once per selector and pulls series batch by
/// batch, so an implementation can stream and never has to hold a whole selection.
pub trait Source: Sync {
    fn select(&self, request: &SelectRequest) -> Result<Box<dyn SeriesSet + '_>, SourceError>;
}

/// The series of one selection, in any order, each series exactly once.
pub trait SeriesSet: Send {
    fn next(&mut self) -> Result<Option<Series>, SourceError>;

    /// What comes next, some series at a time and not yet decoded, so that it can be decoded on
    /// another thread. `None` at the end. Uses up the same series as `next`.
    fn next_batch(&mut self) -> Result<Option<Box<dyn SeriesBatch>>, SourceError> {
        let mut batch = Vec::new();
        while batch.len() < DEFAULT_BATCH_SERIES
            && let Some(series) = self.next()?
        {
            batch.push(series);
        }
        if batch.is_empty() {
            return Ok(None);
        }
        Ok(Some(Box::new(batch.into_iter())))
    }
}

const DEFAULT_BATCH_SERIES: usize = 16;

/// Some series of a selection, in its order.
pub trait SeriesBatch: Send {
    /// Puts the next series in place of `series`, whose buffers may be used again. False at the end.
    fn next_into(&mut self, series: &mut Series) -> Result<bool, SourceError>;
}

impl SeriesBatch for std::vec::IntoIter<Series> {
    fn next_into(&mut self, series: &mut Series) -> Result<bool, SourceError> {
        match self.next() {
            Some(next) => {
                *series = next;
                Ok(true)
            }
            None => Ok(false),
        }
    }
}

/// What a selector needs.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectRequest {
    pub matchers: Vec<Matcher>,
    /// Samples with `start_ms <= t <= end_ms` are wanted; more are allowed.
    pub start_ms: i64,
    pub end_ms: i64,
    /// Only these labels of the series are needed, so that the others need not be made; `None` for all. More are
    /// allowed.
    pub labels: Option<Arc<[String]>>,
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
