//! Functions that take a number from each native histogram.

use vigie_model::{FloatHistogram, kahan_add};

use crate::plan::HistogramStatistic;

pub(super) fn statistic(statistic: HistogramStatistic, histogram: &FloatHistogram) -> f64 {
    match statistic {
        HistogramStatistic::Count => histogram.count,
        HistogramStatistic::Sum => histogram.sum,
        HistogramStatistic::Avg => histogram.sum / histogram.count,
        HistogramStatistic::Stddev => variance(histogram).sqrt(),
        HistogramStatistic::Stdvar => variance(histogram),
    }
}

/// Takes all observations of a bucket to lie in its middle: the arithmetic one of custom buckets, the
/// geometric one of exponential buckets, zero of one around zero.
fn variance(histogram: &FloatHistogram) -> f64 {
    let mean = histogram.sum / histogram.count;
    let (mut squares, mut lost) = (0.0, 0.0);
    for bucket in histogram.buckets().filter(|bucket| bucket.count != 0.0) {
        let middle = if histogram.uses_custom_buckets() {
            (bucket.upper + bucket.lower) / 2.0
        } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
            0.0
        } else {
            (bucket.upper * bucket.lower).sqrt().copysign(bucket.upper)
        };
        let delta = middle - mean;
        (squares, lost) = kahan_add(bucket.count * delta * delta, squares, lost);
    }
    (squares + lost) / histogram.count
}
