//! Windows with histogram samples in them. Functions of histograms are not there yet: here it is
//! seen to that such samples are counted, passed through, or left out with a remark, as the function
//! has it.

use std::sync::Arc;

use crate::Series;
use crate::plan::{RangeCall, RangeFunction};

use super::super::column::{ABSENT, StepSeries, is_absent};
use super::super::evaluator::Evaluator;
use super::super::notes;
use super::Windows;

pub(crate) fn times(series: &Series) -> Vec<i64> {
    series.histograms.iter().map(|(time_ms, _)| *time_ms).collect()
}

/// Corrects a column that was computed from the floats alone.
pub(crate) fn account_for(
    evaluator: &Evaluator<'_>,
    call: &RangeCall,
    series: &Series,
    windows: &Windows,
    out: &mut StepSeries,
) {
    let name = series.labels.metric_name();
    let mut float_windows = vec![None; out.values.len()];
    windows.slide(&series.timestamps_ms, |step, low, high| {
        float_windows[step] = Some((series.timestamps_ms[low], series.timestamps_ms[high - 1]));
    });
    windows.slide(&times(series), |step, low, high| {
        let value = out.values[step];
        let floats = float_windows[step];
        let (first_ms, first) = &series.histograms[low];
        let (last_ms, last) = &series.histograms[high - 1];
        match call.function {
            RangeFunction::Count => {
                let floats = if is_absent(value) { 0.0 } else { value };
                out.values[step] = floats + (high - low) as f64;
            }
            RangeFunction::Present => out.values[step] = 1.0,
            RangeFunction::TimestampOfFirst => {
                let first_ms = floats.map_or(*first_ms, |(float_ms, _)| float_ms.min(*first_ms));
                out.values[step] = first_ms as f64 / 1000.0;
            }
            RangeFunction::TimestampOfLast => {
                let last_ms = floats.map_or(*last_ms, |(_, float_ms)| float_ms.max(*last_ms));
                out.values[step] = last_ms as f64 / 1000.0;
            }
            RangeFunction::First if floats.is_none_or(|(float_ms, _)| *first_ms < float_ms) => {
                out.values[step] = ABSENT;
                out.histograms.push((step, Arc::new(first.clone())));
            }
            RangeFunction::Last if floats.is_none_or(|(_, float_ms)| *last_ms > float_ms) => {
                out.values[step] = ABSENT;
                out.histograms.push((step, Arc::new(last.clone())));
            }
            RangeFunction::First | RangeFunction::Last => {}
            RangeFunction::Rate
            | RangeFunction::Increase
            | RangeFunction::Delta
            | RangeFunction::Irate
            | RangeFunction::Idelta
            | RangeFunction::Sum
            | RangeFunction::Avg => {
                if floats.is_some() {
                    evaluator.note(call.input.span, notes::mixed_floats_histograms(name));
                }
                out.values[step] = ABSENT;
            }
            RangeFunction::Resets | RangeFunction::Changes => {}
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
                if floats.is_some() {
                    evaluator.note(call.input.span, notes::histogram_ignored_in_range(name));
                }
            }
        }
    });
}
