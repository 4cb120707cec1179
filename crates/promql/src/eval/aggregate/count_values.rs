//! count_values: how many series of a group have each value.

use hashbrown::HashMap;
use vigie_model::{Labels, format_go_f};

use crate::plan::{AggregateNode, Grid};
use crate::{EvalError, Grouping};

use super::super::column::{StepSeries, is_absent};
use super::super::evaluator::{Evaluator, Sink};
use super::group::keeps;

impl Evaluator<'_> {
    pub(super) fn count_values(
        &self,
        node: &AggregateNode,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), EvalError> {
        let label = node.value_label.as_str();
        let mut rows: Vec<StepSeries> = Vec::new();
        let mut positions: HashMap<Labels, usize> = HashMap::new();
        let mut charge = self.memory.empty_charge();
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
                        let labels = row_labels(node, &series.labels, label, value);
                        let position = match positions.get(&labels) {
                            Some(&position) => position,
                            None => {
                                let row = StepSeries::new(labels.clone(), grid.len);
                                charge.grow_by_series(&row)?;
                                positions.insert(labels, rows.len());
                                rows.push(row);
                                rows.len() - 1
                            }
                        };
                        by_value.insert(value.to_bits(), position);
                        position
                    }
                };
                let count = &mut rows[position].values[step];
                *count = if is_absent(*count) { 1.0 } else { *count + 1.0 };
            }
            self.work(grid.len)
        })?;
        rows.iter_mut().try_for_each(sink)
    }
}

fn row_labels(node: &AggregateNode, labels: &Labels, label: &str, value: f64) -> Labels {
    let mut builder = labels.to_builder();
    builder.set(label, format_go_f(value));
    builder.retain(|name| match &node.grouping {
        Grouping::By(_) => name == label || keeps(&node.grouping, name),
        Grouping::Without(_) => keeps(&node.grouping, name),
    });
    builder.build()
}
