//! absent() and what it shares with absent_over_time().

use vigie_model::Labels;

use crate::EvalError;
use crate::plan::{Grid, VectorNode};

use super::column::{StepSeries, StepSet};
use super::evaluator::{Evaluator, Sink};

impl Evaluator<'_> {
    pub(crate) fn absent(
        &self,
        input: &VectorNode,
        labels: &Labels,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), EvalError> {
        let mut found = StepSet::new(grid.len);
        self.vector(input, grid, &mut |series| {
            found.insert_present(series);
            self.work(grid.len)
        })?;
        self.push_missing(&found, labels, grid, sink)
    }

    /// One series that is 1 at the steps that are not in the set; none if all are.
    pub(crate) fn push_missing(
        &self,
        found: &StepSet,
        labels: &Labels,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), EvalError> {
        if found.count() == grid.len {
            return Ok(());
        }
        let mut series = StepSeries::new(labels.clone(), grid.len);
        for (step, value) in series.values.iter_mut().enumerate() {
            if !found.contains(step) {
                *value = 1.0;
            }
        }
        sink(&mut series)
    }
}
