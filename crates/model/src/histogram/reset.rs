//! Counter resets.

use super::bounds::exponential_bound;
use super::cells::Cells;
use super::custom::{common_bounds, roll_up};
use super::schema::coarser_cells;
use super::{CounterResetHint, FloatHistogram};

impl FloatHistogram {
    /// Whether a counter was reset between `previous` and this one: some count went down, or the buckets
    /// became finer, which only a new counter can do. A hint of this histogram is believed.
    pub fn is_reset_after(&self, previous: &FloatHistogram) -> bool {
        match self.counter_reset_hint {
            CounterResetHint::Reset => return true,
            CounterResetHint::NotReset => return false,
            // A gauge is compared as if it were a counter; the caller says that this makes no sense.
            CounterResetHint::Unknown | CounterResetHint::Gauge => {}
        }
        if self.count < previous.count {
            return true;
        }
        if self.uses_custom_buckets() {
            if !previous.uses_custom_buckets() {
                return true;
            }
            if self.custom_values != previous.custom_values {
                return self.is_below_at_common_bounds(previous);
            }
        }
        if self.schema > previous.schema || self.zero_threshold < previous.zero_threshold {
            return true;
        }
        if !self.uses_custom_buckets() {
            let (previous_zero_count, threshold) = previous.widened_zero_bucket(self.zero_threshold);
            if threshold != self.zero_threshold || self.zero_count < previous_zero_count {
                return true;
            }
        }
        self.is_below(self.positive_cells(), previous, previous.positive_cells())
            || self.is_below(self.negative_cells(), previous, previous.negative_cells())
    }

    /// Whether any bucket beyond the zero bucket holds less than before.
    fn is_below(
        &self,
        current: Cells<'_, f64>,
        previous: &FloatHistogram,
        previous_cells: Cells<'_, f64>,
    ) -> bool {
        let is_zero = |index: i64| {
            !self.uses_custom_buckets() && exponential_bound(index, self.schema) <= self.zero_threshold
        };
        let steps = previous.schema.abs_diff(self.schema);
        let mut current = current.peekable();
        coarser_cells(previous_cells, steps)
            .skip_while(|(index, _)| is_zero(*index))
            .any(|(index, before)| {
                while current.next_if(|(at, _)| *at < index).is_some() {}
                match current.peek() {
                    Some((at, count)) if *at == index => *count < before,
                    _ => before != 0.0,
                }
            })
    }

    fn is_below_at_common_bounds(&self, previous: &FloatHistogram) -> bool {
        let bounds = common_bounds(&self.custom_values, &previous.custom_values);
        let rolled_up = |histogram: &FloatHistogram| {
            let mut totals = vec![0.0; bounds.len() + 1];
            roll_up(
                histogram.positive_cells(),
                &histogram.custom_values,
                &bounds,
                |target, count| totals[target] += count,
            );
            totals
        };
        let (current, before) = (rolled_up(self), rolled_up(previous));
        current
            .iter()
            .zip(&before)
            .any(|(current, before)| current < before)
    }
}
