//! Instant vector selectors.

use std::sync::Arc;

use vigie_model::{CounterResetHint, is_stale_nan};

use crate::plan::{Grid, InstantSelector, SampleTime, Timing};
use crate::{EvalError, SelectRequest, Series};

use super::column::{ABSENT, StepSeries, admit};
use super::evaluator::{Evaluator, Sink};
use super::memory::Charge;
use super::window::{Windows, drop_stale};

impl Evaluator<'_> {
    /// Pulls the series of a selection one by one. Their samples are charged while they are visited.
    pub(crate) fn each_series(
        &self,
        selection: usize,
        visit: &mut dyn FnMut(&mut Series) -> Result<(), EvalError>,
    ) -> Result<(), EvalError> {
        match self.plan.selections().get(selection) {
            Some(request) => self.each_series_of(selection, request, visit),
            None => Ok(()),
        }
    }

    /// `request` is the selection's, or a narrower one.
    pub(crate) fn each_series_of(
        &self,
        selection: usize,
        request: &SelectRequest,
        visit: &mut dyn FnMut(&mut Series) -> Result<(), EvalError>,
    ) -> Result<(), EvalError> {
        if request.end_ms < request.start_ms {
            return Ok(());
        }
        let failed = |error| self.read_failed(error);
        let mut set = self.source.select(request).map_err(failed)?;
        let mut series = Series::default();
        while let Some(mut batch) = set.next_batch().map_err(failed)? {
            while batch.next_into(&mut series).map_err(failed)? {
                let _held = self.account(selection, &series)?;
                visit(&mut series)?;
            }
        }
        Ok(())
    }

    /// Counts a series that was read, and charges it for as long as the charge is held.
    pub(crate) fn account(&self, selection: usize, series: &Series) -> Result<Charge<'_>, EvalError> {
        let histograms = series.histograms.iter();
        let samples = series.timestamps_ms.len()
            + histograms
                .map(|(_, histogram)| histogram.size_in_samples())
                .sum::<usize>();
        self.count_read(samples);
        self.work(samples)?;
        let histogram_bytes: usize = series
            .histograms
            .iter()
            .map(|(_, histogram)| histogram.size_bytes())
            .sum();
        let bytes = 16 * series.timestamps_ms.capacity()
            + 8 * (series.starts_ms.capacity() + series.histogram_starts_ms.capacity())
            + histogram_bytes
            + series.labels.as_packed().len();
        if let Some(profile) = &self.profile {
            profile.add_read(selection, samples as u64, bytes as u64);
        }
        self.memory.charge(samples as u64, bytes as u64)
    }

    /// The newest sample within the lookback at each step, or its time in seconds.
    pub(crate) fn select_instant(
        &self,
        selector: &InstantSelector,
        grid: Grid,
        wanted: Option<SampleTime>,
        sink: &mut Sink<'_>,
    ) -> Result<(), EvalError> {
        let lookback_ms = self.plan.params().lookback_ms;
        self.each_column(selector.selection, sink, &|series, _, out| {
            if selector.derives_hints {
                derive_hints(series);
            }
            out.reset(std::mem::take(&mut series.labels), grid.len);
            // Times are those of the samples themselves, which Prometheus does not interpolate.
            if selector.smoothed && wanted.is_none() {
                drop_stale(series);
                smooth(series, selector.timing, lookback_ms, grid, &mut out.values);
                if !series.histograms.is_empty() {
                    super::window::smooth_histograms(self, selector, series, grid, out);
                }
            } else {
                newest(series, selector.timing, lookback_ms, grid, wanted, out);
            }
            self.work(grid.len)
        })
    }
}

/// Compares each histogram that has no hint with the one before.
pub(crate) fn derive_hints(series: &mut Series) {
    for at in 1..series.histograms.len() {
        let (before, from) = series.histograms.split_at_mut(at);
        let (Some((_, previous)), Some((_, current))) = (before.last(), from.first_mut()) else {
            return;
        };
        if current.counter_reset_hint == CounterResetHint::Unknown && !current.is_stale() {
            current.counter_reset_hint = if current.is_reset_after(previous) {
                CounterResetHint::Reset
            } else {
                CounterResetHint::NotReset
            };
        }
    }
}

