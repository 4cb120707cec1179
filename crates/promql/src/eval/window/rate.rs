//! rate, increase, delta, irate and idelta.

use super::Windows;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RateKind {
    Rate,
    Increase,
    Delta,
}

/// A window whose gap to the range's edge is below this many mean spacings reaches to the edge.
const EDGE_TOLERANCE: f64 = 1.1;

/// Change over each window, extrapolated to the range's edges.
pub(crate) fn rate(
    kind: RateKind,
    times: &[i64],
    values: &[f64],
    windows: &Windows,
    range_ms: i64,
    resets: &mut Vec<usize>,
    out: &mut [f64],
) {
    resets.clear();
    if kind != RateKind::Delta {
        find_resets(values, resets);
    }
    let seconds = range_ms as f64 / 1000.0;
    // One loop per kind: what it is and whether there are resets is then settled outside of it.
    match (kind, resets.is_empty()) {
        (RateKind::Rate, true) => slide::<true>(times, values, windows, range_ms, seconds, &[], out),
        (RateKind::Rate, false) => slide::<true>(times, values, windows, range_ms, seconds, resets, out),
        (RateKind::Increase, _) => slide::<true>(times, values, windows, range_ms, 1.0, resets, out),
        (RateKind::Delta, _) => slide::<false>(times, values, windows, range_ms, 1.0, &[], out),
    }
}

/// Stretches the change of each window from the sampled part to the range, and divides by `seconds`. A
/// counter's first value limits how far back it can have been rising from zero. Divisions are what
/// this costs, so there are three, and all in milliseconds.
#[inline(always)]
fn slide<const COUNTER: bool>(
    times: &[i64],
    values: &[f64],
    windows: &Windows,
    range_ms: i64,
    seconds: f64,
    resets: &[usize],
    out: &mut [f64],
) {
    let mut next_reset = 0;
    windows.slide(times, |step, low, high| {
        let last = high - 1;
        if last == low {
            return;
        }
        let first = values[low];
        let mut change = values[last] - first;
        // A reset at `i` lost what stood at `i - 1`. Few series have any, and windows only move on.
        if !resets.is_empty() {
            while next_reset < resets.len() && resets[next_reset] <= low {
                next_reset += 1;
            }
            for &reset in resets[next_reset..].iter().take_while(|reset| **reset <= last) {
                change += values[reset - 1];
            }
        }
        let end_ms = windows.data_time_ms(step);
        let (first_ms, last_ms) = (times[low], times[last]);
        let sampled_ms = (last_ms - first_ms) as f64;
        let intervals = (last - low) as f64;
        let spacing_ms = sampled_ms / intervals;
        let gap_ms = (first_ms - (end_ms - range_ms)) as f64;
        let mut to_start = to_edge(gap_ms, spacing_ms, sampled_ms, intervals);
        if COUNTER && change > 0.0 && first >= 0.0 {
            to_start = to_start.min(sampled_ms * (first / change));
        }
        let to_end = to_edge((end_ms - last_ms) as f64, spacing_ms, sampled_ms, intervals);
        out[step] = change * ((sampled_ms + to_start + to_end) / (sampled_ms * seconds));
    });
}

/// How far to extrapolate towards an edge: all the way if it is near, else half a spacing. A gap of
/// exactly the tolerance is not rare, and then the rounding decides: it is done as in Prometheus, in
/// seconds.
#[inline(always)]
fn to_edge(gap_ms: f64, spacing_ms: f64, sampled_ms: f64, intervals: f64) -> f64 {
    let threshold_ms = spacing_ms * EDGE_TOLERANCE;
    let is_tie = (gap_ms - threshold_ms).abs() <= threshold_ms * 1e-12;
    let is_far = if is_tie {
        gap_ms / 1000.0 >= sampled_ms / 1000.0 / intervals * EDGE_TOLERANCE
    } else {
        gap_ms > threshold_ms
    };
    if is_far { spacing_ms / 2.0 } else { gap_ms }
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
