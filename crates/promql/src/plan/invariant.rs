//! Which expressions have the same value at every step.

use crate::{Expr, ExprKind};

use super::build::unwrap_parens;

/// Whether the value does not depend on the evaluation time: selectors are pinned by `@`, and no
/// function looks at the time. Prometheus decides an aggregation by its input alone, so the
/// parameter of one over pinned series is that of the first step; the same here.
pub(crate) fn is_step_invariant(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Number { .. } | ExprKind::String(_) => true,
        ExprKind::Vector(selector) => selector.at.is_some(),
        ExprKind::Matrix(matrix) => matrix.selector.at.is_some(),
        ExprKind::Subquery(subquery) => subquery.at.is_some(),
        ExprKind::Unary { operand, .. } => is_step_invariant(operand),
        ExprKind::Paren(inner) => is_step_invariant(inner),
        ExprKind::Binary(binary) => is_step_invariant(&binary.left) && is_step_invariant(&binary.right),
        ExprKind::Aggregate(aggregate) => is_step_invariant(&aggregate.expr),
        ExprKind::Call(call) => match call.function {
            // Constants of the query.
            "start" | "end" | "range" | "step" => true,
            "time" | "predict_linear" | "days_in_month" | "day_of_month" | "day_of_week" | "day_of_year"
            | "hour" | "minute" | "month" | "year" => false,
            // The time of a pinned sample is fixed; that of a computed one is the evaluation time.
            "timestamp" => call.args.iter().all(|argument| {
                let argument = unwrap_parens(argument);
                matches!(argument.kind, ExprKind::Vector(_)) && is_step_invariant(argument)
            }),
            _ => call.args.iter().all(is_step_invariant),
        },
    }
}
