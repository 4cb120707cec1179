//! Native histograms in sums and means of groups.

use std::sync::Arc;

use vigie_model::FloatHistogram;

use crate::EvalError;
use crate::plan::AggregateNode;

use super::super::column::{ABSENT, StepSeries};
use super::super::evaluator::Evaluator;
use super::super::histogram_sum::{FoldKind, HistogramFold};
use super::super::memory::Charge;
use super::super::notes;
use super::fold::Accumulator;

/// The histograms of a group at a step.
#[derive(Debug)]
enum Cell {
    Fold(Box<HistogramFold>),
    /// A float came first.
    Mixed,
    /// Some do not go together; what comes after does not count.
    Incompatible {
        after_float: bool,
    },
}

/// The histograms of a group over the grid; takes no memory until there is one.
#[derive(Debug, Default)]
pub(super) struct HistogramColumn {
    cells: Vec<Option<Cell>>,
}

impl HistogramColumn {
    /// Adds a series whose floats are in the accumulator already.
    pub(super) fn add(
        &mut self,
        evaluator: &Evaluator<'_>,
        node: &AggregateNode,
        kind: FoldKind,
        series: &StepSeries,
        floats: &Accumulator,
        charge: &mut Charge<'_>,
    ) -> Result<(), EvalError> {
        if self.cells.is_empty() {
            charge.grow(0, (series.values.len() * size_of::<Option<Cell>>()) as u64)?;
            self.cells.resize_with(series.values.len(), || None);
        }
        for (step, histogram) in &series.histograms {
            let cell = &mut self.cells[*step];
            match cell {
                None if floats.has_value(*step) => *cell = Some(Cell::Mixed),
                None => {
                    let fold = HistogramFold::start(kind, histogram);
                    charge.grow(histogram.size_in_samples() as u64, fold.size_bytes() as u64)?;
                    *cell = Some(Cell::Fold(Box::new(fold)));
                }
                Some(Cell::Fold(fold)) => {
                    if fold.add(histogram).is_err() {
                        let name = series.labels.metric_name();
                        evaluator.note(node.input_span, notes::mixed_exponential_custom(name));
                        note_reconciled(evaluator, node, fold);
                        *cell = Some(Cell::Incompatible {
                            after_float: floats.has_value(*step),
                        });
                    }
                }
                Some(Cell::Mixed | Cell::Incompatible { .. }) => {}
            }
        }
        Ok(())
    }

    /// Puts the results into a column that has those of the floats.
    pub(super) fn finish(self, evaluator: &Evaluator<'_>, node: &AggregateNode, out: &mut StepSeries) {
        for (step, cell) in self.cells.into_iter().enumerate() {
            let Some(cell) = cell else { continue };
            let has_float = out.is_present(step);
            out.values[step] = ABSENT;
            let is_mixed = match &cell {
                Cell::Fold(fold) => {
                    note_reconciled(evaluator, node, fold);
                    has_float
                }
                Cell::Mixed => true,
                Cell::Incompatible { after_float } => *after_float,
            };
            if is_mixed {
                evaluator.note(node.input_span, notes::mixed_in_aggregation());
            } else if let Cell::Fold(fold) = cell {
                if fold.resets_collide() {
                    evaluator.note(node.input_span, notes::resets_collide("aggregation"));
                }
                let result: FloatHistogram = fold.finish();
                out.histograms.push((step, Arc::new(result)));
            }
        }
    }
}

fn note_reconciled(evaluator: &Evaluator<'_>, node: &AggregateNode, fold: &HistogramFold) {
    if fold.bounds_reconciled() {
        evaluator.note(node.input_span, notes::bounds_reconciled("aggregation"));
    }
}
