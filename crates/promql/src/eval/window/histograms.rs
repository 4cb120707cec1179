//! Windows with native histograms in them.

use std::sync::Arc;

use vigie_model::FloatHistogram;

use crate::plan::{RangeCall, RangeFunction};
use crate::{RangeEdge, Series};

use super::super::column::{ABSENT, StepSeries};
use super::super::evaluator::Evaluator;
use super::super::histogram_sum::{FoldKind, HistogramFold};
use super::super::notes;
use super::compute::{Scratch, count_events, differs};
use super::histogram_rate::{Points, extrapolated, instant};
use super::rate::RateKind;
use super::remarks::Remarks;
use super::starts::starts_anew;
use super::{Windows, histogram_extended};

pub(crate) fn times(series: &Series) -> Vec<i64> {
    series.histograms.iter().map(|(time_ms, _)| *time_ms).collect()
}

/// Completes a column that was computed from the floats alone.
pub(super) fn account_for(
    evaluator: &Evaluator<'_>,
    call: &RangeCall,
    series: &Series,
    windows: &Windows,
    scratch: &mut Scratch,
    out: &mut StepSeries,
) {
    if matches!(call.function, RangeFunction::Resets | RangeFunction::Changes) {
        return events(call, series, windows, scratch, &mut out.values);
    }
    let mut float_windows = vec![None; out.values.len()];
    windows.slide(&series.timestamps_ms, |step, low, high| {
        float_windows[step] = Some((low, high));
    });
    let remarks = Remarks {
        evaluator,
        span: call.input.span,
        metric_name: series.labels.metric_name(),
    };
    windows.slide(&times(series), |step, low, high| {
        let histograms = &series.histograms[low..high];
        let starts_ms = series.histogram_starts_ms.get(low..high).unwrap_or_default();
        let window = Window {
            call,
            end_ms: windows.data_time_ms(step),
            points: Points {
                samples: histograms,
                starts_ms,
            },
            float_times_ms: float_windows[step].map_or(&[], |(low, high)| &series.timestamps_ms[low..high]),
        };
        match window.result(out.values[step], &remarks) {
            Outcome::Float(value) => out.values[step] = value,
            Outcome::Histogram(histogram) => {
                out.values[step] = ABSENT;
                out.histograms.push((step, Arc::new(histogram)));
            }
            Outcome::Nothing => out.values[step] = ABSENT,
        }
    });
}

/// What a window gives.
enum Outcome {
    Float(f64),
    Histogram(FloatHistogram),
    Nothing,
}

impl From<Option<FloatHistogram>> for Outcome {
    fn from(histogram: Option<FloatHistogram>) -> Outcome {
        histogram.map_or(Outcome::Nothing, Outcome::Histogram)
    }
}

/// A window that holds at least one histogram.
struct Window<'a> {
    call: &'a RangeCall,
    end_ms: i64,
    points: Points<'a>,
    float_times_ms: &'a [i64],
}

