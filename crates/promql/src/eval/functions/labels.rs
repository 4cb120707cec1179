//! label_replace and label_join.

use vigie_model::METRIC_NAME;

use crate::EvalError;
use crate::plan::{Grid, LabelReplace, VectorNode};

use super::super::column::StepSeries;
use super::super::evaluator::{Evaluator, Sink, push_all};
use super::super::merge::Merger;

impl Evaluator<'_> {
    pub(crate) fn label_replace(
        &self,
        call: &LabelReplace,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), EvalError> {
        self.relabel(&call.input, grid, sink, &mut |series| {
            let source = series.labels.get(&call.source).unwrap_or_default();
            let Some(captures) = call.regex.captures(source) else {
                return;
            };
            let mut value = String::new();
            captures.expand(&call.replacement, &mut value);
            set_label(series, &call.target, value);
        })
    }

    pub(crate) fn label_join(
        &self,
        (input, grid): (&VectorNode, Grid),
        target: &str,
        separator: &str,
        sources: &[String],
        sink: &mut Sink<'_>,
    ) -> Result<(), EvalError> {
        self.relabel(input, grid, sink, &mut |series| {
            let parts: Vec<&str> = sources
                .iter()
                .map(|source| series.labels.get(source).unwrap_or_default())
                .collect();
            let value = parts.join(separator);
            set_label(series, target, value);
        })
    }

    fn relabel(
        &self,
        input: &VectorNode,
        grid: Grid,
        sink: &mut Sink<'_>,
        edit: &mut dyn FnMut(&mut StepSeries),
    ) -> Result<(), EvalError> {
        let mut merger = Merger::new(&self.memory);
        self.vector(input, grid, &mut |series| {
            edit(series);
            merger.push(series)
        })?;
        push_all(merger.finish(), sink)
    }
}

fn set_label(series: &mut StepSeries, name: &str, value: String) {
    series.labels = series.labels.to_builder().set(name, value).build();
    if name == METRIC_NAME {
        series.drop_name = false;
    }
}
