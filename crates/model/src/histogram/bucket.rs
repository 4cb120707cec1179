//! Buckets with their bounds.

use super::bounds::bound;
use super::count::Count;
use super::{FloatHistogram, NativeHistogram};

/// A bucket and which of its ends belong to it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bucket {
    pub lower: f64,
    pub upper: f64,
    pub lower_inclusive: bool,
    pub upper_inclusive: bool,
    pub count: f64,
}

impl Bucket {
    /// Which part of the bucket is below a value within it: in proportion if linear, else in proportion
    /// of logarithms.
    pub fn fraction_below(&self, value: f64, linear: bool) -> f64 {
        if linear {
            return (value - self.lower) / (self.upper - self.lower);
        }
        let log_lower = self.lower.abs().log2();
        let log_upper = self.upper.abs().log2();
        let log_value = value.abs().log2();
        if value > 0.0 {
            (log_value - log_lower) / (log_upper - log_lower)
        } else {
            1.0 - (log_value - log_upper) / (log_lower - log_upper)
        }
    }
}

impl<C: Count> NativeHistogram<C> {
    pub(super) fn positive_bucket(&self, index: i64, count: C) -> Bucket {
        let lower = bound(index - 1, self.schema, &self.custom_values);
        Bucket {
            lower,
            upper: bound(index, self.schema, &self.custom_values),
            lower_inclusive: self.uses_custom_buckets() && index == 0,
            upper_inclusive: true,
            count: count.total(),
        }
    }

    pub(super) fn negative_bucket(&self, index: i64, count: C) -> Bucket {
        Bucket {
            lower: -bound(index, self.schema, &[]),
            upper: -bound(index - 1, self.schema, &[]),
            lower_inclusive: true,
            upper_inclusive: false,
            count: count.total(),
        }
    }
}

impl FloatHistogram {
    /// By ascending bounds.
    pub fn positive_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        self.positive_cells()
            .map(|(index, count)| self.positive_bucket(index, count))
    }

    /// From zero downwards.
    pub fn negative_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        self.negative_cells()
            .map(|(index, count)| self.negative_bucket(index, count))
    }

    /// The bucket around zero; `None` where there cannot be one.
    pub fn zero_bucket(&self) -> Option<Bucket> {
        (!self.uses_custom_buckets()).then_some(Bucket {
            lower: -self.zero_threshold,
            upper: self.zero_threshold,
            lower_inclusive: true,
            upper_inclusive: true,
            count: self.zero_count,
        })
    }

    /// All buckets by ascending bounds, the zero bucket only if it is not empty. What the zero bucket
    /// covers is taken from its neighbours.
    pub fn buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        let threshold = self.zero_threshold;
        let clipped = move |mut bucket: Bucket| {
            if bucket.upper < 0.0 && bucket.upper > -threshold {
                bucket.upper = -threshold;
            } else if bucket.lower > 0.0 && bucket.lower < threshold {
                bucket.lower = threshold;
            }
            bucket
        };
        let zero = self.zero_bucket().filter(|bucket| bucket.count > 0.0);
        self.negative_buckets()
            .rev()
            .map(clipped)
            .chain(zero)
            .chain(self.positive_buckets().map(clipped))
    }
}
