//! Visits of a tree.

use crate::{Expr, ExprKind};

/// Calls `visit` with the expression and everything in it, parents first, in the order of Prometheus.
pub fn walk<'e>(expr: &'e Expr, visit: &mut impl FnMut(&'e Expr)) {
    visit(expr);
    match &expr.kind {
        ExprKind::Number { .. } | ExprKind::String(_) | ExprKind::Vector(_) | ExprKind::Matrix(_) => {}
        ExprKind::Subquery(subquery) => walk(&subquery.expr, visit),
        ExprKind::Unary { operand: inner, .. } | ExprKind::Paren(inner) => walk(inner, visit),
        ExprKind::Binary(binary) => {
            walk(&binary.left, visit);
            walk(&binary.right, visit);
        }
        ExprKind::Call(call) => {
            for arg in &call.args {
                walk(arg, visit);
            }
        }
        ExprKind::Aggregate(aggregate) => {
            walk(&aggregate.expr, visit);
            if let Some(param) = &aggregate.param {
                walk(param, visit);
            }
        }
    }
}
