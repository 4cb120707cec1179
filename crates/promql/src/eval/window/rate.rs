//! rate, increase, delta, irate and idelta.

use super::super::column::ABSENT;
use super::Windows;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RateKind {
    Rate,
    Increase,
    Delta,
}

/// A window whose gap to the range's edge is below this many mean spacings reaches to the edge.
const EDGE_TOLERANCE: f64 = 1.1;

/// What the extrapolation of a window needs, in columns, so that it vectorises.
#[derive(Debug, Default)]
pub(crate) struct RateColumns {
    /// Milliseconds from the range's start to the first sample.
    to_start_ms: Vec<f64>,
    /// Milliseconds from the last sample to the range's end.
    to_end_ms: Vec<f64>,
    /// Milliseconds between the first and the last sample.
    sampled_ms: Vec<f64>,
    /// Samples less one; zero where a window has no rate.
    intervals: Vec<f64>,
    /// The first value.
    first: Vec<f64>,
    /// Positions of samples that are lower than the one before.
    resets: Vec<usize>,
}

impl RateColumns {
    fn reset(&mut self, len: usize) {
        for column in [
            &mut self.to_start_ms,
            &mut self.to_end_ms,
            &mut self.sampled_ms,
            &mut self.intervals,
            &mut self.first,
        ] {
            column.clear();
            column.resize(len, 0.0);
        }
        self.resets.clear();
    }
}

/// Change over each window, extrapolated to the range's edges.
pub(crate) fn rate(
    kind: RateKind,
    times: &[i64],
    values: &[f64],
    windows: &Windows,
    range_ms: i64,
    columns: &mut RateColumns,
    out: &mut [f64],
) {
    let is_counter = kind != RateKind::Delta;
    columns.reset(out.len());
    if is_counter {
        find_resets(values, &mut columns.resets);
    }
    let mut next_reset = 0;
    windows.slide(times, |step, low, high| {
        let last = high - 1;
        if last == low {
            return;
        }
        let mut change = values[last] - values[low];
        // A reset at `i` lost what stood at `i - 1`. Few series have any, and windows only move on.
        let resets = &columns.resets;
        if !resets.is_empty() {
            while next_reset < resets.len() && resets[next_reset] <= low {
                next_reset += 1;
            }
            for &reset in resets[next_reset..].iter().take_while(|reset| **reset <= last) {
                change += values[reset - 1];
            }
        }
        let end_ms = windows.data_time_ms(step);
        out[step] = change;
        columns.to_start_ms[step] = (times[low] - (end_ms - range_ms)) as f64;
        columns.to_end_ms[step] = (end_ms - times[last]) as f64;
        columns.sampled_ms[step] = (times[last] - times[low]) as f64;
        columns.intervals[step] = (last - low) as f64;
        columns.first[step] = values[low];
    });
    let seconds = if kind == RateKind::Rate {
        range_ms as f64 / 1000.0
    } else {
        1.0
    };
    if is_counter {
        extrapolate::<true>(columns, seconds, out);
    } else {
        extrapolate::<false>(columns, seconds, out);
    }
}

/// Stretches each change from the sampled part to the range, and divides by `seconds`. A counter's
/// first value limits how far back it can have been rising from zero. Comparisons are made on the
/// same roundings as in Prometheus, as a spacing of exactly the tolerance is common.
fn extrapolate<const COUNTER: bool>(columns: &RateColumns, seconds: f64, out: &mut [f64]) {
    let rows = out
        .iter_mut()
        .zip(&columns.to_start_ms)
        .zip(&columns.to_end_ms)
        .zip(&columns.sampled_ms)
        .zip(&columns.intervals)
        .zip(&columns.first);
    for (((((out, &to_start_ms), &to_end_ms), &sampled_ms), &intervals), &first) in rows {
        let change = *out;
        let sampled = sampled_ms / 1000.0;
        let spacing = sampled / intervals;
        let threshold = spacing * EDGE_TOLERANCE;
        let half = spacing / 2.0;
        let to_start = to_start_ms / 1000.0;
        let mut to_start = if to_start >= threshold { half } else { to_start };
        if COUNTER {
            let to_zero = sampled * (first / change);
            let rises_from_zero = (change > 0.0) & (first >= 0.0) & (to_zero < to_start);
            to_start = if rises_from_zero { to_zero } else { to_start };
        }
        let to_end = to_end_ms / 1000.0;
        let to_end = if to_end >= threshold { half } else { to_end };
        let factor = (sampled + to_start + to_end) / sampled / seconds;
        *out = if intervals > 0.0 { change * factor } else { ABSENT };
    }
}

fn find_resets(values: &[f64], resets: &mut Vec<usize>) {
    // Vectorises; most series have none.
    let any = values
        .iter()
        .zip(&values[1..])
        .fold(false, |any, (previous, current)| any | (current < previous));
    if any {
        resets.extend((1..values.len()).filter(|&at| values[at] < values[at - 1]));
    }
}

/// The last two samples of each window.
pub(crate) fn instant(per_second: bool, times: &[i64], values: &[f64], windows: &Windows, out: &mut [f64]) {
    windows.slide(times, |step, low, high| {
        if high - low < 2 {
            return;
        }
        let (previous, last) = (values[high - 2], values[high - 1]);
        let interval_ms = times[high - 1] - times[high - 2];
        if interval_ms == 0 {
            return;
        }
        // After a reset the counter rose from zero.
        let change = if per_second && last < previous {
            last
        } else {
            last - previous
        };
        out[step] = if per_second {
            change / (interval_ms as f64 / 1000.0)
        } else {
            change
        };
    });
}
