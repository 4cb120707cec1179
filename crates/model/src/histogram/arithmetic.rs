//! Sums, differences, products and quotients.

use super::bounds::exponential_bound;
use super::cells::{Cells, Layout};
use super::count::{Compensated, Count};
use super::schema::coarser_cells;
use super::{CounterResetHint, FloatHistogram, HistogramSum, NativeHistogram, Span};

/// One histogram has exponential buckets, the other custom ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot apply this operation on histograms with a mix of exponential and custom bucket schemas")]
pub struct IncompatibleSchemas;

/// What is worth a remark about a sum or difference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Combined {
    /// One was marked as after a counter reset, the other as not.
    pub reset_collision: bool,
    /// Custom bounds differed and were reduced to those in common.
    pub bounds_reconciled: bool,
}

impl<C: Count> NativeHistogram<C> {
    /// Adds another histogram. The result has the coarser schema and the wider zero bucket. An error
    /// leaves this one as it was.
    pub fn add(&mut self, other: &FloatHistogram) -> Result<Combined, IncompatibleSchemas> {
        self.combine(other, false)
    }

    /// Subtracts another histogram, as [`Self::add`] adds.
    pub fn sub(&mut self, other: &FloatHistogram) -> Result<Combined, IncompatibleSchemas> {
        self.combine(other, true)
    }

    fn combine(&mut self, other: &FloatHistogram, negate: bool) -> Result<Combined, IncompatibleSchemas> {
        if self.uses_custom_buckets() != other.uses_custom_buckets() {
            return Err(IncompatibleSchemas);
        }
        let signed = |count: f64| if negate { -count } else { count };
        let mut combined = Combined {
            reset_collision: self.combine_hint(other.counter_reset_hint),
            bounds_reconciled: false,
        };
        if !self.uses_custom_buckets() {
            let zero_count = self.reconcile_zero_buckets(other);
            self.zero_count.add(signed(zero_count));
        }
        self.count.add(signed(other.count));
        self.sum.add(signed(other.sum));
        if self.uses_custom_buckets() && self.custom_values != other.custom_values {
            combined.bounds_reconciled = true;
            self.add_reconciled(other, negate);
            return Ok(combined);
        }
        self.coarsen(other.schema);
        let steps = other.schema.abs_diff(self.schema);
        // What is below the threshold is in the zero bucket's count already.
        let floor = (!self.uses_custom_buckets()).then_some((self.schema, self.zero_threshold));
        add_side(
            &mut self.positive_spans,
            &mut self.positive_buckets,
            (&other.positive_spans, &other.positive_buckets),
            (steps, floor),
            signed,
        );
        add_side(
            &mut self.negative_spans,
            &mut self.negative_buckets,
            (&other.negative_spans, &other.negative_buckets),
            (steps, floor),
            signed,
        );
        Ok(combined)
    }

    /// True if the two hints contradict each other.
    fn combine_hint(&mut self, other: CounterResetHint) -> bool {
        use CounterResetHint::{Gauge, Unknown};
        let hint = self.counter_reset_hint;
        if hint == other {
            return false;
        }
        if hint == Gauge || other == Gauge {
            self.counter_reset_hint = Gauge;
            return false;
        }
        self.counter_reset_hint = Unknown;
        hint != Unknown && other != Unknown
    }

    /// Multiplies every count. A negative factor makes it a gauge.
    pub fn mul(&mut self, factor: f64) {
        self.scale(|count| count * factor);
        if factor < 0.0 {
            self.counter_reset_hint = CounterResetHint::Gauge;
        }
    }

    /// Divides every count. A negative divisor makes it a gauge; by zero no buckets are left.
    pub fn div(&mut self, divisor: f64) {
        if divisor == 0.0 {
            self.positive_spans.clear();
            self.positive_buckets.clear();
            self.negative_spans.clear();
            self.negative_buckets.clear();
        }
        self.scale(|count| count / divisor);
        if divisor < 0.0 {
            self.counter_reset_hint = CounterResetHint::Gauge;
        }
    }

