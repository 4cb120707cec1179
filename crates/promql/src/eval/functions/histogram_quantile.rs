//! histogram_quantile and histogram_quantiles.

use std::cmp::Ordering;

use vigie_model::format_go_f;

use crate::plan::{Grid, HistogramQuantile};
use crate::{EvalError, Span};

use super::super::column::{StepSeries, admit};
use super::super::evaluator::{Evaluator, Sink, push_all};
use super::super::merge::Merger;
use super::super::notes::{self, BucketRepair, Note};
use super::super::scalar::ScalarColumn;
use super::classic::{Bucket, gather};
use super::native_quantile::{NanEffect, native_quantile};

/// Counts that differ by less, relative to their sum, are rounding errors of whoever summed them.
const SMALL_DELTA: f64 = 1e-12;

impl Evaluator<'_> {
    pub(crate) fn histogram_quantile(
        &self,
        call: &HistogramQuantile,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), EvalError> {
        let found = self.collect_histograms(&call.input, call.input_span, grid)?;
        let (collected, histograms) = (&found.buckets, &found.classic);
        let mut merger = Merger::new(&self.memory);
        let mut out = StepSeries::default();
        let mut buckets = Vec::new();
        for (node, span) in &call.quantiles {
            let quantiles = self.scalar(node, grid)?;
            self.note_quantiles(*span, &quantiles);
            for native in &found.natives.series {
                out.reset(native.labels.clone(), grid.len);
                let name = native.labels.metric_name();
                for (step, histogram) in &native.histograms {
                    let (quantile, effect) = native_quantile(quantiles.at(*step), histogram);
                    out.values[*step] = admit(quantile);
                    match effect {
                        None => {}
                        Some(NanEffect::ResultIsNan) => {
                            self.note(*span, notes::nan_observations("NaN", name));
                        }
                        Some(NanEffect::SkewedHigher) => {
                            self.note(*span, notes::nan_observations("skewed higher", name));
                        }
                    }
                }
                self.work(grid.len)?;
                out.drop_name = native.drop_name;
                self.drop_name(&mut out);
                if let Some(label) = &call.label {
                    let value = open_metrics_float(quantiles.at(0));
                    out.labels = out.labels.to_builder().set(label, value).build();
                }
                merger.push(&mut out)?;
            }
            for histogram in histograms {
                out.reset(histogram.labels.clone(), grid.len);
                for step in 0..grid.len {
                    gather(histogram, &collected.series, step, &mut buckets);
                    if buckets.is_empty() {
                        continue;
                    }
                    let (quantile, repair) =
                        bucket_quantile(quantiles.at(step), &mut buckets, grid.time_ms(step));
                    out.values[step] = quantile;
                    if let Some(repair) = repair {
                        let metric_name = self.annotated_name(&histogram.labels);
                        self.note(call.input_span, Note::ForcedMonotonicity { metric_name, repair });
                    }
                }
                self.work(grid.len * histogram.buckets.len())?;
                out.drop_name = histogram.drop_name;
                self.drop_name(&mut out);
                if let Some(label) = &call.label {
                    let value = open_metrics_float(quantiles.at(0));
                    out.labels = out.labels.to_builder().set(label, value).build();
                }
                merger.push(&mut out)?;
            }
        }
        push_all(merger.finish(), sink)
    }

    /// Also where there is no histogram.
    fn note_quantiles(&self, span: Span, quantiles: &ScalarColumn) {
        let quantiles = match quantiles {
            ScalarColumn::Constant(quantile) => std::slice::from_ref(quantile),
            ScalarColumn::Steps(quantiles) => quantiles,
        };
        for quantile in quantiles
            .iter()
            .filter(|quantile| !(0.0..=1.0).contains(*quantile))
        {
            self.note(span, notes::invalid_quantile(*quantile));
        }
    }
}

/// Interpolates within the bucket of the rank. Buckets ascend and there is at least one.
fn bucket_quantile(quantile: f64, buckets: &mut [Bucket], time_ms: i64) -> (f64, Option<BucketRepair>) {
    if quantile.is_nan() {
        return (f64::NAN, None);
    }
    if quantile < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if quantile > 1.0 {
        return (f64::INFINITY, None);
    }
    let highest = buckets.len() - 1;
    if buckets[highest].upper_bound != f64::INFINITY {
        return (f64::NAN, None);
    }
    let repair = make_monotonic(buckets, time_ms);
    let observations = buckets[highest].count;
    if highest == 0 || observations == 0.0 {
        return (f64::NAN, repair);
    }
    let mut rank = quantile * observations;
    // A count or a rank that is NaN reaches nothing.
    let reaches = |bucket: &Bucket| bucket.count.partial_cmp(&rank).is_some_and(Ordering::is_ge);
    let found = buckets[..highest].partition_point(|bucket| !reaches(bucket));
    let bucket = buckets[found];
    let value = if found == highest {
        buckets[highest - 1].upper_bound
    } else if found == 0 && bucket.upper_bound <= 0.0 {
        bucket.upper_bound
    } else {
        let mut start = 0.0;
        let mut count = bucket.count;
        if found > 0 {
            let below = buckets[found - 1];
            start = below.upper_bound;
            count -= below.count;
            rank -= below.count;
        }
        start + (bucket.upper_bound - start) * (rank / count)
    };
    (value, repair)
}

/// Raises each bucket to the one below it: silently if the two are equal but for rounding.
fn make_monotonic(buckets: &mut [Bucket], time_ms: i64) -> Option<BucketRepair> {
    let mut repair: Option<BucketRepair> = None;
    let mut previous = buckets[0].count;
    for bucket in &mut buckets[1..] {
        let current = bucket.count;
        if current == previous {
            continue;
        }
        if almost_equal(previous, current) {
            bucket.count = previous;
        } else if current < previous {
            bucket.count = previous;
            let repair = repair.get_or_insert(BucketRepair {
                lowest_bound: bucket.upper_bound,
                highest_bound: bucket.upper_bound,
                largest_drop: 0.0,
                samples: 1,
                first_ms: time_ms,
                last_ms: time_ms,
            });
            repair.highest_bound = bucket.upper_bound;
            repair.largest_drop = repair.largest_drop.max(previous - current);
        } else {
            previous = current;
        }
    }
    repair
}

fn almost_equal(left: f64, right: f64) -> bool {
    if left.is_nan() && right.is_nan() {
        return true;
    }
    let sum = left.abs() + right.abs();
    let difference = (left - right).abs();
    if left == 0.0 || right == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < SMALL_DELTA * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < SMALL_DELTA
}

/// As OpenMetrics writes quantiles: whole numbers with `.0`.
fn open_metrics_float(value: f64) -> String {
    let text = format_go_f(value);
    if value.is_finite() && !text.contains('.') {
        format!("{text}.0")
    } else {
        text
    }
}
