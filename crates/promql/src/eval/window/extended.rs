//! rate, increase and delta over `anchored` and `smoothed` ranges: no extrapolation, but samples
//! beyond the range's edges.

use super::Windows;
use super::rate::RateKind;

pub(crate) fn rate(
    kind: RateKind,
    smoothed: bool,
    times: &[i64],
    values: &[f64],
    windows: &Windows,
    range_ms: i64,
    out: &mut [f64],
) {
    let is_counter = kind != RateKind::Delta;
    windows.slide(times, |step, low, high| {
        let end_ms = windows.data_time_ms(step);
        let window = Window {
            times: &times[low..high],
            values: &values[low..high],
            start_ms: end_ms.saturating_sub(range_ms),
            end_ms,
            smoothed,
            is_counter,
        };
        if let Some(change) = window.change() {
            out[step] = if kind == RateKind::Rate {
                change / (range_ms as f64 / 1000.0)
            } else {
                change
            };
        }
    });
}

struct Window<'a> {
    times: &'a [i64],
    values: &'a [f64],
    start_ms: i64,
    end_ms: i64,
    smoothed: bool,
    is_counter: bool,
}

impl Window<'_> {
    fn change(&self) -> Option<f64> {
        let newest = self.times.len() - 1;
        // The last sample at or before the start, or the first of all.
        let mut first = self.times[..newest]
            .partition_point(|at| *at <= self.start_ms)
            .saturating_sub(1);
        let last = if self.smoothed {
            self.times[..newest].partition_point(|at| *at < self.end_ms)
        } else {
            newest
        };
        if self.times[last] <= self.start_ms || (self.smoothed && self.times[first] > self.end_ms) {
            return None;
        }
        let left = if self.smoothed && self.times[first] < self.start_ms {
            self.between(first, self.start_ms)
        } else {
            self.values[first]
        };
        let right = if self.smoothed && last > 0 && self.times[last] > self.end_ms {
            self.between(last - 1, self.end_ms)
        } else {
            self.values[last]
        };
        let mut change = right - left;
        if self.is_counter {
            // The edges already account for resets next to them.
            if self.times[first] <= self.start_ms {
                first += 1;
            }
            let end = if self.times[last] >= self.end_ms {
                last
            } else {
                last + 1
            };
            let mut previous = left;
            for &value in self.values.get(first..end).unwrap_or_default() {
                if value < previous {
                    change += previous;
                }
                previous = value;
            }
            if right < previous {
                change += previous;
            }
        }
        Some(change)
    }

    /// On the line between the sample at `at` and the next; a counter that was reset in between rose
    /// from zero.
    fn between(&self, at: usize, time_ms: i64) -> f64 {
        let (mut before, after) = (self.values[at], self.values[at + 1]);
        if self.is_counter && after < before {
            before = 0.0;
        }
        let (t1, t2) = (self.times[at], self.times[at + 1]);
        before + (after - before) * (time_ms - t1) as f64 / (t2 - t1) as f64
    }
}
