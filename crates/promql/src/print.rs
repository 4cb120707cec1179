//! Trees as text: on one line by `Display`, over several by [`pretty`], both as Prometheus prints.

mod pretty;

use std::fmt::{self, Display, Formatter};

use vigie_model::{
    METRIC_NAME, MatchOp, format_duration_ms, format_go_f, format_go_g, is_legacy_label_name, quote_go,
};

pub use self::pretty::pretty;
use crate::{
    AggregateExpr, AtModifier, BinaryExpr, DurationExpr, Expr, ExprKind, Grouping, MatchCardinality, Offset,
    RangeEdge, SubqueryExpr, VectorMatching, VectorSelector,
};

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Number {
                value,
                is_duration: true,
            } => {
                // Durations are limited by the parser.
                let ms = (value * 1000.0).round() as i64;
                f.write_str(&format_duration_ms(ms))
            }
            ExprKind::Number { value, .. } => f.write_str(&format_go_f(*value)),
            ExprKind::String(text) => f.write_str(&quote_go(text)),
            ExprKind::Vector(selector) => {
                write_matchers(f, selector)?;
                write_at(f, selector.at)?;
                write_edge(f, selector.edge)?;
                write_offset(f, selector.offset.as_ref())
            }
            ExprKind::Matrix(matrix) => {
                write_matchers(f, &matrix.selector)?;
                write!(f, "[{}]", matrix.range)?;
                write_edge(f, matrix.selector.edge)?;
                write_at(f, matrix.selector.at)?;
                write_offset(f, matrix.selector.offset.as_ref())
            }
            ExprKind::Subquery(subquery) => {
                write!(f, "{}", subquery.expr)?;
                write_subquery_range(f, subquery)
            }
            ExprKind::Unary { op, operand } => write!(f, "{}{operand}", op.as_str()),
            ExprKind::Binary(binary) => {
                write!(f, "{} ", binary.left)?;
                write_operator(f, binary)?;
                write!(f, " {}", binary.right)
            }
            ExprKind::Paren(inner) => write!(f, "({inner})"),
            ExprKind::Call(call) => {
                write!(f, "{}(", call.function)?;
                for (position, arg) in call.args.iter().enumerate() {
                    f.write_str(if position == 0 { "" } else { ", " })?;
                    write!(f, "{arg}")?;
                }
                f.write_str(")")
            }
            ExprKind::Aggregate(aggregate) => {
                write_aggregation(f, aggregate)?;
                f.write_str("(")?;
                if let Some(param) = &aggregate.param {
                    write!(f, "{param}, ")?;
                }
                write!(f, "{})", aggregate.expr)
            }
        }
    }
}

impl Display for DurationExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            DurationExpr::Literal(ms) => f.write_str(&format_duration_ms(*ms)),
            DurationExpr::Number(value) => f.write_str(&format_go_f(*value)),
            DurationExpr::Step => f.write_str("step()"),
            DurationExpr::Range => f.write_str("range()"),
            DurationExpr::Negate(inner) => write!(f, "-{inner}"),
            DurationExpr::Paren(inner) => write!(f, "({inner})"),
            DurationExpr::Binary { op, left, right } => write!(f, "{left} {} {right}", op.as_str()),
            DurationExpr::MinOf(left, right) => write!(f, "min_of({left}, {right})"),
            DurationExpr::MaxOf(left, right) => write!(f, "max_of({left}, {right})"),
        }
    }
}

fn write_matchers(f: &mut Formatter<'_>, selector: &VectorSelector) -> fmt::Result {
    let name = selector.name.as_deref().unwrap_or_default();
    f.write_str(name)?;
    let mut matchers: Vec<String> = selector
        .matchers
        .iter()
        .filter(|matcher| {
            let is_name =
                matcher.name == METRIC_NAME && matcher.op == MatchOp::Equal && matcher.value == name;
            !is_name || name.is_empty()
        })
        .map(ToString::to_string)
        .collect();
    // A bare `{}` is an argument of `info`.
    if matchers.is_empty() && !name.is_empty() {
        return Ok(());
    }
    matchers.sort_unstable();
    write!(f, "{{{}}}", matchers.join(","))
}

