//! What the operators do with two numbers.

use crate::BinaryOp;
use crate::plan::BinaryScalarNode;

use super::super::column::{ABSENT, is_absent};
use super::super::scalar::ScalarColumn;

/// `None` for operators that are not arithmetic.
#[inline]
pub(crate) fn arithmetic(op: BinaryOp, left: f64, right: f64) -> Option<f64> {
    Some(match op {
        BinaryOp::Add => left + right,
        BinaryOp::Sub => left - right,
        BinaryOp::Mul => left * right,
        BinaryOp::Div => left / right,
        BinaryOp::Mod => left % right,
        BinaryOp::Pow => left.powf(right),
        BinaryOp::Atan2 => left.atan2(right),
        _ => return None,
    })
}

/// `None` for operators that do not compare.
#[inline]
fn comparison(op: BinaryOp, left: f64, right: f64) -> Option<bool> {
    Some(match op {
        BinaryOp::Equal => left == right,
        BinaryOp::NotEqual => left != right,
        BinaryOp::Less => left < right,
        BinaryOp::LessOrEqual => left <= right,
        BinaryOp::Greater => left > right,
        BinaryOp::GreaterOrEqual => left >= right,
        _ => return None,
    })
}

/// Two elements of vectors: a comparison gives the left one or nothing, or with `bool` 0 or 1.
/// Floats cannot be trimmed.
#[inline(always)]
pub(super) fn elements(op: BinaryOp, return_bool: bool, left: f64, right: f64) -> f64 {
    match comparison(op, left, right) {
        Some(holds) if return_bool => f64::from(u8::from(holds)),
        Some(true) => left,
        Some(false) => ABSENT,
        None => arithmetic(op, left, right).unwrap_or(ABSENT),
    }
}

/// Monomorphic loops for the operators of every dashboard, one generic loop for the rest.
pub(super) fn vector_scalar(node: &BinaryScalarNode, values: &mut [f64], scalar: &ScalarColumn) {
    let op = node.op;
    let return_bool = node.return_bool;
    if let ScalarColumn::Constant(constant) = *scalar {
        match (op, node.scalar_left) {
            (BinaryOp::Mul, _) => return each(values, |value| value * constant),
            (BinaryOp::Add, _) => return each(values, |value| value + constant),
            (BinaryOp::Div, false) => return each(values, |value| value / constant),
            (BinaryOp::Sub, false) => return each(values, |value| value - constant),
            (BinaryOp::Sub, true) => return each(values, |value| constant - value),
            _ => {}
        }
    }
    for (step, value) in values.iter_mut().enumerate() {
        if is_absent(*value) {
            continue;
        }
        let scalar = scalar.at(step);
        *value = if !node.scalar_left {
            elements(op, return_bool, *value, scalar)
        } else if op.is_comparison() && !return_bool {
            // What is kept is the vector's value, on whichever side it stands.
            match comparison(op, scalar, *value) {
                Some(true) => *value,
                _ => ABSENT,
            }
        } else {
            elements(op, return_bool, scalar, *value)
        };
    }
}

#[inline(always)]
fn each(values: &mut [f64], function: impl Fn(f64) -> f64) {
    for value in values {
        let result = function(*value);
        *value = if is_absent(*value) { ABSENT } else { result };
    }
}

pub(super) fn is_trim(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::TrimUpper | BinaryOp::TrimLower)
}

/// Whether the result is another metric, so that the name goes.
pub(super) fn changes_schema(op: BinaryOp) -> bool {
    arithmetic(op, 0.0, 0.0).is_some()
}
