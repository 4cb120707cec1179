//! Quantiles of native histograms.

use vigie_model::{Bucket, FloatHistogram};

use super::native_fraction::one_sided;

/// A remark about observations that were not numbers and are in no bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NanEffect {
    /// The quantile is among them.
    ResultIsNan,
    /// They count as above every bucket.
    SkewedHigher,
}

/// Interpolates within the bucket of the rank, counted from the nearer end.
pub(super) fn native_quantile(quantile: f64, histogram: &FloatHistogram) -> (f64, Option<NanEffect>) {
    if quantile < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if quantile > 1.0 {
        return (f64::INFINITY, None);
    }
    if histogram.count == 0.0 || quantile.is_nan() {
        return (f64::NAN, None);
    }
    let has_nan = histogram.sum.is_nan();
    let from_below = has_nan || quantile < 0.5;
    let rank = if from_below { quantile } else { 1.0 - quantile } * histogram.count;
    let mut count = 0.0;
    let mut found = Bucket::default();
    let mut ascending = histogram.buckets();
    loop {
        let next = if from_below {
            ascending.next()
        } else {
            ascending.next_back()
        };
        let Some(bucket) = next else { break };
        found = bucket;
        if bucket.count == 0.0 {
            continue;
        }
        count += bucket.count;
        if count >= rank {
            break;
        }
    }
    let mut bucket = found;
    if histogram.uses_custom_buckets() {
        // The outermost buckets have no width to interpolate in.
        if bucket.lower == f64::NEG_INFINITY {
            if bucket.upper <= 0.0 {
                return (bucket.upper, None);
            }
            bucket.lower = 0.0;
        } else if bucket.upper == f64::INFINITY {
            return (bucket.lower, None);
        }
    } else if bucket.lower < 0.0 && bucket.upper > 0.0 {
        bucket = one_sided(bucket, histogram);
    }
    count = count.min(histogram.count);
    if count < rank {
        return if has_nan {
            (f64::NAN, Some(NanEffect::ResultIsNan))
        } else {
            (bucket.upper, None)
        };
    }
    let rank_in_bucket = if from_below {
        rank - (count - bucket.count)
    } else {
        count - rank
    };
    let effect = has_nan
        .then(|| count + ascending.map(|bucket| bucket.count).sum::<f64>())
        .filter(|total| *total < histogram.count)
        .map(|_| NanEffect::SkewedHigher);
    let fraction = rank_in_bucket / bucket.count;
    if histogram.uses_custom_buckets() || (bucket.lower <= 0.0 && bucket.upper >= 0.0) {
        return (bucket.lower + (bucket.upper - bucket.lower) * fraction, effect);
    }
    let (log_lower, log_upper) = (bucket.lower.abs().log2(), bucket.upper.abs().log2());
    let value = if bucket.lower > 0.0 {
        (log_lower + (log_upper - log_lower) * fraction).exp2()
    } else {
        -(log_upper + (log_lower - log_upper) * (1.0 - fraction)).exp2()
    };
    (value, effect)
}
