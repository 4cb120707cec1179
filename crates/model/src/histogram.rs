//! Native histograms in float form.
//!
//! What operations give, to the layout of the result, follows Prometheus's `model/histogram`, since
//! users see it in answers.

mod arithmetic;
mod bounds;
mod bucket;
mod cells;
mod compact;
mod count;
mod custom;
mod fractions;
mod integer;
mod reset;
mod schema;
mod text;
mod trim;
mod validate;
mod zero;

use std::sync::Arc;

pub use arithmetic::{Combined, IncompatibleSchemas};
pub use bucket::Bucket;
pub use count::{Compensated, kahan_add};
pub use integer::Histogram;
pub use schema::SchemaError;
pub use validate::InvalidHistogram;

/// The schema of histograms that name their bounds ("NHCB").
pub const CUSTOM_BUCKETS_SCHEMA: i32 = -53;
/// Schemas whose bucket bounds grow by the factor 2^(2^-schema).
pub const EXPONENTIAL_SCHEMAS: std::ops::RangeInclusive<i32> = -4..=8;
/// Finer and coarser exponential schemas that a sender may use; they are brought into
/// [`EXPONENTIAL_SCHEMAS`] before they are stored.
pub const KNOWN_EXPONENTIAL_SCHEMAS: std::ops::RangeInclusive<i32> = -9..=52;

/// What is known about a counter reset between a histogram and its predecessor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CounterResetHint {
    #[default]
    Unknown,
    Reset,
    NotReset,
    Gauge,
}

/// A run of consecutive buckets: `offset` empty ones after the previous span, then `length` held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    pub offset: i32,
    pub length: u32,
}

/// A native histogram whose counts are absolute (not deltas). `C` is how a count is held: as a float,
/// or as a float with what rounding took from it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NativeHistogram<C> {
    pub counter_reset_hint: CounterResetHint,
    /// −4..=8 exponential, −53 custom bounds.
    pub schema: i32,
    pub zero_threshold: f64,
    pub zero_count: C,
    pub count: C,
    pub sum: C,
    pub positive_spans: Vec<Span>,
    pub positive_buckets: Vec<C>,
    pub negative_spans: Vec<Span>,
    pub negative_buckets: Vec<C>,
    /// Upper bounds for schema −53, shared by the histograms of a series.
    pub custom_values: Arc<[f64]>,
}

/// A histogram sample.
pub type FloatHistogram = NativeHistogram<f64>;

/// A running sum of histograms: Kahan's, so that the order of many additions hardly shows.
pub type HistogramSum = NativeHistogram<Compensated>;

impl<C> NativeHistogram<C> {
    pub fn uses_custom_buckets(&self) -> bool {
        self.schema == CUSTOM_BUCKETS_SCHEMA
    }

    /// What it takes in memory.
    pub fn size_bytes(&self) -> usize {
        size_of::<Self>()
            + (self.positive_spans.len() + self.negative_spans.len()) * size_of::<Span>()
            + (self.positive_buckets.len() + self.negative_buckets.len()) * size_of::<C>()
            + size_of_val(&*self.custom_values)
    }
}

impl FloatHistogram {
    /// The marker of the end of a series.
    pub fn stale() -> FloatHistogram {
        FloatHistogram {
            sum: crate::stale_nan(),
            ..FloatHistogram::default()
        }
    }

    pub fn is_stale(&self) -> bool {
        crate::is_stale_nan(self.sum)
    }

    /// How many float samples it counts as where a query's samples are limited: one per sixteen bytes.
    pub fn size_in_samples(&self) -> usize {
        /// Time and the struct as Prometheus lays it out, so that limits mean the same.
        const FIXED_BYTES: usize = 168 + 8;
        let elements = self.positive_spans.len()
            + self.negative_spans.len()
            + self.positive_buckets.len()
            + self.negative_buckets.len()
            + self.custom_values.len();
        (FIXED_BYTES + 8 * elements) / 16
    }

    /// Equal in everything but the hint, to the bits of each number. Bucket layouts must agree in which
    /// buckets are held, not in how spans cut them.
    pub fn is_same_as(&self, other: &FloatHistogram) -> bool {
        let same = |left: f64, right: f64| left.to_bits() == right.to_bits();
        self.schema == other.schema
            && same(self.count, other.count)
            && same(self.sum, other.sum)
            && self.zero_threshold == other.zero_threshold
            && same(self.zero_count, other.zero_count)
            && (!self.uses_custom_buckets() || self.custom_values == other.custom_values)
            && self.positive_buckets.len() == other.positive_buckets.len()
            && self.negative_buckets.len() == other.negative_buckets.len()
            && self
                .positive_cells()
                .zip(other.positive_cells())
                .chain(self.negative_cells().zip(other.negative_cells()))
                .all(|(left, right)| left.0 == right.0 && same(left.1, right.1))
    }
}

#[cfg(test)]
mod tests;