fn write_at(f: &mut Formatter<'_>, at: Option<AtModifier>) -> fmt::Result {
    match at {
        None => Ok(()),
        Some(AtModifier::TimestampMs(ms)) => {
            let sign = if ms < 0 { "-" } else { "" };
            let ms = ms.unsigned_abs();
            write!(f, " @ {sign}{}.{:03}", ms / 1000, ms % 1000)
        }
        Some(AtModifier::Start) => f.write_str(" @ start()"),
        Some(AtModifier::End) => f.write_str(" @ end()"),
    }
}

fn write_edge(f: &mut Formatter<'_>, edge: Option<RangeEdge>) -> fmt::Result {
    f.write_str(match edge {
        None => "",
        Some(RangeEdge::Anchored) => " anchored",
        Some(RangeEdge::Smoothed) => " smoothed",
    })
}

fn write_offset(f: &mut Formatter<'_>, offset: Option<&Offset>) -> fmt::Result {
    match offset {
        None | Some(DurationExpr::Literal(0)) => Ok(()),
        Some(offset) => write!(f, " offset {offset}"),
    }
}

fn write_subquery_range(f: &mut Formatter<'_>, subquery: &SubqueryExpr) -> fmt::Result {
    write!(f, "[{}:", subquery.range)?;
    if let Some(step) = &subquery.step {
        write!(f, "{step}")?;
    }
    f.write_str("]")?;
    write_at(f, subquery.at)?;
    write_offset(f, subquery.offset.as_ref())
}

/// The operator with all its modifiers.
fn write_operator(f: &mut Formatter<'_>, binary: &BinaryExpr) -> fmt::Result {
    f.write_str(binary.op.as_str())?;
    if binary.return_bool {
        f.write_str(" bool")?;
    }
    binary
        .matching
        .as_ref()
        .map_or(Ok(()), |matching| write_matching(f, matching))
}

fn write_matching(f: &mut Formatter<'_>, matching: &VectorMatching) -> fmt::Result {
    let group = match matching.cardinality {
        MatchCardinality::ManyToOne => Some("group_left"),
        MatchCardinality::OneToMany => Some("group_right"),
        MatchCardinality::OneToOne | MatchCardinality::ManyToMany => None,
    };
    if matching.on || !matching.labels.is_empty() || group.is_some() {
        f.write_str(if matching.on { " on " } else { " ignoring " })?;
        write_labels(f, &matching.labels)?;
    }
    if let Some(group) = group {
        write!(f, " {group} ")?;
        write_labels(f, &matching.include)?;
    }
    match (matching.fill.left, matching.fill.right) {
        // Told apart as Prometheus tells them apart.
        (Some(left), Some(right)) if left == right => write!(f, " fill ({})", format_go_g(left)),
        (left, right) => {
            if let Some(left) = left {
                write!(f, " fill_left ({})", format_go_g(left))?;
            }
            if let Some(right) = right {
                write!(f, " fill_right ({})", format_go_g(right))?;
            }
            Ok(())
        }
    }
}

fn write_aggregation(f: &mut Formatter<'_>, aggregate: &AggregateExpr) -> fmt::Result {
    f.write_str(aggregate.op.as_str())?;
    let (clause, labels) = match &aggregate.grouping {
        Grouping::By(labels) if labels.is_empty() => return Ok(()),
        Grouping::By(labels) => (" by ", labels),
        Grouping::Without(labels) => (" without ", labels),
    };
    f.write_str(clause)?;
    write_labels(f, labels)?;
    f.write_str(" ")
}

fn write_labels(f: &mut Formatter<'_>, labels: &[String]) -> fmt::Result {
    f.write_str("(")?;
    for (position, label) in labels.iter().enumerate() {
        f.write_str(if position == 0 { "" } else { ", " })?;
        if is_legacy_label_name(label) {
            f.write_str(label)?;
        } else {
            f.write_str(&quote_go(label))?;
        }
    }
    f.write_str(")")
}
