//! Pins an expression's selectors to a time, to see that an evaluation at any other time gives the same.

use vigie_promql::{AtModifier, Expr, ExprKind};

const TIME_DEPENDENT: [&str; 14] = [
    "days_in_month",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "hour",
    "minute",
    "month",
    "year",
    "predict_linear",
    "time",
    "timestamp",
    "start",
    "end",
    "range",
];

/// The expression with `@ time` on every outermost selector and subquery that has none; `None` if its
/// value depends on the evaluation time all the same.
pub(crate) fn pinned(expr: &Expr, time_ms: i64) -> Option<Expr> {
    let mut expr = expr.clone();
    pin(&mut expr, time_ms).then_some(expr)
}

fn pin(expr: &mut Expr, time_ms: i64) -> bool {
    let at = Some(AtModifier::TimestampMs(time_ms));
    match &mut expr.kind {
        ExprKind::Number { .. } | ExprKind::String(_) => true,
        ExprKind::Vector(selector) => {
            selector.at = selector.at.or(at);
            true
        }
        ExprKind::Matrix(matrix) => {
            matrix.selector.at = matrix.selector.at.or(at);
            true
        }
        ExprKind::Subquery(subquery) => {
            subquery.at = subquery.at.or(at);
            !depends_on_time(&subquery.expr)
        }
        ExprKind::Unary { operand, .. } => pin(operand, time_ms),
        ExprKind::Paren(inner) => pin(inner, time_ms),
        ExprKind::Binary(binary) => pin(&mut binary.left, time_ms) && pin(&mut binary.right, time_ms),
        ExprKind::Aggregate(aggregate) => {
            let param = aggregate.param.as_mut().is_none_or(|param| pin(param, time_ms));
            pin(&mut aggregate.expr, time_ms) && param
        }
        ExprKind::Call(call) => {
            // What info() takes second is no selector of samples.
            let taken = if call.function == "info" {
                1
            } else {
                call.args.len()
            };
            !is_time_dependent(call.function)
                && call
                    .args
                    .iter_mut()
                    .take(taken)
                    .all(|argument| pin(argument, time_ms))
        }
    }
}

fn is_time_dependent(function: &str) -> bool {
    TIME_DEPENDENT.contains(&function) || function == "step"
}

fn depends_on_time(expr: &Expr) -> bool {
    let mut copy = expr.clone();
    !pin(&mut copy, 0)
}
