//! Native histograms in integer form, as clients expose them and remote write carries them.

use std::sync::Arc;

use super::validate::{InvalidHistogram, Layout};
use super::{CounterResetHint, FloatHistogram, Span};

/// A native histogram whose counts are integers and whose buckets are differences: each from the bucket
/// before it, the first from zero.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram {
    pub counter_reset_hint: CounterResetHint,
    /// As [`super::NativeHistogram::schema`].
    pub schema: i32,
    pub zero_threshold: f64,
    pub zero_count: u64,
    pub count: u64,
    pub sum: f64,
    pub positive_spans: Vec<Span>,
    pub positive_deltas: Vec<i64>,
    pub negative_spans: Vec<Span>,
    pub negative_deltas: Vec<i64>,
    pub custom_values: Arc<[f64]>,
}

impl Histogram {
    /// Also checks that the buckets add up to the count; they may be fewer if there were observations
    /// that are not numbers, which the sum then is not either.
    pub fn validate(&self) -> Result<(), InvalidHistogram> {
        Layout {
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            has_zero_count: self.zero_count != 0,
            positive: (&self.positive_spans, self.positive_deltas.len()),
            negative: (&self.negative_spans, self.negative_deltas.len()),
            custom_values: &self.custom_values,
        }
        .validate()?;
        let negative = total(&self.negative_deltas, super::validate::NEGATIVE)?;
        let positive = total(&self.positive_deltas, super::validate::POSITIVE)?;
        let in_buckets = negative.wrapping_add(positive).wrapping_add(self.zero_count);
        let count = self.count;
        if self.sum.is_nan() {
            if in_buckets > count {
                return Err(InvalidHistogram::CountTooSmall { in_buckets, count });
            }
        } else if in_buckets != count {
            return Err(InvalidHistogram::CountMismatch { in_buckets, count });
        }
        Ok(())
    }

    pub fn to_float(&self) -> FloatHistogram {
        FloatHistogram {
            counter_reset_hint: self.counter_reset_hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count as f64,
            count: self.count as f64,
            sum: self.sum,
            positive_spans: self.positive_spans.clone(),
            positive_buckets: absolute(&self.positive_deltas),
            negative_spans: self.negative_spans.clone(),
            negative_buckets: absolute(&self.negative_deltas),
            custom_values: self.custom_values.clone(),
        }
    }

    /// `None` if a count is not a whole number that a float holds exactly.
    pub fn from_float(float: &FloatHistogram) -> Option<Histogram> {
        Some(Histogram {
            counter_reset_hint: float.counter_reset_hint,
            schema: float.schema,
            zero_threshold: float.zero_threshold,
            zero_count: whole(float.zero_count)?,
            count: whole(float.count)?,
            sum: float.sum,
            positive_spans: float.positive_spans.clone(),
            positive_deltas: deltas(&float.positive_buckets)?,
            negative_spans: float.negative_spans.clone(),
            negative_deltas: deltas(&float.negative_buckets)?,
            custom_values: float.custom_values.clone(),
        })
    }
}

fn total(deltas: &[i64], context: &'static str) -> Result<u64, InvalidHistogram> {
    let mut count = 0i64;
    let mut total = 0u64;
    for (at, delta) in deltas.iter().enumerate() {
        count = count.wrapping_add(*delta);
        if count < 0 {
            return Err(InvalidHistogram::NegativeBucket {
                context,
                number: at + 1,
                count: count.to_string(),
            });
        }
        total = total.wrapping_add(count as u64);
    }
    Ok(total)
}

fn absolute(deltas: &[i64]) -> Vec<f64> {
    let counts = deltas.iter().scan(0i64, |count, delta| {
        *count = count.wrapping_add(*delta);
        Some(*count as f64)
    });
    counts.collect()
}

fn deltas(counts: &[f64]) -> Option<Vec<i64>> {
    let mut before = 0i64;
    let deltas = counts.iter().map(|count| {
        let count = whole(*count)? as i64;
        let delta = count - before;
        before = count;
        Some(delta)
    });
    deltas.collect()
}

/// Integers up to here are all floats.
const EXACT: f64 = (1u64 << 53) as f64;

fn whole(count: f64) -> Option<u64> {
    ((0.0..=EXACT).contains(&count) && count.trunc() == count).then_some(count as u64)
}
