//! The evenly spaced times an expression is evaluated at.

/// Evaluation times `start_ms + i * step_ms` for `i < len`. An instant query is a grid of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Grid {
    pub start_ms: i64,
    /// Positive, also where there is one time only.
    pub step_ms: i64,
    /// Zero where a subquery's window holds no multiple of its step.
    pub len: usize,
}

impl Grid {
    /// Every time from `start_ms` on that is not after `end_ms`.
    pub(crate) fn new(start_ms: i64, end_ms: i64, step_ms: i64) -> Grid {
        let step_ms = step_ms.max(1);
        let len = if end_ms < start_ms {
            0
        } else {
            let steps = end_ms.saturating_sub(start_ms) / step_ms;
            usize::try_from(steps).unwrap_or(usize::MAX - 1) + 1
        };
        Grid {
            start_ms,
            step_ms,
            len,
        }
    }

    /// Only the first time: what an expression that does not depend on the time is evaluated at.
    pub(crate) fn first(self) -> Grid {
        Grid {
            len: self.len.min(1),
            ..self
        }
    }

    #[inline]
    pub(crate) fn time_ms(self, step: usize) -> i64 {
        self.start_ms
            .wrapping_add((step as i64).wrapping_mul(self.step_ms))
    }

    /// The last time; before the start for an empty grid.
    pub(crate) fn last_ms(self) -> i64 {
        if self.len == 0 {
            self.start_ms.saturating_sub(1)
        } else {
            self.time_ms(self.len - 1)
        }
    }
}

/// Where in the data a step looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timing {
    /// This long before the evaluation time; negative looks ahead.
    Offset(i64),
    /// At one fixed time, whatever the evaluation time: the `@` modifier less its offset.
    Pinned(i64),
}

impl Timing {
    #[inline]
    pub(crate) fn data_time_ms(self, evaluation_ms: i64) -> i64 {
        match self {
            Timing::Offset(offset_ms) => evaluation_ms.saturating_sub(offset_ms),
            Timing::Pinned(time_ms) => time_ms,
        }
    }

    /// The first and the last time looked at over a grid.
    pub(crate) fn data_bounds_ms(self, grid: Grid) -> (i64, i64) {
        (
            self.data_time_ms(grid.start_ms),
            self.data_time_ms(grid.last_ms()),
        )
    }
}
