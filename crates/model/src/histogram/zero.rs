//! Zero buckets of different widths.

use super::bounds::exponential_bound;
use super::cells::Cells;
use super::count::Count;
use super::{FloatHistogram, NativeHistogram, Span};

impl<C: Count> NativeHistogram<C> {
    /// The count of the zero bucket if it were as wide as `threshold`, and how wide it has to be: a
    /// bucket that is not empty is swallowed whole or not at all.
    pub(super) fn widened_zero_bucket(&self, threshold: f64) -> (C, f64) {
        let mut threshold = threshold;
        loop {
            let mut count = self.zero_count;
            let positive = self.swallow(self.positive_cells(), &mut count, threshold);
            threshold = positive.unwrap_or(threshold);
            match self.swallow(self.negative_cells(), &mut count, threshold) {
                // The positive side has to be looked at again.
                Some(wider) => threshold = wider,
                None => return (count, threshold),
            }
        }
    }

    /// Adds the buckets that begin below `threshold`; gives the end of the last one if it reaches beyond.
    fn swallow(&self, cells: Cells<'_, C>, count: &mut C, threshold: f64) -> Option<f64> {
        for (index, bucket) in cells {
            if exponential_bound(index - 1, self.schema) >= threshold {
                return None;
            }
            count.add_count(bucket);
            let upper = exponential_bound(index, self.schema);
            if upper > threshold {
                return (bucket.total() != 0.0).then_some(upper);
            }
        }
        None
    }

    /// Widens this zero bucket until both have one width; gives what the other's then counts.
    pub(super) fn reconcile_zero_buckets(&mut self, other: &FloatHistogram) -> f64 {
        let mut other_count = other.zero_count;
        let mut other_threshold = other.zero_threshold;
        while other_threshold != self.zero_threshold {
            if self.zero_threshold > other_threshold {
                (other_count, other_threshold) = other.widened_zero_bucket(self.zero_threshold);
            }
            if other_threshold > self.zero_threshold {
                (self.zero_count, self.zero_threshold) = self.widened_zero_bucket(other_threshold);
                self.empty_within_zero_bucket();
            } else if other_threshold != self.zero_threshold {
                // A width that is not a number has no common one.
                break;
            }
        }
        other_count
    }

    fn empty_within_zero_bucket(&mut self) {
        let (schema, threshold) = (self.schema, self.zero_threshold);
        let empty = |spans: &[Span], counts: &mut Vec<C>| {
            let within = Cells::new(spans, counts)
                .take_while(|(index, _)| exponential_bound(index - 1, schema) < threshold)
                .count();
            counts[..within].fill(C::default());
        };
        empty(&self.positive_spans, &mut self.positive_buckets);
        empty(&self.negative_spans, &mut self.negative_buckets);
        self.compact(0);
    }
}
