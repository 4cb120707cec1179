//! The many-line form, which `/api/v1/format_query` answers.

use std::fmt::{self, Write};

use super::{write_aggregation, write_operator, write_subquery_range};
use crate::{Expr, ExprKind};

/// An expression that is longer in one line is split.
const MAX_LINE_BYTES: usize = 100;

/// The expression with long parts split over indented lines.
pub fn pretty(expr: &Expr) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_pretty(&mut text, expr, 0);
    text
}

fn write_pretty(out: &mut String, expr: &Expr, level: usize) -> fmt::Result {
    let split = is_long(expr);
    match &expr.kind {
        // As in Prometheus, neither is indented by itself.
        ExprKind::Subquery(_) if !split => write!(out, "{expr}"),
        ExprKind::Subquery(subquery) => {
            write_pretty(out, &subquery.expr, level)?;
            write!(out, "{}", fmt::from_fn(|f| write_subquery_range(f, subquery)))
        }
        ExprKind::Unary { op, operand } => {
            indent(out, level);
            out.push_str(op.as_str());
            let start = out.len();
            write_pretty(out, operand, level)?;
            let blanks = out[start..].len() - out[start..].trim_start().len();
            out.replace_range(start..start + blanks, "");
            Ok(())
        }
        ExprKind::Binary(binary) if split => {
            write_pretty(out, &binary.left, level + 1)?;
            out.push('\n');
            indent(out, level);
            write!(out, "{}", fmt::from_fn(|f| write_operator(f, binary)))?;
            out.push('\n');
            write_pretty(out, &binary.right, level + 1)
        }
        ExprKind::Paren(inner) if split => {
            indent(out, level);
            out.push_str("(\n");
            write_pretty(out, inner, level + 1)?;
            close(out, level);
            Ok(())
        }
        ExprKind::Call(call) if split => {
            indent(out, level);
            out.push_str(call.function);
            out.push_str("(\n");
            for (position, arg) in call.args.iter().enumerate() {
                out.push_str(if position == 0 { "" } else { ",\n" });
                write_pretty(out, arg, level + 1)?;
            }
            close(out, level);
            Ok(())
        }
        ExprKind::Aggregate(aggregate) if split => {
            indent(out, level);
            write!(out, "{}", fmt::from_fn(|f| write_aggregation(f, aggregate)))?;
            out.push_str("(\n");
            if let Some(param) = &aggregate.param {
                write_pretty(out, param, level + 1)?;
                out.push_str(",\n");
            }
            write_pretty(out, &aggregate.expr, level + 1)?;
            close(out, level);
            Ok(())
        }
        _ => {
            indent(out, level);
            write!(out, "{expr}")
        }
    }
}

fn close(out: &mut String, level: usize) {
    out.push('\n');
    indent(out, level);
    out.push(')');
}

fn indent(out: &mut String, level: usize) {
    for _ in 0..level {
        out.push_str("  ");
    }
}

/// Whether the one-line form is too long; stops printing as soon as that is known.
fn is_long(expr: &Expr) -> bool {
    struct Room(usize);
    impl Write for Room {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 = self.0.checked_sub(text.len()).ok_or(fmt::Error)?;
            Ok(())
        }
    }
    write!(Room(MAX_LINE_BYTES), "{expr}").is_err()
}
