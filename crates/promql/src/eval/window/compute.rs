//! Picks the computation of a range function.

use crate::plan::{RangeCall, RangeFunction};
use crate::{EvalError, RangeEdge};

use super::super::scalar::ScalarColumn;
use super::extremes::Extreme;
use super::rate::RateKind;
use super::{Windows, extended, extremes, order, rate, sums, trend};

/// Buffers that serve every series of a call.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Positions of samples.
    pub positions: Vec<usize>,
    /// Running sums, as pairs whose sum is exact to some hundred bits.
    pub prefix: Vec<(f64, f64)>,
    /// Running counts.
    pub counts: Vec<u32>,
    pub values: Vec<f64>,
}

/// Fills `out` at the steps where the function has a value. Samples are free of staleness markers.
pub(crate) fn compute(
    call: &RangeCall,
    times: &[i64],
    values: &[f64],
    windows: &Windows,
    params: &[ScalarColumn],
    scratch: &mut Scratch,
    out: &mut [f64],
) -> Result<(), EvalError> {
    if values.is_empty() {
        return Ok(());
    }
    let range_ms = call.input.range_ms;
    let kind = match call.function {
        RangeFunction::Rate => Some(RateKind::Rate),
        RangeFunction::Increase => Some(RateKind::Increase),
        RangeFunction::Delta => Some(RateKind::Delta),
        _ => None,
    };
    if let Some(kind) = kind {
        match call.input.edge {
            Some(edge) => {
                let smoothed = edge == RangeEdge::Smoothed;
                extended::rate(kind, smoothed, times, values, windows, range_ms, out);
            }
            None => rate::rate(
                kind,
                times,
                values,
                windows,
                range_ms,
                &mut scratch.positions,
                out,
            ),
        }
        return Ok(());
    }
    let anchored = call.input.edge == Some(RangeEdge::Anchored);
    match call.function {
        RangeFunction::Irate => rate::instant(true, times, values, windows, out),
        RangeFunction::Idelta => rate::instant(false, times, values, windows, out),
        RangeFunction::Resets => {
            let is_reset = |at: usize| values[at] < values[at - 1];
            let anchor_ms = anchored.then_some(range_ms);
            count_events(is_reset, times, windows, anchor_ms, &mut scratch.counts, out);
        }
        RangeFunction::Changes => {
            let is_change = |at: usize| differs(values[at - 1], values[at]);
            let anchor_ms = anchored.then_some(range_ms);
            count_events(is_change, times, windows, anchor_ms, &mut scratch.counts, out);
        }
        RangeFunction::Deriv => trend::deriv(times, values, windows, out),
        RangeFunction::PredictLinear => trend::predict_linear(times, values, windows, &params[0], out),
        RangeFunction::DoubleExponentialSmoothing => {
            trend::double_exponential_smoothing(times, values, windows, (&params[0], &params[1]), out)?;
        }
        RangeFunction::Sum => sums::sum(times, values, windows, scratch, out),
        RangeFunction::Avg => sums::average(times, values, windows, scratch, out),
        RangeFunction::Stdvar => sums::variance(times, values, windows, out, |variance| variance),
        RangeFunction::Stddev => sums::variance(times, values, windows, out, f64::sqrt),
        RangeFunction::Min => extremes::slide(Extreme::Min, false, times, values, windows, scratch, out),
        RangeFunction::Max => extremes::slide(Extreme::Max, false, times, values, windows, scratch, out),
        RangeFunction::TimestampOfMin => {
            extremes::slide(Extreme::Min, true, times, values, windows, scratch, out);
        }
        RangeFunction::TimestampOfMax => {
            extremes::slide(Extreme::Max, true, times, values, windows, scratch, out);
        }
        RangeFunction::Quantile => order::quantiles(times, values, windows, &params[0], scratch, out),
        RangeFunction::Mad => order::median_deviation(times, values, windows, scratch, out),
        RangeFunction::Count => windows.slide(times, |step, low, high| out[step] = (high - low) as f64),
        RangeFunction::Present => windows.slide(times, |step, _, _| out[step] = 1.0),
        RangeFunction::First => windows.slide(times, |step, low, _| out[step] = values[low]),
        RangeFunction::Last => windows.slide(times, |step, _, high| out[step] = values[high - 1]),
        RangeFunction::TimestampOfFirst => {
            windows.slide(times, |step, low, _| out[step] = times[low] as f64 / 1000.0);
        }
        RangeFunction::TimestampOfLast => {
            windows.slide(times, |step, _, high| out[step] = times[high - 1] as f64 / 1000.0);
        }
        RangeFunction::Rate | RangeFunction::Increase | RangeFunction::Delta => {}
    }
    Ok(())
}

/// For `changes`, a NaN is the same as another.
pub(super) fn differs(previous: f64, current: f64) -> bool {
    current != previous && !(current.is_nan() && previous.is_nan())
}

/// Counts the samples in each window for which something happened since the one before. An anchored
/// window begins with the last sample before the range, and has no value without one after its start.
pub(super) fn count_events(
    is_event: impl Fn(usize) -> bool,
    times: &[i64],
    windows: &Windows,
    anchor_ms: Option<i64>,
    counts: &mut Vec<u32>,
    out: &mut [f64],
) {
    counts.clear();
    counts.push(0);
    let mut events = 0;
    for at in 1..times.len() {
        events += u32::from(is_event(at));
        counts.push(events);
    }
    windows.slide(times, |step, low, high| {
        let mut first = low;
        if let Some(range_ms) = anchor_ms {
            let start_ms = windows.data_time_ms(step).saturating_sub(range_ms);
            let after_start = low + times[low..high].partition_point(|at| *at <= start_ms);
            if after_start == high {
                return;
            }
            first = after_start.saturating_sub(1).max(low);
        }
        out[step] = f64::from(counts[high - 1] - counts[first]);
    });
}
