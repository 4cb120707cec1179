//! rate, increase, irate and resets of floats that say when they began to count.

use crate::plan::{RangeCall, RangeFunction};
use crate::{RangeEdge, Series};

use super::super::evaluator::Evaluator;
use super::Windows;
use super::compute::{Scratch, count_events};
use super::rate::range_seconds;
use super::remarks::Remarks;
use super::starts::{overlaps, starts_anew};

/// Whether start times matter for this function of this series. Ranges with edges of their own look
/// at neighbours instead.
pub(super) fn applies(call: &RangeCall, series: &Series) -> bool {
    let is_plain = call.input.edge.is_none();
    !series.starts_ms.is_empty()
        && match call.function {
            RangeFunction::Rate | RangeFunction::Increase | RangeFunction::Irate => is_plain,
            RangeFunction::Resets => true,
            _ => false,
        }
}

/// `starts_ms` of the series is as long as `values`.
pub(super) fn compute(
    evaluator: &Evaluator<'_>,
    call: &RangeCall,
    series: &Series,
    windows: &Windows,
    scratch: &mut Scratch,
    out: &mut [f64],
) {
    let floats = Floats {
        times_ms: &series.timestamps_ms,
        values: &series.values,
        starts_ms: &series.starts_ms,
    };
    let remarks = Remarks {
        evaluator,
        span: call.input.span,
        metric_name: series.labels.metric_name(),
    };
    let range_ms = call.input.range_ms;
    match call.function {
        RangeFunction::Resets => {
            let anchor_ms = (call.input.edge == Some(RangeEdge::Anchored)).then_some(range_ms);
            let is_reset = |at: usize| floats.is_reset(at);
            count_events(
                is_reset,
                &series.timestamps_ms,
                windows,
                anchor_ms,
                &mut scratch.counts,
                out,
            );
        }
        RangeFunction::Irate => windows.slide(floats.times_ms, |step, low, high| {
            if high - low >= 2 {
                out[step] = floats.instant_rate(high - 1);
            }
        }),
        _ => {
            let per_second = call.function == RangeFunction::Rate;
            windows.slide(floats.times_ms, |step, low, high| {
                let end_ms = windows.data_time_ms(step);
                if let Some((increase, factor)) = floats.increase((low, high), end_ms, range_ms, &remarks) {
                    let factor = if per_second {
                        factor / range_seconds(range_ms)
                    } else {
                        factor
                    };
                    out[step] = increase * factor;
                }
            });
        }
    }
}

/// The samples of a series; all three are equally long.
struct Floats<'a> {
    times_ms: &'a [i64],
    values: &'a [f64],
    starts_ms: &'a [i64],
}

impl Floats<'_> {
    fn is_reset(&self, at: usize) -> bool {
        let of = |at: usize| (self.starts_ms[at], self.times_ms[at]);
        self.values[at] < self.values[at - 1] || starts_anew(of(at - 1), of(at))
    }

    fn instant_rate(&self, at: usize) -> f64 {
        let change = if self.is_reset(at) {
            self.values[at]
        } else {
            self.values[at] - self.values[at - 1]
        };
        change / ((self.times_ms[at] - self.times_ms[at - 1]) as f64 / 1000.0)
    }

    /// The increase over what was sampled of a range, and what it is to be multiplied with. A counter that began within it was zero then; else the increase is
    /// extrapolated to the start as it is to the end.
    fn increase(
        &self,
        (low, high): (usize, usize),
        end_ms: i64,
        range_ms: i64,
        remarks: &Remarks<'_>,
    ) -> Option<(f64, f64)> {
        let last = high - 1;
        let first_value = self.values[low];
        let mut increase = self.values[last] - first_value;
        let mut overlap_seen = false;
        for at in low + 1..high {
            let previous = (self.starts_ms[at - 1], self.times_ms[at - 1]);
            if !overlap_seen && overlaps(previous, self.starts_ms[at]) {
                remarks.start_overlap();
                overlap_seen = true;
            }
            if self.is_reset(at) {
                increase += self.values[at - 1];
            }
        }
        let seconds = |duration_ms: i64| duration_ms as f64 / 1000.0;
        let range_start_ms = end_ms.saturating_sub(range_ms);
        let (first_ms, last_ms) = (self.times_ms[low], self.times_ms[last]);
        let mut sampled = seconds(last_ms - first_ms);
        let spacing = if last > low {
            sampled / (last - low) as f64
        } else {
            0.0
        };
        let threshold = spacing * 1.1;
        let counted_from_ms = self.starts_ms[low];
        let began_within =
            counted_from_ms != 0 && counted_from_ms > range_start_ms && counted_from_ms < first_ms;
        let mut to_start = 0.0;
        if began_within {
            sampled = seconds(last_ms - counted_from_ms);
            increase += first_value;
        } else if last == low {
            return None;
        } else {
            to_start = seconds(first_ms - range_start_ms);
            if to_start >= threshold {
                to_start = spacing / 2.0;
            }
            if increase > 0.0 && first_value >= 0.0 {
                to_start = to_start.min(sampled * (first_value / increase));
            }
        }
        let mut to_end = seconds(end_ms - last_ms);
        if to_end >= threshold {
            to_end = spacing / 2.0;
        }
        if sampled == 0.0 {
            return Some((increase, 1.0));
        }
        Some((increase, (sampled + to_start + to_end) / sampled))
    }
}
