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
    // One loop per kind: what it is and whether there are resets is then settled outside of it.
    let divisor = (kind == RateKind::Rate).then(|| range_seconds(range_ms));
    let stretch = Stretch::new(range_ms, divisor);
    match (kind, resets.is_empty()) {
        (RateKind::Delta, _) => slide::<false>(times, values, windows, stretch, &[], out),
        (_, true) => slide::<true>(times, values, windows, stretch, &[], out),
        (_, false) => slide::<true>(times, values, windows, stretch, resets, out),
    }
}

/// A duration in seconds as Go gives it: whole seconds and the rest are converted one by one.
pub(super) fn range_seconds(range_ms: i64) -> f64 {
    (range_ms / 1000) as f64 + ((range_ms % 1000) * 1_000_000) as f64 / 1e9
}

/// Stretches the change of each window from the sampled part to the range. A counter's first value
/// limits how far back it can have been rising from zero.
#[inline(always)]
fn slide<const COUNTER: bool>(
    times: &[i64],
    values: &[f64],
    windows: &Windows,
    mut stretch: Stretch,
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
        stretch.fit(Shape {
            end_ms: windows.data_time_ms(step),
            first_ms: times[low],
            last_ms: times[last],
            intervals: last - low,
        });
        // Twice the change before the window is further from zero than any extrapolation goes.
        let factor = if COUNTER && change > 0.0 && first >= 0.0 && first < 2.0 * change {
            stretch.limited_factor(first / change)
        } else {
            stretch.factor
        };
        out[step] = change * factor;
    });
}

/// The samples of a window, as far as they matter for extrapolation.
#[derive(Debug, Clone, Copy)]
struct Shape {
    end_ms: i64,
    first_ms: i64,
    last_ms: i64,
    intervals: usize,
}

/// From the sampled part of a window to the whole: all the way to an edge that is near, else half a
/// spacing, in the order of operations of Prometheus, so that the last digit is the same.
///
/// Divisions are what this costs, and windows of a regular series are all of one shape.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    range_ms: i64,
    /// The range in seconds, for a rate.
    divisor: Option<f64>,
    /// Gaps at both ends, the sampled part, and the number of intervals, of what `factor` is for.
    fitted: (i64, i64, i64, usize),
    sampled: f64,
    to_start: f64,
    to_end: f64,
    factor: f64,
}

impl Stretch {
    fn new(range_ms: i64, divisor: Option<f64>) -> Stretch {
        Stretch {
            range_ms,
            divisor,
            // No window has no interval.
            fitted: (0, 0, 0, 0),
            sampled: 0.0,
            to_start: 0.0,
            to_end: 0.0,
            factor: 1.0,
        }
    }

    #[inline(always)]
    fn fit(&mut self, shape: Shape) {
        let gap_ms = shape.first_ms - (shape.end_ms - self.range_ms);
        let (sampled_ms, rest_ms) = (shape.last_ms - shape.first_ms, shape.end_ms - shape.last_ms);
        let wanted = (gap_ms, rest_ms, sampled_ms, shape.intervals);
        if wanted != self.fitted {
            self.compute(wanted);
        }
    }

    fn compute(&mut self, wanted: (i64, i64, i64, usize)) {
        let seconds = |duration_ms: i64| duration_ms as f64 / 1000.0;
        let (gap_ms, rest_ms, sampled_ms, intervals) = wanted;
        self.fitted = wanted;
        self.sampled = seconds(sampled_ms);
        let spacing = self.sampled / intervals as f64;
        let threshold = spacing * EDGE_TOLERANCE;
        let reach = |gap: f64| if gap >= threshold { spacing / 2.0 } else { gap };
        self.to_start = reach(seconds(gap_ms));
        self.to_end = reach(seconds(rest_ms));
        self.factor = self.factor_from(self.to_start);
    }

    #[inline(always)]
    fn factor_from(&self, to_start: f64) -> f64 {
        let factor = (self.sampled + to_start + self.to_end) / self.sampled;
        match self.divisor {
            Some(divisor) => factor / divisor,
            None => factor,
        }
    }

    /// The factor for a counter that was `above_zero` times its change above zero at first.
    #[inline(always)]
    fn limited_factor(&self, above_zero: f64) -> f64 {
        let to_zero = self.sampled * above_zero;
        if to_zero < self.to_start {
            self.factor_from(to_zero)
        } else {
            self.factor
        }
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
