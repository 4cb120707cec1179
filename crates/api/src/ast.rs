//! Syntax trees as the tree view of the UI wants them.

use serde_json::{Value, json};
use vigie_model::{Matcher, format_go_f};
use vigie_promql::{
    AggregateOp, AtModifier, BinaryExpr, BinaryOp, CallExpr, DurationExpr, Expr, ExprKind, Grouping,
    MatchCardinality, Offset, RangeEdge, UnaryOp, ValueType, VectorSelector, functions, walk,
};

/// The tree as JSON. Durations are milliseconds; a computed one is 0, as its value is not known
/// before the query runs.
pub(crate) fn tree(expr: &Expr) -> Value {
    match &expr.kind {
        ExprKind::Number { value, .. } => json!({"type": "numberLiteral", "val": format_go_f(*value)}),
        ExprKind::String(text) => json!({"type": "stringLiteral", "val": text}),
        ExprKind::Vector(selector) => selector_tree("vectorSelector", selector),
        ExprKind::Matrix(matrix) => {
            let mut tree = selector_tree("matrixSelector", &matrix.selector);
            tree["range"] = json!(duration_ms(&matrix.range));
            tree
        }
        ExprKind::Subquery(subquery) => {
            let (timestamp, start_or_end) = at(subquery.at);
            json!({
                "type": "subquery",
                "expr": tree(&subquery.expr),
                "range": duration_ms(&subquery.range),
                "step": subquery.step.as_ref().map_or(0, duration_ms),
                "offset": offset_ms(subquery.offset.as_ref()),
                "timestamp": timestamp,
                "startOrEnd": start_or_end,
            })
        }
        ExprKind::Unary { op, operand } => {
            let op = match op {
                UnaryOp::Plus => "+",
                UnaryOp::Minus => "-",
            };
            json!({"type": "unaryExpr", "op": op, "expr": tree(operand)})
        }
        ExprKind::Binary(binary) => binary_tree(binary),
        ExprKind::Paren(inner) => json!({"type": "parenExpr", "expr": tree(inner)}),
        ExprKind::Call(call) => call_tree(call),
        ExprKind::Aggregate(aggregate) => {
            let (grouping, without) = match &aggregate.grouping {
                Grouping::By(labels) => (labels, false),
                Grouping::Without(labels) => (labels, true),
            };
            json!({
                "type": "aggregation",
                "op": aggregate_name(aggregate.op),
                "expr": tree(&aggregate.expr),
                "param": aggregate.param.as_ref().map(tree),
                "grouping": grouping,
                "without": without,
            })
        }
    }
}

/// The matchers of each selector, in the order of the query.
pub(crate) fn selectors(expr: &Expr) -> Vec<Vec<Matcher>> {
    let mut found = Vec::new();
    walk(expr, &mut |part| match &part.kind {
        ExprKind::Vector(selector) => found.push(selector.matchers.clone()),
        ExprKind::Matrix(matrix) => found.push(matrix.selector.matchers.clone()),
        _ => {}
    });
    found
}

fn selector_tree(node_type: &str, selector: &VectorSelector) -> Value {
    let (timestamp, start_or_end) = at(selector.at);
    json!({
        "type": node_type,
        "name": selector.name.as_deref().unwrap_or_default(),
        "matchers": selector.matchers.iter().map(matcher_tree).collect::<Vec<_>>(),
        "offset": offset_ms(selector.offset.as_ref()),
        "timestamp": timestamp,
        "startOrEnd": start_or_end,
        "anchored": selector.edge == Some(RangeEdge::Anchored),
        "smoothed": selector.edge == Some(RangeEdge::Smoothed),
    })
}

fn matcher_tree(matcher: &Matcher) -> Value {
    json!({"name": matcher.name, "value": matcher.value, "type": matcher.op.as_str()})
}

