//! Collected series, and the rule that no two share their labels.

use hashbrown::HashMap;
use vigie_model::Labels;

use crate::EvalError;

use super::column::{StepSeries, is_absent};
use super::memory::{Charge, Held, Memory};

/// Series held in memory, in the order they came.
#[derive(Debug)]
pub(crate) struct Collected<'m> {
    pub series: Vec<StepSeries>,
    charge: Charge<'m>,
}

impl<'m> Collected<'m> {
    pub(crate) fn new(memory: &'m Memory) -> Collected<'m> {
        Collected {
            series: Vec::new(),
            charge: memory.empty_charge(),
        }
    }

    /// As [`Charge::stays_small_with`].
    pub(crate) fn stays_small_with(&self, series: &StepSeries) -> bool {
        self.charge.stays_small_with(series)
    }

    /// The series without the guard of their charge.
    pub(crate) fn into_held(self) -> (Vec<StepSeries>, Held) {
        (self.series, self.charge.into_held())
    }

    /// Takes the series' columns; what is left is empty.
    pub(crate) fn push(&mut self, series: &mut StepSeries) -> Result<(), EvalError> {
        self.charge.grow_by_series(series)?;
        self.series.push(std::mem::take(series));
        Ok(())
    }
}

/// Collects series of which several may have the same labels: those are joined into one as long as
/// no step has two values.
#[derive(Debug)]
pub(crate) struct Merger<'m> {
    collected: Collected<'m>,
    positions: HashMap<Labels, usize>,
}

impl<'m> Merger<'m> {
    pub(crate) fn new(memory: &'m Memory) -> Merger<'m> {
        Merger {
            collected: Collected::new(memory),
            positions: HashMap::new(),
        }
    }

    /// Takes the series' columns, unless it is joined to an earlier one. An empty one is left out.
    pub(crate) fn push(&mut self, series: &mut StepSeries) -> Result<(), EvalError> {
        if series.is_empty() {
            return Ok(());
        }
        if let Some(&position) = self.positions.get(&series.labels) {
            return join(&mut self.collected.series[position], series);
        }
        self.positions
            .insert(series.labels.clone(), self.collected.series.len());
        self.collected.push(series)
    }

    /// As [`Merger::push`], but equal labels are an error even where the steps differ, as Prometheus
    /// has it for range functions.
    pub(crate) fn push_unique(&mut self, series: &mut StepSeries) -> Result<(), EvalError> {
        if !series.is_empty() && self.positions.contains_key(&series.labels) {
            return Err(duplicate_labels());
        }
        self.push(series)
    }

    pub(crate) fn finish(self) -> Collected<'m> {
        self.collected
    }
}

fn join(into: &mut StepSeries, from: &StepSeries) -> Result<(), EvalError> {
    for step in 0..from.values.len() {
        if from.is_present(step) && into.is_present(step) {
            return Err(duplicate_labels());
        }
    }
    for (target, value) in into.values.iter_mut().zip(&from.values) {
        if !is_absent(*value) {
            *target = *value;
        }
    }
    if !from.histograms.is_empty() {
        into.histograms.extend(from.histograms.iter().cloned());
        into.histograms.sort_by_key(|(step, _)| *step);
    }
    Ok(())
}

pub(crate) fn duplicate_labels() -> EvalError {
    EvalError::Execution("vector cannot contain metrics with the same labelset".to_owned())
}
