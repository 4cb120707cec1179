//! Constants are computed while planning.

use crate::eval::scalar_operation;
use crate::{BinaryOp, ExprKind};

use super::ScalarNode;

pub(crate) fn negate(operand: ScalarNode) -> ScalarNode {
    match operand {
        ScalarNode::Number(value) => ScalarNode::Number(-value),
        other => ScalarNode::Negate(Box::new(other)),
    }
}

pub(crate) fn binary(op: BinaryOp, left: ScalarNode, right: ScalarNode) -> ScalarNode {
    match (&left, &right) {
        (ScalarNode::Number(left), ScalarNode::Number(right)) => {
            ScalarNode::Number(scalar_operation(op, *left, *right))
        }
        _ => ScalarNode::Binary {
            op,
            left: Box::new(left),
            right: Box::new(right),
        },
    }
}

/// Literals are cheaper to repeat than to wrap.
pub(crate) fn is_literal(kind: &ExprKind) -> bool {
    matches!(kind, ExprKind::Number { .. } | ExprKind::String(_))
}
