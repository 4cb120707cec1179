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
        let first_ms = self.data_time_ms(0);
        let mut high_limit_ms = first_ms.saturating_add(self.ahead_ms);
        let mut low_limit_ms = first_ms.saturating_sub(self.before_ms);
        if let Some(spacing) = self.spacing(times_ms)
            && let Some(mut high) = spacing.place(high_limit_ms)
            && let Some(mut low) = spacing.place(low_limit_ms)
        {
            for step in 0..self.grid.len {
                let (low_position, high_position) = (spacing.position(low), spacing.position(high));
                if low_position < high_position {
                    visit(step, low_position, high_position);
                }
                low = low.saturating_add(spacing.per_step);
                high = high.saturating_add(spacing.per_step);
            }
            return;
        }
        // One loop for both timings, with one place that visits, so that the visit is inlined.
        let stride_ms = self.stride_ms();
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

    /// Fills `out` with what `take` makes of the newest sample of each window that holds one: only the
    /// end moves sample by sample. `take` gets its position.
    #[inline]
    pub(crate) fn each_newest(&self, times_ms: &[i64], out: &mut [f64], take: impl Fn(usize) -> f64) {
        let len = out.len().min(self.grid.len);
        let out = &mut out[..len];
        let mut end = Edge::default();
        let mut step = 0;
        if let Some(spacing) = self.spacing(times_ms)
            && spacing.interval_ms <= self.before_ms
            && let Some(place) = spacing.place(self.data_time_ms(0))
        {
            // Between the first sample and the last, every window has one that is young enough.
            let inner = spacing.steps_within(place, len);
            step = inner.end;
            let mut position = spacing.after(place, inner.start);
            let per_step = spacing.per_step as usize;
            for value in &mut out[inner] {
                *value = take(position - 1);
                position += per_step;
            }
            // What is left is after the last sample.
            end.position = times_ms.len();
        }
        for (step, value) in out.iter_mut().enumerate().skip(step) {
            let time_ms = self.data_time_ms(step);
            end.advance(times_ms, time_ms);
            if let Some(newest) = end.position.checked_sub(1)
                && times_ms[newest] > time_ms.saturating_sub(self.before_ms)
            {
                *value = take(newest);
            }
        }
    }

    /// How far a window moves from step to step.
    fn stride_ms(&self) -> i64 {
        match self.timing {
            Timing::Offset(_) => self.grid.step_ms,
            Timing::Pinned(_) => 0,
        }
    }

    /// Scrapes are regular, and steps mostly a multiple of their interval: where a window begins and ends
    /// is then a matter of counting, and no time need be looked at.
    fn spacing(&self, times_ms: &[i64]) -> Option<Spacing> {
        let (&first_ms, &second_ms) = (times_ms.first()?, times_ms.get(1)?);
        let stride_ms = self.stride_ms();
        let interval_ms = second_ms.wrapping_sub(first_ms);
        if interval_ms <= 0 || stride_ms == 0 || stride_ms % interval_ms != 0 {
            return None;
        }
        // Without leaving early, so that it vectorises.
        let is_regular = times_ms
            .iter()
            .zip(&times_ms[1..])
            .fold(true, |regular, (left, right)| {
                regular & (right.wrapping_sub(*left) == interval_ms)
            });
        is_regular.then_some(Spacing {
            first_ms,
            interval_ms,
            per_step: stride_ms / interval_ms,
            count: times_ms.len(),
        })
    }
}

/// Equally spaced samples, and windows that move by whole intervals.
#[derive(Debug, Clone, Copy)]
struct Spacing {
    first_ms: i64,
    interval_ms: i64,
    /// Positive.
    per_step: i64,
    count: usize,
}

impl Spacing {
    /// How many samples there would be up to a limit if they went on in both directions.
    fn place(&self, limit_ms: i64) -> Option<i64> {
        let distance_ms = limit_ms.checked_sub(self.first_ms)?;
        distance_ms.div_euclid(self.interval_ms).checked_add(1)
    }

    /// How many there are.
    #[inline(always)]
    fn position(&self, place: i64) -> usize {
        place.clamp(0, self.count as i64) as usize
    }

    /// The steps, of `len`, whose limit is not before the first sample nor an interval after the last,
    /// if that of the first step is at `place`.
    fn steps_within(&self, place: i64, len: usize) -> std::ops::Range<usize> {
        let first = self.steps_until(place, 1).min(len);
        let end = self.steps_until(place, self.count as i64 + 1).min(len);
        first..end.max(first)
    }

    /// After how many steps the place is at least `wanted`.
    fn steps_until(&self, place: i64, wanted: i64) -> usize {
        let missing = wanted.saturating_sub(place).max(0) as u64;
        usize::try_from(missing.div_ceil(self.per_step as u64)).unwrap_or(usize::MAX)
    }

    /// The place after as many steps, which is within the samples.
    fn after(&self, place: i64, steps: usize) -> usize {
        let moved = (steps as i64).saturating_mul(self.per_step);
        self.position(place.saturating_add(moved))
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
