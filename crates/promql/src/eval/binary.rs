//! Binary operators with at least one vector.

mod matching;
mod operation;
mod pair;
mod set;

use crate::plan::{BinaryNode, BinaryScalarNode, Grid};
use crate::{BinaryOp, EvalError};

use super::column::is_absent;
use super::evaluator::{Evaluator, Sink};
use super::notes;

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
                    self.note_histogram_operand(node);
                    series.histograms.clear();
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
    fn note_histogram_operand(&self, node: &BinaryScalarNode) {
        let combines = match node.op {
            BinaryOp::Mul => true,
            BinaryOp::Div | BinaryOp::TrimUpper | BinaryOp::TrimLower => !node.scalar_left,
            _ => false,
        };
        if combines {
            return;
        }
        let (left, right) = if node.scalar_left {
            ("float", "histogram")
        } else {
            ("histogram", "float")
        };
        self.note(
            node.span,
            notes::incompatible_types(left, node.op.as_str(), right),
        );
    }
}
