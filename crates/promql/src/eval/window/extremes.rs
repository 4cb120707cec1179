//! Least and greatest values of windows, and when they were.

use super::Windows;
use super::compute::Scratch;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extreme {
    Min,
    Max,
}

/// Keeps a queue of the samples that are the extreme of some window to come, so each sample is
/// entered and removed once. NaNs count only where a window has nothing else. Among equal values the
/// time is that of the last.
pub(crate) fn slide(
    extreme: Extreme,
    want_time: bool,
    times: &[i64],
    values: &[f64],
    windows: &Windows,
    scratch: &mut Scratch,
    out: &mut [f64],
) {
    // A vector with a moving head: a ring would wrap, this grows to the series' length at most.
    let queue = &mut scratch.positions;
    queue.clear();
    let mut head = 0;
    let mut entered = 0;
    let yields = |old: f64, new: f64| match extreme {
        Extreme::Min => new <= old,
        Extreme::Max => new >= old,
    };
    windows.slide(times, |step, low, high| {
        entered = entered.max(low);
        for (at, &value) in values.iter().enumerate().take(high).skip(entered) {
            if !value.is_nan() {
                while queue.len() > head && yields(values[queue[queue.len() - 1]], value) {
                    queue.pop();
                }
                queue.push(at);
            }
        }
        entered = high;
        while head < queue.len() && queue[head] < low {
            head += 1;
        }
        let found = queue.get(head).copied().unwrap_or(high - 1);
        out[step] = if want_time {
            times[found] as f64 / 1000.0
        } else {
            values[found]
        };
    });
}
