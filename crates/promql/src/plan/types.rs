//! The type of an expression, without evaluating it.

use crate::{Expr, ExprKind, ValueType};

pub(crate) fn value_type(expr: &Expr) -> ValueType {
    match &expr.kind {
        ExprKind::Number { .. } => ValueType::Scalar,
        ExprKind::String(_) => ValueType::String,
        ExprKind::Vector(_) | ExprKind::Aggregate(_) => ValueType::Vector,
        ExprKind::Matrix(_) | ExprKind::Subquery(_) => ValueType::Matrix,
        ExprKind::Unary { operand, .. } => value_type(operand),
        ExprKind::Paren(inner) => value_type(inner),
        ExprKind::Binary(binary) => {
            if value_type(&binary.left) == ValueType::Scalar && value_type(&binary.right) == ValueType::Scalar
            {
                ValueType::Scalar
            } else {
                ValueType::Vector
            }
        }
        ExprKind::Call(call) => match call.function {
            "time" | "pi" | "scalar" | "start" | "end" | "range" | "step" | "min_of" | "max_of" => {
                ValueType::Scalar
            }
            _ => ValueType::Vector,
        },
    }
}

/// The words Prometheus uses.
pub(crate) fn type_name(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::Scalar => "scalar",
        ValueType::String => "string",
        ValueType::Vector => "instant vector",
        ValueType::Matrix => "range vector",
    }
}

/// The expression within any parentheses.
pub(crate) fn unwrap_parens(mut expr: &Expr) -> &Expr {
    while let ExprKind::Paren(inner) = &expr.kind {
        expr = inner;
    }
    expr
}
