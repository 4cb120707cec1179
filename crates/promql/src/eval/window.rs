//! Functions of the samples in a window that slides over the grid.
//!
//! Each series is computed as it streams in and its samples are dropped. Windows slide with two
//! pointers; what a step needs is kept up incrementally wherever that gives Prometheus's result,
//! and computed afresh where it would drift.

mod compute;
mod extended;
mod extremes;
mod histogram_extended;
mod histogram_rate;
mod histograms;
mod order;
mod rate;
mod remarks;
mod started;
mod starts;
mod sums;
mod trend;
mod windows;

use vigie_model::{CounterResetHint, Labels, is_stale_nan};

use crate::plan::{Grid, RangeCall, RangeFunction, RangeInput, RangeSamples};
use crate::{EvalError, MatrixSeries, Series};

use super::column::{StepSeries, StepSet, admit, is_absent};
use super::evaluator::{Evaluator, Sink, push_all};
use super::merge::Merger;
use super::notes;
use super::selector::derive_hints;

pub(crate) use histogram_extended::smooth as smooth_histograms;
pub(crate) use order::quantile;
pub(crate) use windows::Windows;

use compute::compute;

pub(crate) use compute::Scratch;

impl Evaluator<'_> {
    pub(crate) fn range_call(
        &self,
        call: &RangeCall,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), EvalError> {
        let may_collide = !call.function.keeps_name() && !call.input.has_one_name();
        if !may_collide || self.plan.params().delayed_name_removal {
            return self.range_series(call, grid, sink);
        }
        let mut merger = Merger::new(&self.memory);
        self.range_series(call, grid, &mut |series| merger.push_unique(series))?;
        push_all(merger.finish(), sink)
    }

    fn range_series(&self, call: &RangeCall, grid: Grid, sink: &mut Sink<'_>) -> Result<(), EvalError> {
        let params = self.scalars(&call.params, grid)?;
        let windows = self.windows(&call.input, grid);
        let compute_one = |series: &mut Series, scratch: &mut Scratch, out: &mut StepSeries| {
            self.range_column(call, &params, &windows, series, scratch, out)
        };
        match &call.input.samples {
            RangeSamples::Selection {
                selection,
                derives_hints,
                ..
            } => self.each_column(*selection, sink, &|series, scratch, out| {
                drop_stale(series);
                if *derives_hints {
                    derive_hints(series);
                }
                compute_one(series, scratch, out)
            }),
            RangeSamples::Subquery { .. } => {
                let mut scratch = Scratch::default();
                let mut out = StepSeries::default();
                self.each_range_series(&call.input, grid, &mut |series, drop_name| {
                    compute_one(series, &mut scratch, &mut out)?;
                    out.drop_name |= drop_name;
                    sink(&mut out)
                })
            }
        }
    }

    /// Computes the function over one series, whose labels it takes.
    fn range_column(
        &self,
        call: &RangeCall,
        params: &[super::scalar::ScalarColumn],
        windows: &Windows,
        series: &mut Series,
        scratch: &mut Scratch,
        out: &mut StepSeries,
    ) -> Result<(), EvalError> {
        out.reset(Labels::empty(), windows.grid.len);
        if !self.plan.params().use_start_timestamps {
            series.starts_ms.clear();
            series.histogram_starts_ms.clear();
        }
        if started::applies(call, series) {
            started::compute(self, call, series, windows, scratch, &mut out.values);
        } else {
            compute(
                call,
                &series.timestamps_ms,
                &series.values,
                windows,
                params,
                scratch,
                &mut out.values,
            )?;
        }
        if !series.histograms.is_empty() {
            histograms::account_for(self, call, series, windows, scratch, out);
        }
        self.note_range(call, series, params, out);
        self.work(series.values.len() + windows.grid.len)?;
        out.labels = std::mem::take(&mut series.labels);
        if !call.function.keeps_name() {
            self.drop_name(out);
        }
        Ok(())
    }

    fn note_range(
        &self,
        call: &RangeCall,
        series: &Series,
        params: &[super::scalar::ScalarColumn],
        out: &StepSeries,
    ) {
        match call.function {
            RangeFunction::Rate | RangeFunction::Increase => {
                if out.values.iter().all(|value| is_absent(*value)) {
                    return;
                }
                let name = series.labels.metric_name();
                if name.is_empty() {
                } else if self.plan.params().type_and_unit_labels {
                    let kind = series.labels.get("__type__").unwrap_or_default();
                    if !matches!(kind, "counter" | "histogram") {
                        self.note(call.input.span, notes::possible_non_counter_type(kind, name));
                    }
                } else if !["_total", "_sum", "_count", "_bucket"]
                    .iter()
                    .any(|suffix| name.ends_with(suffix))
                {
                    self.note(call.input.span, notes::possible_non_counter(name));
                }
            }
            RangeFunction::Quantile => {
                for (step, value) in out.values.iter().enumerate() {
                    let quantile = params[0].at(step);
                    if !is_absent(*value) && !(0.0..=1.0).contains(&quantile) {
                        self.note(call.input.span, notes::invalid_quantile(quantile));
                    }
                }
            }
            _ => {}
        }
    }

    pub(crate) fn absent_over_time(
        &self,
        input: &RangeInput,
        labels: &Labels,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), EvalError> {
        let windows = self.windows(input, grid);
        let mut found = StepSet::new(grid.len);
        self.each_range_series(input, grid, &mut |series, _| {
            windows.slide(&series.timestamps_ms, |step, _, _| {
                found.insert(step);
            });
            if !series.histograms.is_empty() {
                windows.slide(&histograms::times(series), |step, _, _| {
                    found.insert(step);
                });
            }
            self.work(series.values.len() + grid.len)
        })?;
        self.push_missing(&found, labels, grid, sink)
    }

    fn windows(&self, input: &RangeInput, grid: Grid) -> Windows {
        let lookback_ms = self.plan.params().lookback_ms;
        let (before_ms, ahead_ms) = match input.edge {
            None => (input.range_ms, 0),
            Some(crate::RangeEdge::Anchored) => (input.range_ms.saturating_add(lookback_ms), 0),
            Some(crate::RangeEdge::Smoothed) => (input.range_ms.saturating_add(lookback_ms), lookback_ms),
        };
        Windows {
            grid,
            timing: input.timing,
            before_ms,
            ahead_ms,
        }
    }

    /// The series a window slides over, without staleness markers, and whether each is to lose its
    /// name in the end.
    fn each_range_series(
        &self,
        input: &RangeInput,
        grid: Grid,
        visit: &mut dyn FnMut(&mut Series, bool) -> Result<(), EvalError>,
    ) -> Result<(), EvalError> {
        match &input.samples {
            RangeSamples::Selection {
                selection,
                derives_hints,
                ..
            } => {
                if grid.len == 0 {
                    return Ok(());
                }
                self.each_series(*selection, &mut |series| {
                    drop_stale(series);
                    if *derives_hints {
                        derive_hints(series);
                    }
                    visit(series, false)
                })
            }
            RangeSamples::Subquery { input, grid: inner } => {
                let mut samples = Series::default();
                self.vector(input, *inner, &mut |steps| {
                    let drop_name = steps.drop_name;
                    to_samples(steps, *inner, &mut samples);
                    let count = samples.timestamps_ms.len() as u64;
                    let _held = self.memory.charge(count, 16 * count)?;
                    self.work(inner.len)?;
                    visit(&mut samples, drop_name)
                })
            }
        }
    }
}