fn binary_tree(binary: &BinaryExpr) -> Value {
    let matching = binary.matching.as_ref().map(|matching| {
        json!({
            "card": match matching.cardinality {
                MatchCardinality::OneToOne => "one-to-one",
                MatchCardinality::ManyToOne => "many-to-one",
                MatchCardinality::OneToMany => "one-to-many",
                MatchCardinality::ManyToMany => "many-to-many",
            },
            "labels": matching.labels,
            "on": matching.on,
            "include": matching.include,
            "fillValues": {"lhs": matching.fill.left, "rhs": matching.fill.right},
        })
    });
    json!({
        "type": "binaryExpr",
        "op": operator(binary.op),
        "lhs": tree(&binary.left),
        "rhs": tree(&binary.right),
        "matching": matching,
        "bool": binary.return_bool,
    })
}

fn call_tree(call: &CallExpr) -> Value {
    let signature = functions::lookup(call.function);
    let arg_types: Vec<&str> = signature
        .map(|function| function.arg_types.iter().copied().map(type_name).collect())
        .unwrap_or_default();
    json!({
        "type": "call",
        "func": {
            "name": call.function,
            "argTypes": arg_types,
            "variadic": signature.map_or(0, |function| function.variadic),
            "returnType": signature.map_or("", |function| type_name(function.return_type)),
        },
        "args": call.args.iter().map(tree).collect::<Vec<_>>(),
    })
}

fn type_name(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::Scalar => "scalar",
        ValueType::String => "string",
        ValueType::Vector => "vector",
        ValueType::Matrix => "matrix",
    }
}

fn at(modifier: Option<AtModifier>) -> (Option<i64>, Option<&'static str>) {
    match modifier {
        None => (None, None),
        Some(AtModifier::TimestampMs(timestamp_ms)) => (Some(timestamp_ms), None),
        Some(AtModifier::Start) => (None, Some("start")),
        Some(AtModifier::End) => (None, Some("end")),
    }
}

fn offset_ms(offset: Option<&Offset>) -> i64 {
    offset.map_or(0, duration_ms)
}

fn duration_ms(duration: &DurationExpr) -> i64 {
    match duration {
        DurationExpr::Literal(milliseconds) => *milliseconds,
        DurationExpr::Number(seconds) => (seconds * 1000.0) as i64,
        DurationExpr::Negate(inner) => -duration_ms(inner),
        DurationExpr::Paren(inner) => duration_ms(inner),
        DurationExpr::Step
        | DurationExpr::Range
        | DurationExpr::Binary { .. }
        | DurationExpr::MinOf(..)
        | DurationExpr::MaxOf(..) => 0,
    }
}

fn operator(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Mod => "%",
        BinaryOp::Pow => "^",
        BinaryOp::Atan2 => "atan2",
        BinaryOp::Equal => "==",
        BinaryOp::NotEqual => "!=",
        BinaryOp::Less => "<",
        BinaryOp::LessOrEqual => "<=",
        BinaryOp::Greater => ">",
        BinaryOp::GreaterOrEqual => ">=",
        BinaryOp::TrimUpper => "</",
        BinaryOp::TrimLower => ">/",
        BinaryOp::And => "and",
        BinaryOp::Or => "or",
        BinaryOp::Unless => "unless",
    }
}

fn aggregate_name(op: AggregateOp) -> &'static str {
    match op {
        AggregateOp::Sum => "sum",
        AggregateOp::Avg => "avg",
        AggregateOp::Min => "min",
        AggregateOp::Max => "max",
        AggregateOp::Count => "count",
        AggregateOp::Group => "group",
        AggregateOp::Stddev => "stddev",
        AggregateOp::Stdvar => "stdvar",
        AggregateOp::Topk => "topk",
        AggregateOp::Bottomk => "bottomk",
        AggregateOp::CountValues => "count_values",
        AggregateOp::Quantile => "quantile",
        AggregateOp::Limitk => "limitk",
        AggregateOp::LimitRatio => "limit_ratio",
    }
}
