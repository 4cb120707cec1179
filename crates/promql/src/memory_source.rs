//! Series held in memory, for tests of queries and rules.

use std::collections::BTreeMap;

use vigie_model::{CounterResetHint, FloatHistogram, Labels};

use crate::notation::SeriesValue;
use crate::{SelectRequest, Series, SeriesSet, Source, SourceError};

/// Series by labels. Answers exactly what is asked for, so that a bound that is too narrow shows.
#[derive(Debug, Clone, Default)]
pub struct MemorySource {
    series: BTreeMap<Labels, Series>,
}

impl MemorySource {
    pub fn clear(&mut self) {
        self.series.clear();
    }

    pub fn series(&self) -> impl Iterator<Item = &Series> {
        self.series.values()
    }

    /// The newest time of a series, if it has samples.
    pub fn newest_ms(&self, labels: &Labels) -> Option<i64> {
        let series = self.series.get(labels)?;
        let histogram_ms = series.histograms.last().map(|(time_ms, _)| *time_ms);
        series.timestamps_ms.last().copied().max(histogram_ms)
    }

    /// Adds a sample in its place; a float at the same time is replaced. `start_ms` is when it began to
    /// count, 0 if that is not known.
    pub fn insert(&mut self, labels: &Labels, time_ms: i64, value: &SeriesValue, start_ms: i64) {
        let series = self.series.entry(labels.clone()).or_default();
        series.labels = labels.clone();
        match value {
            SeriesValue::Absent => {}
            SeriesValue::Float(value) => match series.timestamps_ms.binary_search(&time_ms) {
                Ok(at) => series.values[at] = *value,
                Err(at) => {
                    series.timestamps_ms.insert(at, time_ms);
                    series.values.insert(at, *value);
                    series.starts_ms.insert(at, start_ms);
                }
            },
            SeriesValue::Histogram(histogram) => {
                let at = series.histograms.partition_point(|(at_ms, _)| *at_ms < time_ms);
                let stored = as_stored(series, at, histogram);
                series.histograms.insert(at, (time_ms, stored));
                series.histogram_starts_ms.insert(at, start_ms);
            }
        }
    }
}

/// A histogram with the hint Prometheus's storage gives it as the next one of its series: `NotReset` if
/// it goes on in the chunk of the one before, else none, as nothing is said across chunks.
fn as_stored(series: &Series, at: usize, histogram: &FloatHistogram) -> FloatHistogram {
    let mut stored = histogram.clone();
    if stored.counter_reset_hint == CounterResetHint::Gauge {
        return stored;
    }
    stored.counter_reset_hint = CounterResetHint::Unknown;
    let Some((before_ms, previous)) = at.checked_sub(1).and_then(|before| series.histograms.get(before))
    else {
        return stored;
    };
    let follows_float = series
        .timestamps_ms
        .last()
        .is_some_and(|float_ms| float_ms > before_ms);
    let cuts_chunk = follows_float
        || histogram.counter_reset_hint == CounterResetHint::Reset
        || previous.counter_reset_hint == CounterResetHint::Gauge
        || previous.is_stale()
        || previous.schema != stored.schema
        || previous.zero_threshold != stored.zero_threshold
        || previous.custom_values != stored.custom_values
        || stored.is_reset_after(previous);
    if !cuts_chunk {
        stored.counter_reset_hint = CounterResetHint::NotReset;
    }
    stored
}

impl Source for MemorySource {
    fn select(&self, request: &SelectRequest) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
        let matching: Vec<&Series> = self
            .series
            .values()
            .filter(|series| {
                request
                    .matchers
                    .iter()
                    .all(|matcher| matcher.matches(series.labels.get(&matcher.name).unwrap_or_default()))
            })
            .collect();
        Ok(Box::new(Selected {
            rest: matching.into_iter(),
            start_ms: request.start_ms,
            end_ms: request.end_ms,
        }))
    }
}

struct Selected<'a> {
    rest: std::vec::IntoIter<&'a Series>,
    start_ms: i64,
    end_ms: i64,
}

impl SeriesSet for Selected<'_> {
    fn next(&mut self) -> Result<Option<Series>, SourceError> {
        let Some(series) = self.rest.next() else {
            return Ok(None);
        };
        let mut series = series.clone();
        let (low, high) = self.range(&series.timestamps_ms);
        for column in [&mut series.timestamps_ms, &mut series.starts_ms] {
            column.truncate(high);
            column.drain(..low);
        }
        series.values.truncate(high);
        series.values.drain(..low);
        let times: Vec<i64> = series.histograms.iter().map(|(time_ms, _)| *time_ms).collect();
        let (low, high) = self.range(&times);
        series.histograms.truncate(high);
        series.histograms.drain(..low);
        series.histogram_starts_ms.truncate(high);
        series.histogram_starts_ms.drain(..low);
        for starts_ms in [&mut series.starts_ms, &mut series.histogram_starts_ms] {
            if starts_ms.iter().all(|start_ms| *start_ms == 0) {
                starts_ms.clear();
            }
        }
        Ok(Some(series))
    }
}

impl Selected<'_> {
    fn range(&self, times: &[i64]) -> (usize, usize) {
        (
            times.partition_point(|time_ms| *time_ms < self.start_ms),
            times.partition_point(|time_ms| *time_ms <= self.end_ms),
        )
    }
}