/// The samples of an instant query that is a range vector.
pub(crate) fn raw_matrix(
    evaluator: &Evaluator<'_>,
    input: &RangeInput,
    grid: Grid,
) -> Result<Vec<MatrixSeries>, EvalError> {
    let windows = evaluator.windows(input, grid);
    let mut rows = Vec::new();
    let mut held = evaluator.memory.empty_charge();
    evaluator.each_range_series(input, grid, &mut |series, _| {
        let mut row = MatrixSeries::default();
        windows.slide(&series.timestamps_ms, |_, low, high| {
            row.timestamps_ms = series.timestamps_ms[low..high].to_vec();
            row.values = series.values[low..high].to_vec();
        });
        windows.slide(&histograms::times(series), |_, low, high| {
            row.histograms = series.histograms[low..high].to_vec();
        });
        if row.timestamps_ms.is_empty() && row.histograms.is_empty() {
            return Ok(());
        }
        row.labels = std::mem::take(&mut series.labels);
        let count = (row.timestamps_ms.len() + row.histograms.len()) as u64;
        held.grow(count, 16 * count + row.labels.as_packed().len() as u64)?;
        rows.push(row);
        Ok(())
    })?;
    Ok(rows)
}

/// Removes staleness markers, and makes every value one that [`admit`] lets through.
pub(crate) fn drop_stale(series: &mut Series) {
    let count = series.timestamps_ms.len().min(series.values.len());
    series.timestamps_ms.truncate(count);
    series.values.truncate(count);
    // Nearly no series has a NaN, and this loop vectorises.
    let any_nan = series
        .values
        .iter()
        .fold(false, |any_nan, value| any_nan | value.is_nan());
    if any_nan {
        let mut kept = 0;
        for at in 0..count {
            let value = series.values[at];
            if !is_stale_nan(value) {
                series.values[kept] = admit(value);
                series.timestamps_ms[kept] = series.timestamps_ms[at];
                if let Some(&start_ms) = series.starts_ms.get(at) {
                    series.starts_ms[kept] = start_ms;
                }
                kept += 1;
            }
        }
        series.values.truncate(kept);
        series.timestamps_ms.truncate(kept);
        series.starts_ms.truncate(kept);
    }
    if !series.histogram_starts_ms.is_empty() {
        let mut is_stale = series
            .histograms
            .iter()
            .map(|(_, histogram)| histogram.is_stale());
        series
            .histogram_starts_ms
            .retain(|_| !is_stale.next().unwrap_or_default());
    }
    series.histograms.retain(|(_, histogram)| !histogram.is_stale());
}

fn to_samples(steps: &mut StepSeries, grid: Grid, samples: &mut Series) {
    samples.labels = std::mem::take(&mut steps.labels);
    samples.timestamps_ms.clear();
    samples.values.clear();
    samples.histograms.clear();
    for (step, &value) in steps.values.iter().enumerate() {
        if !is_absent(value) {
            samples.timestamps_ms.push(grid.time_ms(step));
            samples.values.push(value);
        }
    }
    for (step, histogram) in &steps.histograms {
        let mut histogram = (**histogram).clone();
        // What was known about resets was about the neighbours in the original series.
        if histogram.counter_reset_hint != CounterResetHint::Gauge {
            histogram.counter_reset_hint = CounterResetHint::Unknown;
        }
        samples.histograms.push((grid.time_ms(*step), histogram));
    }
}

#[cfg(test)]
mod tests;
