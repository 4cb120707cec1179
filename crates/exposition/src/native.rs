//! Native histograms as targets expose them.

use vigie_model::{FloatHistogram, Histogram};

/// A native histogram in the form its counts came in.
#[derive(Debug, Clone, PartialEq)]
pub enum NativeValue {
    Integer(Histogram),
    Float(FloatHistogram),
}

impl NativeValue {
    pub fn to_float(&self) -> FloatHistogram {
        match self {
            NativeValue::Integer(histogram) => histogram.to_float(),
            NativeValue::Float(histogram) => histogram.clone(),
        }
    }

    pub fn schema(&self) -> i32 {
        match self {
            NativeValue::Integer(histogram) => histogram.schema,
            NativeValue::Float(histogram) => histogram.schema,
        }
    }

    /// Buckets held, of both sides.
    pub fn bucket_count(&self) -> usize {
        match self {
            NativeValue::Integer(histogram) => {
                histogram.positive_deltas.len() + histogram.negative_deltas.len()
            }
            NativeValue::Float(histogram) => {
                histogram.positive_buckets.len() + histogram.negative_buckets.len()
            }
        }
    }

    /// Changes the histogram in float form. Counts that are integers stay so if the result is one, which
    /// beyond 2^53 it may not be.
    pub fn change<E>(&mut self, change: impl FnOnce(&mut FloatHistogram) -> Result<(), E>) -> Result<(), E> {
        match self {
            NativeValue::Float(histogram) => change(histogram),
            NativeValue::Integer(histogram) => {
                let mut float = histogram.to_float();
                change(&mut float)?;
                *self = match Histogram::from_float(&float) {
                    Some(histogram) => NativeValue::Integer(histogram),
                    None => NativeValue::Float(float),
                };
                Ok(())
            }
        }
    }

    /// Removes empty buckets; see [`FloatHistogram::compact`].
    pub(crate) fn compact(&mut self, max_empty: usize) {
        let Ok(()) = self.change(|histogram| {
            histogram.compact(max_empty);
            Ok::<(), std::convert::Infallible>(())
        });
    }
}
