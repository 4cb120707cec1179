//! count_values: how many series of a group have each value.

use hashbrown::HashMap;
use vigie_model::{Labels, format_go_f};

use crate::plan::{AggregateNode, Grid};
use crate::{EvalError, Grouping};

use super::super::column::{StepSeries, is_absent};
use super::super::evaluator::{Evaluator, Sink};
use super::super::memory::Charge;
use super::group::keeps;

impl Evaluator<'_> {
    pub(super) fn count_values(
        &self,
        node: &AggregateNode,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), EvalError> {
        let label = node.value_label.as_str();
        let mut rows = Rows {
            series: Vec::new(),
            positions: HashMap::new(),
            charge: self.memory.empty_charge(),
        };
        self.vector(&node.input, grid, &mut |series| {
            // Values repeat within a series, so their labels are made once.
            let mut by_value: HashMap<u64, usize> = HashMap::new();
            for (step, &value) in series.values.iter().enumerate() {
                if is_absent(value) {
                    continue;
                }
                let position = match by_value.get(&value.to_bits()) {
                    Some(&position) => position,
                    None => {
                        let labels = row_labels(node, &series.labels, label, format_go_f(value));
                        let position = rows.position(labels, grid)?;
                        by_value.insert(value.to_bits(), position);
                        position
                    }
                };
                rows.count(position, step);
            }
            for (step, histogram) in &series.histograms {
                let labels = row_labels(node, &series.labels, label, histogram.to_string());
                let position = rows.position(labels, grid)?;
                rows.count(position, *step);
            }
            self.work(grid.len)
        })?;
        rows.series.iter_mut().try_for_each(sink)
    }
}

/// The counts by labels.
struct Rows<'m> {
    series: Vec<StepSeries>,
    positions: HashMap<Labels, usize>,
    charge: Charge<'m>,
}

impl Rows<'_> {
    fn position(&mut self, labels: Labels, grid: Grid) -> Result<usize, EvalError> {
        if let Some(&position) = self.positions.get(&labels) {
            return Ok(position);
        }
        let row = StepSeries::new(labels.clone(), grid.len);
        self.charge.grow_by_series(&row)?;
        self.positions.insert(labels, self.series.len());
        self.series.push(row);
        Ok(self.series.len() - 1)
    }

    fn count(&mut self, position: usize, step: usize) {
        let count = &mut self.series[position].values[step];
        *count = if is_absent(*count) { 1.0 } else { *count + 1.0 };
    }
}

fn row_labels(node: &AggregateNode, labels: &Labels, label: &str, value: String) -> Labels {
    let mut builder = labels.to_builder();
    builder.set(label, value);
    builder.retain(|name| match &node.grouping {
        Grouping::By(_) => name == label || keeps(&node.grouping, name),
        Grouping::Without(_) => keeps(&node.grouping, name),
    });
    builder.build()
}
