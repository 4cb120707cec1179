//! Fractions of the observations of native histograms.

use vigie_model::{Bucket, FloatHistogram};

/// The part of the observations between two values, and whether some observations are not numbers, and
/// so in no bucket and in no fraction.
pub(super) fn native_fraction(lower: f64, upper: f64, histogram: &FloatHistogram) -> (f64, bool) {
    if histogram.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return (f64::NAN, false);
    }
    if lower >= upper {
        return (0.0, false);
    }
    let in_buckets = if histogram.sum.is_nan() {
        histogram.buckets().map(|bucket| bucket.count).sum()
    } else {
        histogram.count
    };
    let below = |value: f64| rank(value, histogram).map_or(in_buckets, |rank| rank.min(in_buckets));
    let fraction = (below(upper) - below(lower)) / histogram.count;
    (fraction, in_buckets < histogram.count)
}

/// How many observations are below a value; `None` if no bucket reaches to it.
fn rank(value: f64, histogram: &FloatHistogram) -> Option<f64> {
    let mut below = 0.0;
    for bucket in histogram.buckets() {
        let is_zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
        let bounds = if is_zero {
            one_sided(bucket, histogram)
        } else {
            bucket
        };
        if bounds.lower >= value {
            return Some(below);
        }
        if bounds.upper > value {
            // A bucket without lower bound counts whole: no part of it can be told.
            if bounds.lower == f64::NEG_INFINITY {
                return Some(bucket.count);
            }
            let linear = is_zero || histogram.uses_custom_buckets();
            return Some(below + bucket.count * bounds.fraction_below(value, linear));
        }
        below += bucket.count;
    }
    None
}

/// With observations on one side only, those of the zero bucket are taken to be on that side.
pub(super) fn one_sided(mut bucket: Bucket, histogram: &FloatHistogram) -> Bucket {
    match (
        histogram.negative_buckets.is_empty(),
        histogram.positive_buckets.is_empty(),
    ) {
        (true, false) => bucket.lower = 0.0,
        (false, true) => bucket.upper = 0.0,
        _ => {}
    }
    bucket
}