    fn scale(&mut self, scale: impl Fn(f64) -> f64 + Copy) {
        self.zero_count.scale(scale);
        self.count.scale(scale);
        self.sum.scale(scale);
        let buckets = self.positive_buckets.iter_mut().chain(&mut self.negative_buckets);
        buckets.for_each(|count| count.scale(scale));
    }

    /// Whether any number is infinite.
    pub fn has_overflow(&self) -> bool {
        [self.zero_count, self.count, self.sum]
            .iter()
            .chain(&self.positive_buckets)
            .chain(&self.negative_buckets)
            .any(|count| count.total().is_infinite())
            || self.custom_values.iter().any(|bound| bound.is_infinite())
    }

    /// The largest magnitude among its numbers; those that are not numbers do not count.
    pub fn largest_magnitude(&self) -> f64 {
        [self.zero_count, self.count, self.sum]
            .iter()
            .chain(&self.positive_buckets)
            .chain(&self.negative_buckets)
            .map(|count| count.total())
            .chain(self.custom_values.iter().copied())
            .fold(0.0, |largest, number| largest.max(number.abs()))
    }

    /// The same histogram with each count held otherwise.
    fn map<D>(self, convert: impl Fn(C) -> D + Copy) -> NativeHistogram<D> {
        NativeHistogram {
            counter_reset_hint: self.counter_reset_hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: convert(self.zero_count),
            count: convert(self.count),
            sum: convert(self.sum),
            positive_spans: self.positive_spans,
            positive_buckets: self.positive_buckets.into_iter().map(convert).collect(),
            negative_spans: self.negative_spans,
            negative_buckets: self.negative_buckets.into_iter().map(convert).collect(),
            custom_values: self.custom_values,
        }
    }
}

impl HistogramSum {
    /// A sum of one.
    pub fn start(first: &FloatHistogram) -> HistogramSum {
        first.clone().map(Compensated::new)
    }

    /// The sum, as exact as a float can hold it.
    pub fn finish(self) -> FloatHistogram {
        self.map(|count| count.total + count.lost)
    }
}

/// Adds the buckets of another side. `steps` is how much coarser they become; those that end at or
/// below the threshold of `floor` are left out.
fn add_side<C: Count>(
    spans: &mut Vec<Span>,
    counts: &mut Vec<C>,
    (other_spans, other_counts): (&[Span], &[f64]),
    (steps, floor): (u32, Option<(i32, f64)>),
    signed: impl Fn(f64) -> f64,
) {
    let first = Cells::new(other_spans, other_counts).next();
    let Some((first, _)) = first else {
        return;
    };
    let reaches_floor =
        |index: i64| floor.is_some_and(|(schema, threshold)| exponential_bound(index, schema) <= threshold);
    let others = coarser_cells(Cells::new(other_spans, other_counts), steps);
    // Histograms of one series mostly have one layout.
    if steps == 0 && spans == other_spans && counts.len() == other_counts.len() && !reaches_floor(first) {
        for (count, other) in counts.iter_mut().zip(other_counts) {
            count.add(signed(*other));
        }
        return;
    }
    let mut layout = Layout::default();
    let mut merged = Vec::with_capacity(counts.len() + other_counts.len());
    let mut own = Cells::new(spans, counts).peekable();
    for (index, other) in others.skip_while(|(index, _)| reaches_floor(*index)) {
        while let Some((own_index, count)) = own.next_if(|(own_index, _)| *own_index < index) {
            layout.push(own_index);
            merged.push(count);
        }
        let mut count = own
            .next_if(|(own_index, _)| *own_index == index)
            .map_or_else(C::default, |(_, count)| count);
        count.add(signed(other));
        layout.push(index);
        merged.push(count);
    }
    for (own_index, count) in own {
        layout.push(own_index);
        merged.push(count);
    }
    *spans = layout.finish();
    *counts = merged;
}
