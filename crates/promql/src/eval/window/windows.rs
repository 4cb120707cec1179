//! Which samples are in the window of each step.

use crate::plan::{Grid, Timing};

/// Windows `(t - before_ms, t + ahead_ms]` around the data time `t` of each step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Windows {
    pub grid: Grid,
    pub timing: Timing,
    pub before_ms: i64,
    pub ahead_ms: i64,
}

impl Windows {
    /// The end of the range a step looks at: its evaluation time less the offset, or the pinned time.
    #[inline]
    pub(crate) fn data_time_ms(&self, step: usize) -> i64 {
        self.timing.data_time_ms(self.grid.time_ms(step))
    }

    /// In how many windows a sample usually is.
    pub(crate) fn overlap(&self) -> i64 {
        match self.timing {
            Timing::Pinned(_) => 1,
            Timing::Offset(_) => (self.before_ms / self.grid.step_ms).min(self.grid.len as i64),
        }
    }

    /// Calls `visit(step, low, high)` for each window that holds `times_ms[low..high]`; not for empty
    /// ones. Times ascend, and so do both edges.
    #[inline]
    pub(crate) fn slide(&self, times_ms: &[i64], mut visit: impl FnMut(usize, usize, usize)) {
        if times_ms.is_empty() {
            return;
        }
        // One loop for both timings, with one place that visits, so that the visit is inlined.
        let stride_ms = match self.timing {
            Timing::Offset(_) => self.grid.step_ms,
            Timing::Pinned(_) => 0,
        };
        let first_ms = self.data_time_ms(0);
        let mut high_limit_ms = first_ms.saturating_add(self.ahead_ms);
        let mut low_limit_ms = first_ms.saturating_sub(self.before_ms);
        let mut low = Edge::default();
        let mut high = Edge::default();
        for step in 0..self.grid.len {
            high.advance(times_ms, high_limit_ms);
            low.advance(times_ms, low_limit_ms);
            if low.position < high.position {
                visit(step, low.position, high.position);
            }
            high_limit_ms = high_limit_ms.saturating_add(stride_ms);
            low_limit_ms = low_limit_ms.saturating_add(stride_ms);
        }
    }

    /// Calls `visit(step, newest)` for each window that holds a sample: only the end moves sample by
    /// sample.
    #[inline]
    pub(crate) fn slide_ends(&self, times_ms: &[i64], mut visit: impl FnMut(usize, usize)) {
        let mut end = Edge::default();
        for step in 0..self.grid.len {
            let time_ms = self.data_time_ms(step);
            end.advance(times_ms, time_ms);
            if let Some(newest) = end.position.checked_sub(1)
                && times_ms[newest] > time_ms.saturating_sub(self.before_ms)
            {
                visit(step, newest);
            }
        }
    }
}

/// The first sample after a limit that only grows.
#[derive(Debug, Default)]
struct Edge {
    position: usize,
    /// How far the last step went: scrapes are regular, so the next goes as far.
    stride: usize,
}

impl Edge {
    #[inline(always)]
    fn advance(&mut self, times_ms: &[i64], limit_ms: i64) {
        // A stride of none is no guess: the first window would then cost a step per sample.
        let guess = self.position + self.stride;
        if self.stride > 0
            && let Some(&[last, next]) = times_ms.get(guess - 1..=guess)
            && last <= limit_ms
            && limit_ms < next
        {
            self.position = guess;
            return;
        }
        let start = self.position;
        while let Some(&time_ms) = times_ms.get(self.position)
            && time_ms <= limit_ms
        {
            self.position += 1;
        }
        self.stride = self.position - start;
    }
}
