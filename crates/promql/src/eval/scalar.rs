//! Scalars: one number per step.

use crate::plan::{Grid, ScalarNode};
use crate::{BinaryOp, EvalError};

use super::column::is_absent;
use super::evaluator::Evaluator;
use super::functions::{go_max, go_min};

/// A scalar over the grid.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ScalarColumn {
    Constant(f64),
    Steps(Vec<f64>),
}

impl ScalarColumn {
    #[inline]
    pub(crate) fn at(&self, step: usize) -> f64 {
        match self {
            ScalarColumn::Constant(value) => *value,
            ScalarColumn::Steps(values) => values[step],
        }
    }

    pub(crate) fn write(&self, target: &mut [f64]) {
        match self {
            ScalarColumn::Constant(value) => target.fill(*value),
            ScalarColumn::Steps(values) => target.copy_from_slice(values),
        }
    }

    /// The distinct extremes, for checks of a parameter: least, greatest, and whether any is NaN.
    pub(crate) fn extremes(&self) -> (f64, f64, bool) {
        let values = match self {
            ScalarColumn::Constant(value) => std::slice::from_ref(value),
            ScalarColumn::Steps(values) => values,
        };
        values.iter().fold(
            (f64::INFINITY, f64::NEG_INFINITY, false),
            |(least, greatest, any_nan), &value| {
                (least.min(value), greatest.max(value), any_nan | value.is_nan())
            },
        )
    }

    fn map(self, function: impl Fn(f64) -> f64) -> ScalarColumn {
        match self {
            ScalarColumn::Constant(value) => ScalarColumn::Constant(function(value)),
            ScalarColumn::Steps(mut values) => {
                values.iter_mut().for_each(|value| *value = function(*value));
                ScalarColumn::Steps(values)
            }
        }
    }

    fn combine(self, other: ScalarColumn, grid: Grid, function: impl Fn(f64, f64) -> f64) -> ScalarColumn {
        if let (ScalarColumn::Constant(left), ScalarColumn::Constant(right)) = (&self, &other) {
            return ScalarColumn::Constant(function(*left, *right));
        }
        ScalarColumn::Steps(
            (0..grid.len)
                .map(|step| function(self.at(step), other.at(step)))
                .collect(),
        )
    }
}

impl Evaluator<'_> {
    pub(crate) fn scalar(&self, node: &ScalarNode, grid: Grid) -> Result<ScalarColumn, EvalError> {
        self.memory.check(grid.len)?;
        self.work(grid.len)?;
        Ok(match node {
            ScalarNode::Number(value) => ScalarColumn::Constant(*value),
            ScalarNode::Time => ScalarColumn::Steps(
                (0..grid.len)
                    .map(|step| grid.time_ms(step) as f64 / 1000.0)
                    .collect(),
            ),
            ScalarNode::Negate(operand) => self.scalar(operand, grid)?.map(|value| -value),
            ScalarNode::Binary { op, left, right } => {
                let left = self.scalar(left, grid)?;
                let right = self.scalar(right, grid)?;
                left.combine(right, grid, |left, right| scalar_operation(*op, left, right))
            }
            ScalarNode::MinOf(left, right) => {
                let left = self.scalar(left, grid)?;
                left.combine(self.scalar(right, grid)?, grid, go_min)
            }
            ScalarNode::MaxOf(left, right) => {
                let left = self.scalar(left, grid)?;
                left.combine(self.scalar(right, grid)?, grid, go_max)
            }
            ScalarNode::FromVector(input) => {
                let mut values = vec![f64::NAN; grid.len];
                let mut found = vec![false; grid.len];
                self.vector(input, grid, &mut |series| {
                    for (step, &value) in series.values.iter().enumerate() {
                        if !is_absent(value) {
                            values[step] = if found[step] { f64::NAN } else { value };
                            found[step] = true;
                        }
                    }
                    self.work(grid.len)
                })?;
                ScalarColumn::Steps(values)
            }
            ScalarNode::Repeat(inner) => {
                let once = self.scalar(inner, grid.first())?;
                if grid.len == 0 {
                    ScalarColumn::Steps(Vec::new())
                } else {
                    ScalarColumn::Constant(once.at(0))
                }
            }
        })
    }
}

/// Between two scalars a comparison gives 0 or 1. Set operators and trims do not exist there and
/// give NaN.
pub(crate) fn scalar_operation(op: BinaryOp, left: f64, right: f64) -> f64 {
    let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
    match op {
        BinaryOp::Equal => truth(left == right),
        BinaryOp::NotEqual => truth(left != right),
        BinaryOp::Less => truth(left < right),
        BinaryOp::LessOrEqual => truth(left <= right),
        BinaryOp::Greater => truth(left > right),
        BinaryOp::GreaterOrEqual => truth(left >= right),
        _ => super::binary::arithmetic(op, left, right).unwrap_or(f64::NAN),
    }
}
