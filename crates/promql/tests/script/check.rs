//! Compares answers with what a script expects.

use std::collections::BTreeSet;

use regex::Regex;
use vigie_model::{CounterResetHint, FloatHistogram, Labels, is_stale_nan};
use vigie_promql::{Annotations, MatrixSeries, QueryValue, Remark, VectorSample};

use super::load::Item;

/// Relative difference that passes, as in promqltest.
const TOLERANCE: f64 = 1e-6;

/// A text to find.
#[derive(Debug, Clone)]
pub(crate) enum Pattern {
    Anything,
    Text(String),
    Regex(Regex),
}

impl Pattern {
    /// `msg: TEXT`, `regex: RE`, or nothing.
    pub(crate) fn parse(text: &str) -> Pattern {
        let text = text.trim();
        if let Some(message) = text.strip_prefix("msg:") {
            Pattern::Text(message.trim().to_owned())
        } else if let Some(regex) = text.strip_prefix("regex:") {
            Pattern::Regex(Regex::new(regex.trim()).expect("regex of an expectation"))
        } else {
            Pattern::Anything
        }
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Pattern::Anything => true,
            Pattern::Text(expected) => expected == text,
            Pattern::Regex(regex) => regex.is_match(text),
        }
    }

    /// The script may leave the place out.
    fn matches_remark(&self, remark: &Remark) -> bool {
        self.matches(&remark.text) || self.matches(&remark.to_string())
    }
}

/// What an `eval` block states.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expected {
    pub fail: Option<Vec<Pattern>>,
    pub warn: Vec<Pattern>,
    pub no_warn: bool,
    pub info: Vec<Pattern>,
    pub no_info: bool,
    pub ordered: bool,
    pub string: Option<String>,
    /// Start, end and step of a range vector that an instant query gives.
    pub range: Option<(i64, i64, i64)>,
    pub scalar: Option<f64>,
    pub series: Vec<(Labels, Vec<Item>)>,
}

pub(crate) fn almost_equal(left: f64, right: f64) -> bool {
    if is_stale_nan(left) || is_stale_nan(right) {
        return is_stale_nan(left) && is_stale_nan(right);
    }
    if left == right || (left.is_nan() && right.is_nan()) {
        return true;
    }
    let sum = left.abs() + right.abs();
    let difference = (left - right).abs();
    if left == 0.0 || right == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < TOLERANCE * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < TOLERANCE
}

impl Expected {
    pub(crate) fn check_annotations(&self, annotations: &Annotations) -> Result<(), String> {
        let kinds = [
            ("warning", &self.warn, self.no_warn, &annotations.warnings),
            ("info", &self.info, self.no_info, &annotations.infos),
        ];
        for (kind, patterns, none, found) in kinds {
            check_kind(kind, patterns, none, found)?;
        }
        Ok(())
    }

    pub(crate) fn check_value(
        &self,
        value: &QueryValue,
        grid: Option<(i64, i64, i64)>,
    ) -> Result<(), String> {
        match value {
            QueryValue::String { value, .. } => match &self.string {
                Some(expected) if expected == value => Ok(()),
                expected => Err(format!("string {value:?}, expected {expected:?}")),
            },
            QueryValue::Scalar { value, .. } => match self.scalar {
                Some(expected) if almost_equal(expected, *value) => Ok(()),
                expected => Err(format!("scalar {value}, expected {expected:?}")),
            },
            QueryValue::Vector(samples) => self.check_vector(samples),
            QueryValue::Matrix(rows) => {
                let grid = grid.or(self.range).ok_or("an unexpected range vector")?;
                self.check_matrix(rows, grid)
            }
        }
    }

    fn check_vector(&self, samples: &[VectorSample]) -> Result<(), String> {
        if let Some(scalar) = self.scalar {
            return Err(format!("a vector, expected scalar {scalar}"));
        }
        for (position, sample) in samples.iter().enumerate() {
            let found = self
                .series
                .iter()
                .position(|(labels, _)| *labels == sample.labels);
            let Some(at) = found else {
                return Err(format!("unexpected {} = {}", sample.labels, sample.value));
            };
            if self.ordered && at != position {
                return Err(format!("{} is at {position}, expected at {at}", sample.labels));
            }
            let same = match (&self.series[at].1[..], &sample.histogram) {
                ([Item::Float(expected)], None) => almost_equal(*expected, sample.value),
                ([Item::Histogram(expected)], Some(found)) => same_histogram(expected, found),
                _ => false,
            };
            if !same {
                let expected = &self.series[at].1;
                return Err(format!(
                    "{} = {}, expected {expected:?}",
                    sample.labels, sample.value
                ));
            }
        }
        let missing = self
            .series
            .iter()
            .find(|(labels, _)| !samples.iter().any(|sample| sample.labels == *labels));
        match missing {
            Some((labels, items)) => Err(format!("missing {labels} = {items:?}")),
            None if samples.len() != self.series.len() => Err("a series twice".to_owned()),
            None => Ok(()),
        }
    }

