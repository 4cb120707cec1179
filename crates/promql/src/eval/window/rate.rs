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
    let is_counter = kind != RateKind::Delta;
    resets.clear();
    if is_counter {
        find_resets(values, resets);
    }
    let mut next_reset = 0;
    let range_seconds = range_ms as f64 / 1000.0;
    windows.slide(times, |step, low, high| {
        let last = high - 1;
        if last == low {
            return;
        }
        let mut change = values[last] - values[low];
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
        let gaps = Gaps {
            to_start: (times[low] - (end_ms - range_ms)) as f64 / 1000.0,
            to_end: (end_ms - times[last]) as f64 / 1000.0,
            sampled: (times[last] - times[low]) as f64 / 1000.0,
            intervals: (last - low) as f64,
        };
        let floor = if is_counter { Some(values[low]) } else { None };
        let mut factor = gaps.extrapolation(change, floor);
        if kind == RateKind::Rate {
            factor /= range_seconds;
        }
        out[step] = change * factor;
    });
}

/// Where the samples of a window lie in its range; seconds.
struct Gaps {
    to_start: f64,
    to_end: f64,
    sampled: f64,
    intervals: f64,
}

impl Gaps {
    /// By how much a change over the sampled part is to be stretched. A counter's first value limits
    /// how far back it can have been rising from zero.
    #[inline(always)]
    fn extrapolation(&self, change: f64, counter_floor: Option<f64>) -> f64 {
        let spacing = self.sampled / self.intervals;
        let threshold = spacing * EDGE_TOLERANCE;
        let mut to_start = self.to_start;
        if to_start >= threshold {
            to_start = spacing / 2.0;
        }
        if let Some(first) = counter_floor
            && change > 0.0
            && first >= 0.0
        {
            let to_zero = self.sampled * (first / change);
            if to_zero < to_start {
                to_start = to_zero;
            }
        }
        let to_end = if self.to_end >= threshold {
            spacing / 2.0
        } else {
            self.to_end
        };
        (self.sampled + to_start + to_end) / self.sampled
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
