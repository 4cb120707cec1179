//! histogram_fraction.

use crate::EvalError;
use crate::plan::{Grid, HistogramFraction};

use super::super::column::{StepSeries, admit};
use super::super::evaluator::{Evaluator, Sink, push_all};
use super::super::merge::Merger;
use super::super::notes;
use super::classic::{Bucket, gather};
use super::native_fraction::native_fraction;

impl Evaluator<'_> {
    pub(crate) fn histogram_fraction(
        &self,
        call: &HistogramFraction,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), EvalError> {
        let lower = self.scalar(&call.lower, grid)?;
        let upper = self.scalar(&call.upper, grid)?;
        let found = self.collect_histograms(&call.input, call.input_span, grid)?;
        let (collected, histograms) = (&found.buckets, &found.classic);
        let mut merger = Merger::new(&self.memory);
        let mut out = StepSeries::default();
        for native in &found.natives.series {
            out.reset(native.labels.clone(), grid.len);
            for (step, histogram) in &native.histograms {
                let (fraction, has_nan) = native_fraction(lower.at(*step), upper.at(*step), histogram);
                out.values[*step] = admit(fraction);
                if has_nan {
                    let name = self.annotated_name(&native.labels);
                    self.note(call.lower_span, notes::nan_excluded(&name));
                }
            }
            self.work(grid.len)?;
            out.drop_name = native.drop_name;
            self.drop_name(&mut out);
            merger.push(&mut out)?;
        }
        let mut buckets = Vec::new();
        for histogram in histograms {
            out.reset(histogram.labels.clone(), grid.len);
            for step in 0..grid.len {
                gather(histogram, &collected.series, step, &mut buckets);
                if !buckets.is_empty() {
                    out.values[step] = bucket_fraction(lower.at(step), upper.at(step), &buckets);
                }
            }
            self.work(grid.len * histogram.buckets.len())?;
            out.drop_name = histogram.drop_name;
            self.drop_name(&mut out);
            merger.push(&mut out)?;
        }
        push_all(merger.finish(), sink)
    }
}

/// The part of the observations between two values. Buckets ascend and there is at least one.
fn bucket_fraction(lower: f64, upper: f64, buckets: &[Bucket]) -> f64 {
    let highest = buckets[buckets.len() - 1];
    if highest.upper_bound != f64::INFINITY || highest.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let below = |value: f64| rank(value, buckets).min(highest.count);
    (below(upper) - below(lower)) / highest.count
}

/// How many observations are below a value: within its bucket in proportion, but none of a bucket that
/// is infinitely wide on the right, and all of one that is on the left.
fn rank(value: f64, buckets: &[Bucket]) -> f64 {
    let mut count_below = 0.0;
    // A first bound above zero means that nothing is negative.
    let mut start = if buckets[0].upper_bound <= 0.0 {
        f64::NEG_INFINITY
    } else {
        0.0
    };
    for bucket in buckets {
        if start >= value {
            return count_below;
        }
        if bucket.upper_bound > value {
            if start == f64::NEG_INFINITY {
                return bucket.count;
            }
            let share = (value - start) / (bucket.upper_bound - start);
            return count_below + (bucket.count - count_below) * share;
        }
        count_below = bucket.count;
        start = bucket.upper_bound;
    }
    f64::INFINITY
}