    fn check_matrix(&self, rows: &[MatrixSeries], (start, end, step): (i64, i64, i64)) -> Result<(), String> {
        for pair in rows.windows(2) {
            if pair[0].labels >= pair[1].labels {
                return Err(format!(
                    "{} and {} are not sorted",
                    pair[0].labels, pair[1].labels
                ));
            }
        }
        let times: Vec<i64> = (0..)
            .map(|at| start + at * step)
            .take_while(|at| *at <= end)
            .collect();
        let wanted: Vec<(Labels, Vec<Item>)> = match self.scalar {
            Some(scalar) => vec![(Labels::empty(), vec![Item::Float(scalar); times.len()])],
            None => self.series.clone(),
        };
        for row in rows {
            let Some((_, items)) = wanted.iter().find(|(labels, _)| *labels == row.labels) else {
                return Err(format!("unexpected {} {:?}", row.labels, row.values));
            };
            let found: Vec<Item> = times.iter().map(|time_ms| item_at(row, *time_ms)).collect();
            let total = row.values.len() + row.histograms.len();
            let placed = found.iter().filter(|item| **item != Item::Absent).count();
            let mut items = items.clone();
            items.resize(times.len().max(items.len()), Item::Absent);
            // Absent compares by `==`, which a NaN is not.
            let nan_placed = found
                .iter()
                .filter(|item| matches!(item, Item::Float(value) if value.is_nan()))
                .count();
            let same = total == placed.max(nan_placed)
                && items.len() == found.len()
                && items
                    .iter()
                    .zip(&found)
                    .all(|(expected, found)| same_item(expected, found));
            if !same {
                return Err(format!("{} {found:?}, expected {items:?}", row.labels));
            }
        }
        let is_some = |items: &[Item]| items.iter().any(|item| !matches!(item, Item::Absent));
        let missing = wanted
            .iter()
            .find(|(labels, items)| is_some(items) && !rows.iter().any(|row| row.labels == *labels));
        match missing {
            Some((labels, _)) => Err(format!("missing {labels}")),
            None => Ok(()),
        }
    }
}

fn check_kind(kind: &str, patterns: &[Pattern], none: bool, found: &BTreeSet<Remark>) -> Result<(), String> {
    if none && !found.is_empty() {
        return Err(format!("unexpected {kind} {found:?}"));
    }
    for pattern in patterns {
        if !found.iter().any(|remark| pattern.matches_remark(remark)) {
            return Err(format!("no {kind} matches {pattern:?} among {found:?}"));
        }
    }
    let unmatched = found.iter().find(|remark| {
        !patterns.is_empty() && !patterns.iter().any(|pattern| pattern.matches_remark(remark))
    });
    match unmatched {
        Some(remark) => Err(format!("{kind} {remark:?} matches no expectation")),
        None => Ok(()),
    }
}

fn item_at(row: &MatrixSeries, time_ms: i64) -> Item {
    if let Ok(at) = row.timestamps_ms.binary_search(&time_ms) {
        return Item::Float(row.values[at]);
    }
    match row.histograms.iter().find(|(at_ms, _)| *at_ms == time_ms) {
        Some((_, histogram)) => Item::Histogram(histogram.clone()),
        None => Item::Absent,
    }
}

fn same_item(expected: &Item, found: &Item) -> bool {
    match (expected, found) {
        (Item::Absent, Item::Absent) => true,
        (Item::Float(expected), Item::Float(found)) => almost_equal(*expected, *found),
        (Item::Histogram(expected), Item::Histogram(found)) => same_histogram(expected, found),
        _ => false,
    }
}

/// Numbers may differ a little, bucket layouts not. A hint matters only where the script gives one.
fn same_histogram(expected: &FloatHistogram, found: &FloatHistogram) -> bool {
    let (mut expected, mut found) = (expected.clone(), found.clone());
    expected.compact(0);
    found.compact(0);
    let same_counts = |left: &[f64], right: &[f64]| {
        left.len() == right.len()
            && left
                .iter()
                .zip(right)
                .all(|(left, right)| almost_equal(*left, *right))
    };
    expected.schema == found.schema
        && expected.zero_threshold == found.zero_threshold
        && expected.custom_values == found.custom_values
        && almost_equal(expected.count, found.count)
        && almost_equal(expected.sum, found.sum)
        && almost_equal(expected.zero_count, found.zero_count)
        && expected.positive_spans == found.positive_spans
        && expected.negative_spans == found.negative_spans
        && same_counts(&expected.positive_buckets, &found.positive_buckets)
        && same_counts(&expected.negative_buckets, &found.negative_buckets)
        && (expected.counter_reset_hint == CounterResetHint::Unknown
            || expected.counter_reset_hint == found.counter_reset_hint)
}