/// The lookback is open on the left; a staleness marker ends the series.
pub(crate) fn newest(
    series: &Series,
    timing: Timing,
    lookback_ms: i64,
    grid: Grid,
    wanted: Option<SampleTime>,
    out: &mut StepSeries,
) {
    if !series.histograms.is_empty() {
        return newest_of_both(series, timing, lookback_ms, grid, wanted, out);
    }
    let windows = Windows {
        grid,
        timing,
        before_ms: lookback_ms,
        ahead_ms: 0,
    };
    let count = series.timestamps_ms.len().min(series.values.len());
    let (times, values) = (&series.timestamps_ms[..count], &series.values[..count]);
    match wanted {
        None => windows.each_newest(times, &mut out.values, |newest| {
            let value = values[newest];
            let is_stale = is_stale_nan(value);
            if is_stale { ABSENT } else { admit(value) }
        }),
        Some(time) => windows.each_newest(times, &mut out.values, |newest| {
            if is_stale_nan(values[newest]) {
                return ABSENT;
            }
            seconds(time, times[newest], &series.starts_ms, newest)
        }),
    }
}

/// A time of the sample at `at`, which was taken at `taken_ms`.
fn seconds(time: SampleTime, taken_ms: i64, starts_ms: &[i64], at: usize) -> f64 {
    let time_ms = match time {
        SampleTime::Taken => taken_ms,
        SampleTime::Start => starts_ms.get(at).copied().unwrap_or_default(),
    };
    time_ms as f64 / 1000.0
}

/// The same where floats and histograms alternate.
fn newest_of_both(
    series: &Series,
    timing: Timing,
    lookback_ms: i64,
    grid: Grid,
    wanted: Option<SampleTime>,
    out: &mut StepSeries,
) {
    let timestamps_ms = &series.timestamps_ms;
    let count = timestamps_ms.len().min(series.values.len());
    let mut after = 0;
    let mut histograms_after = 0;
    for (step, value) in out.values.iter_mut().enumerate() {
        let time_ms = timing.data_time_ms(grid.time_ms(step));
        while after < count && timestamps_ms[after] <= time_ms {
            after += 1;
        }
        let oldest_ms = time_ms.saturating_sub(lookback_ms);
        let float = (after > 0 && timestamps_ms[after - 1] > oldest_ms).then(|| after - 1);
        if !series.histograms.is_empty() {
            let all = &series.histograms;
            while histograms_after < all.len() && all[histograms_after].0 <= time_ms {
                histograms_after += 1;
            }
            let newest = histograms_after.checked_sub(1).map(|at| &all[at]);
            let is_newer = |at_ms: i64| float.is_none_or(|float| timestamps_ms[float] < at_ms);
            if let Some((at_ms, histogram)) =
                newest.filter(|(at_ms, _)| *at_ms > oldest_ms && is_newer(*at_ms))
            {
                if is_stale_nan(histogram.sum) {
                    continue;
                }
                match wanted {
                    None => out.histograms.push((step, Arc::new(histogram.clone()))),
                    Some(time) => {
                        let starts_ms = &series.histogram_starts_ms;
                        *value = seconds(time, *at_ms, starts_ms, histograms_after - 1);
                    }
                }
                continue;
            }
        }
        if let Some(float) = float
            && !is_stale_nan(series.values[float])
        {
            *value = match wanted {
                None => admit(series.values[float]),
                Some(time) => seconds(time, timestamps_ms[float], &series.starts_ms, float),
            };
        }
    }
}

/// Between two samples the value on the line between them; after the last one, that one.
fn smooth(series: &Series, timing: Timing, lookback_ms: i64, grid: Grid, out: &mut [f64]) {
    let windows = Windows {
        grid,
        timing,
        before_ms: lookback_ms,
        ahead_ms: lookback_ms,
    };
    let times = &series.timestamps_ms;
    let values = &series.values;
    windows.slide(times, |step, low, high| {
        let time_ms = timing.data_time_ms(grid.time_ms(step));
        let next = low + times[low..high].partition_point(|at_ms| *at_ms < time_ms);
        if next < high && times[next] == time_ms {
            out[step] = values[next];
        } else if next > low && next < high {
            let (t1, t2) = (times[next - 1], times[next]);
            // The product first, as Prometheus has it.
            let product = (values[next] - values[next - 1]) * (time_ms - t1) as f64;
            out[step] = values[next - 1] + product / (t2 - t1) as f64;
        } else if next > low {
            out[step] = values[next - 1];
        }
    });
}
