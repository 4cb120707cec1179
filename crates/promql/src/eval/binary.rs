//! Binary operators with at least one vector.

mod element;
mod matching;
mod operation;
mod pair;
mod set;

use std::sync::Arc;

use vigie_model::FloatHistogram;

use crate::plan::{BinaryNode, BinaryScalarNode, Grid};
use crate::{BinaryOp, EvalError};

use super::column::{StepSeries, is_absent};
use super::evaluator::{Evaluator, Sink};
use super::notes;
use super::scalar::ScalarColumn;

pub(crate) use operation::arithmetic;
use operation::{changes_schema, is_trim, vector_scalar};

impl Evaluator<'_> {
    pub(crate) fn binary(&self, node: &BinaryNode, grid: Grid, sink: &mut Sink<'_>) -> Result<(), EvalError> {
        match node.op {
            BinaryOp::And => self.keep_matched(node, true, grid, sink),
            BinaryOp::Unless => self.keep_matched(node, false, grid, sink),
            BinaryOp::Or => self.union(node, grid, sink),
            _ => self.pair(node, grid, sink),
        }
    }

    pub(crate) fn binary_scalar(
        &self,
        node: &BinaryScalarNode,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), EvalError> {
        let scalar = self.scalar(&node.scalar, grid)?;
        let drops_name = changes_schema(node.op) || node.return_bool;
        self.unique(drops_name && !node.vector.has_one_name(), sink, &mut |sink| {
            self.vector(&node.vector, grid, &mut |series| {
                if is_trim(node.op) && series.values.iter().any(|value| !is_absent(*value)) {
                    let symbol = node.op.as_str();
                    self.note(node.span, notes::incompatible_types("float", symbol, "float"));
                }
                if !series.histograms.is_empty() {
                    self.histograms_and_scalar(node, series, &scalar);
                }
                vector_scalar(node, &mut series.values, &scalar);
                if drops_name {
                    self.drop_name(series);
                }
                self.work(grid.len)?;
                sink(series)
            })
        })
    }

    /// Only some operators combine a histogram with a number; the others leave it out and say so.
    fn histograms_and_scalar(&self, node: &BinaryScalarNode, series: &mut StepSeries, scalar: &ScalarColumn) {
        let right_scalar = !node.scalar_left;
        let operation: fn(&mut FloatHistogram, f64) = match node.op {
            BinaryOp::Mul => FloatHistogram::mul,
            BinaryOp::Div if right_scalar => FloatHistogram::div,
            BinaryOp::TrimUpper if right_scalar => FloatHistogram::trim_above,
            BinaryOp::TrimLower if right_scalar => FloatHistogram::trim_below,
            _ => {
                let (left, right) = if node.scalar_left {
                    ("float", "histogram")
                } else {
                    ("histogram", "float")
                };
                let note = notes::incompatible_types(left, node.op.as_str(), right);
                self.note(node.span, note);
                series.histograms.clear();
                return;
            }
        };
        for (step, histogram) in &mut series.histograms {
            let histogram = Arc::make_mut(histogram);
            operation(histogram, scalar.at(*step));
            if matches!(node.op, BinaryOp::Mul | BinaryOp::Div) {
                histogram.compact(0);
            }
        }
    }
}
