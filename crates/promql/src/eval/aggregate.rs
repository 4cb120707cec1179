//! Aggregation operators.

mod count_values;
mod fold;
mod group;
mod histograms;
mod rank;

use vigie_model::Labels;

use crate::plan::{AggregateNode, Grid};
use crate::{AggregateOp, EvalError};

use super::column::StepSeries;
use super::evaluator::{Evaluator, Sink};
use super::histogram_sum::FoldKind;
use super::notes;
use super::scalar::ScalarColumn;

use fold::Accumulator;
use group::Groups;
use histograms::HistogramColumn;

impl Evaluator<'_> {
    pub(crate) fn aggregate(
        &self,
        node: &AggregateNode,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), EvalError> {
        let param = match &node.param {
            Some(param) => self.scalar(param, grid)?,
            None => ScalarColumn::Constant(f64::NAN),
        };
        match node.op {
            AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk | AggregateOp::LimitRatio => {
                self.rank(node, &param, grid, sink)
            }
            AggregateOp::Quantile => self.quantiles(node, &param, grid, sink),
            AggregateOp::CountValues => self.count_values(node, grid, sink),
            _ => self.fold(node, grid, sink),
        }
    }

    /// Adds each series to its group's accumulator as it comes and forgets it.
    fn fold(&self, node: &AggregateNode, grid: Grid, sink: &mut Sink<'_>) -> Result<(), EvalError> {
        struct Group {
            labels: Labels,
            drop_name: bool,
            accumulator: Accumulator,
            histograms: HistogramColumn,
        }
        let kind = match node.op {
            AggregateOp::Sum => Some(FoldKind::Sum),
            AggregateOp::Avg => Some(FoldKind::Mean),
            _ => None,
        };
        let mut groups = Groups::new(&node.grouping);
        let mut states: Vec<Group> = Vec::new();
        let mut charge = self.memory.empty_charge();
        self.vector(&node.input, grid, &mut |series| {
            if series.is_empty() {
                return Ok(());
            }
            let position = groups.position(&series.labels);
            if position == states.len() {
                let accumulator = Accumulator::new(node.op, grid.len);
                charge.grow(0, accumulator.size_bytes())?;
                states.push(Group {
                    labels: groups.labels(&series.labels),
                    drop_name: false,
                    accumulator,
                    histograms: HistogramColumn::default(),
                });
            }
            let group = &mut states[position];
            group.drop_name |= series.drop_name;
            group.accumulator.add(&series.values);
            if series.histograms.is_empty() {
            } else if let Some(kind) = kind {
                let floats = &group.accumulator;
                group
                    .histograms
                    .add(self, node, kind, series, floats, &mut charge)?;
            } else {
                self.fold_histograms(node, series, &mut group.accumulator);
            }
            self.work(grid.len)
        })?;
        for group in states {
            let mut out = StepSeries {
                labels: group.labels,
                drop_name: group.drop_name,
                values: group.accumulator.finish(),
                histograms: Vec::new(),
            };
            group.histograms.finish(self, node, &mut out);
            sink(&mut out)?;
        }
        Ok(())
    }

    /// count and group take histograms; operators that are defined for floats only leave them out and
    /// say so.
    fn fold_histograms(&self, node: &AggregateNode, series: &StepSeries, accumulator: &mut Accumulator) {
        let operator = match node.op {
            AggregateOp::Count | AggregateOp::Group => {
                for (step, _) in &series.histograms {
                    accumulator.add_at(*step);
                }
                return;
            }
            AggregateOp::Min => "min",
            AggregateOp::Max => "max",
            AggregateOp::Stddev => "stddev",
            AggregateOp::Stdvar => "stdvar",
            _ => return,
        };
        self.note(node.input_span, notes::histogram_ignored_in_aggregation(operator));
    }
}