impl Window<'_> {
    /// `floats` is what the function gives of the floats.
    fn result(&self, floats: f64, remarks: &Remarks<'_>) -> Outcome {
        let samples = self.points.samples;
        let [(first_ms, first), ..] = samples else {
            return Outcome::Float(floats);
        };
        let (last_ms, last) = &samples[samples.len() - 1];
        let float_first_ms = self.float_times_ms.first();
        let float_last_ms = self.float_times_ms.last();
        let seconds = |time_ms: i64| time_ms as f64 / 1000.0;
        match self.call.function {
            RangeFunction::Count => Outcome::Float((self.float_times_ms.len() + samples.len()) as f64),
            RangeFunction::Present => Outcome::Float(1.0),
            RangeFunction::TimestampOfFirst => {
                Outcome::Float(seconds(*float_first_ms.unwrap_or(first_ms).min(first_ms)))
            }
            RangeFunction::TimestampOfLast => {
                Outcome::Float(seconds(*float_last_ms.unwrap_or(last_ms).max(last_ms)))
            }
            RangeFunction::First if float_first_ms.is_none_or(|float_ms| first_ms < float_ms) => {
                Outcome::Histogram(first.clone())
            }
            RangeFunction::Last if float_last_ms.is_none_or(|float_ms| last_ms > float_ms) => {
                Outcome::Histogram(last.clone())
            }
            RangeFunction::First | RangeFunction::Last => Outcome::Float(floats),
            RangeFunction::Irate => self.instant(true, floats, remarks),
            RangeFunction::Idelta => self.instant(false, floats, remarks),
            RangeFunction::Rate
            | RangeFunction::Increase
            | RangeFunction::Delta
            | RangeFunction::Sum
            | RangeFunction::Avg
                if !self.float_times_ms.is_empty() =>
            {
                remarks.mixed_with_floats();
                Outcome::Nothing
            }
            RangeFunction::Rate => self.rate(RateKind::Rate, remarks),
            RangeFunction::Increase => self.rate(RateKind::Increase, remarks),
            RangeFunction::Delta => self.rate(RateKind::Delta, remarks),
            RangeFunction::Sum => self.fold(FoldKind::Sum, remarks).into(),
            RangeFunction::Avg => self.fold(FoldKind::Mean, remarks).into(),
            // Events are counted for the whole series at once.
            RangeFunction::Resets | RangeFunction::Changes => Outcome::Float(floats),
            RangeFunction::Deriv
            | RangeFunction::PredictLinear
            | RangeFunction::DoubleExponentialSmoothing
            | RangeFunction::Min
            | RangeFunction::Max
            | RangeFunction::Stddev
            | RangeFunction::Stdvar
            | RangeFunction::Quantile
            | RangeFunction::Mad
            | RangeFunction::TimestampOfMin
            | RangeFunction::TimestampOfMax => {
                if !self.float_times_ms.is_empty() {
                    remarks.note(notes::histogram_ignored_in_range(remarks.metric_name));
                }
                Outcome::Float(floats)
            }
        }
    }

    fn rate(&self, kind: RateKind, remarks: &Remarks<'_>) -> Outcome {
        let range_ms = self.call.input.range_ms;
        let rate = match self.call.input.edge {
            None => extrapolated(kind, self.points, self.end_ms, range_ms, remarks),
            Some(edge) => {
                let smoothed = edge == RangeEdge::Smoothed;
                histogram_extended::rate(
                    kind,
                    smoothed,
                    self.points.samples,
                    self.end_ms,
                    range_ms,
                    remarks,
                )
            }
        };
        rate.into()
    }

    /// Only the last two samples matter, of whichever kind.
    fn instant(&self, per_second: bool, floats: f64, remarks: &Remarks<'_>) -> Outcome {
        let samples = self.points.samples;
        let last_ms = |back: usize| Some(samples[samples.len().checked_sub(back)?].0);
        let float_ms = |back: usize| Some(self.float_times_ms[self.float_times_ms.len().checked_sub(back)?]);
        if float_ms(1) < last_ms(2) {
            return instant(per_second, self.points, remarks).into();
        }
        if last_ms(1) < float_ms(2) {
            return Outcome::Float(floats);
        }
        if float_ms(1).is_some() {
            remarks.mixed_with_floats();
        }
        Outcome::Nothing
    }

    fn fold(&self, kind: FoldKind, remarks: &Remarks<'_>) -> Option<FloatHistogram> {
        let ((_, first), rest) = self.points.samples.split_first()?;
        let mut fold = HistogramFold::start(kind, first);
        for (_, histogram) in rest {
            if fold.add(histogram).is_err() {
                return remarks.incompatible();
            }
        }
        if fold.resets_collide() {
            remarks.note(notes::resets_collide("aggregation"));
        }
        if fold.bounds_reconciled() {
            remarks.note(notes::bounds_reconciled("aggregation"));
        }
        Some(fold.finish())
    }
}

/// A sample of either kind, and when it began to count.
struct Sample<'a> {
    time_ms: i64,
    start_ms: i64,
    value: f64,
    histogram: Option<&'a FloatHistogram>,
}

/// Counts resets or changes in a series that has histograms.
fn events(call: &RangeCall, series: &Series, windows: &Windows, scratch: &mut Scratch, out: &mut [f64]) {
    let samples = in_order(series);
    let times: Vec<i64> = samples.iter().map(|sample| sample.time_ms).collect();
    let anchor_ms = (call.input.edge == Some(RangeEdge::Anchored)).then_some(call.input.range_ms);
    let is_event = |at: usize| {
        let (previous, current) = (&samples[at - 1], &samples[at]);
        if call.function == RangeFunction::Resets {
            is_reset(previous, current)
        } else {
            match (previous.histogram, current.histogram) {
                (None, None) => differs(previous.value, current.value),
                (Some(previous), Some(current)) => !current.is_same_as(previous),
                _ => true,
            }
        }
    };
    count_events(is_event, &times, windows, anchor_ms, &mut scratch.counts, out);
}

fn is_reset(previous: &Sample<'_>, current: &Sample<'_>) -> bool {
    let is_new_start = || {
        starts_anew(
            (previous.start_ms, previous.time_ms),
            (current.start_ms, current.time_ms),
        )
    };
    match (previous.histogram, current.histogram) {
        (None, None) => current.value < previous.value || is_new_start(),
        (Some(previous), Some(current)) => is_new_start() || current.is_reset_after(previous),
        _ => true,
    }
}

/// All samples by time.
fn in_order(series: &Series) -> Vec<Sample<'_>> {
    let start = |starts_ms: &[i64], at: usize| starts_ms.get(at).copied().unwrap_or_default();
    let floats = series.timestamps_ms.iter().zip(&series.values).enumerate();
    let mut samples: Vec<Sample<'_>> = floats
        .map(|(at, (time_ms, value))| Sample {
            time_ms: *time_ms,
            start_ms: start(&series.starts_ms, at),
            value: *value,
            histogram: None,
        })
        .collect();
    let histograms = series.histograms.iter().enumerate();
    samples.extend(histograms.map(|(at, (time_ms, histogram))| Sample {
        time_ms: *time_ms,
        start_ms: start(&series.histogram_starts_ms, at),
        value: 0.0,
        histogram: Some(histogram),
    }));
    samples.sort_by_key(|sample| sample.time_ms);
    samples
}
