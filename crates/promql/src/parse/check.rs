//! The type check, on the finished tree.
//!
//! The order of the checks decides which error is reported, and is that of Prometheus.

use vigie_model::{METRIC_NAME, Matcher, quote_go};

use super::parser::ParseResult;
use crate::{
    AggregateExpr, AggregateOp, BinaryExpr, CallExpr, Expr, ExprKind, FillValues, MatchCardinality,
    ParseError, Span, ValueType, VectorSelector, functions,
};

/// Checks the types and settles what depends on them: set operators match many to many, and only
/// vectors are matched.
pub(super) fn check(query: &str, expr: &mut Expr) -> ParseResult<ValueType> {
    Checker { query }.expr(expr)
}

struct Checker<'q> {
    query: &'q str,
}

impl Checker<'_> {
    fn expr(&self, expr: &mut Expr) -> ParseResult<ValueType> {
        let span = expr.span;
        match &mut expr.kind {
            ExprKind::Number { .. } => Ok(ValueType::Scalar),
            ExprKind::String(_) => Ok(ValueType::String),
            ExprKind::Vector(selector) => {
                self.selector(selector, span, true)?;
                Ok(ValueType::Vector)
            }
            ExprKind::Matrix(matrix) => {
                self.selector(&matrix.selector, span, true)?;
                Ok(ValueType::Matrix)
            }
            ExprKind::Subquery(subquery) => match self.expr(&mut subquery.expr)? {
                ValueType::Vector => Ok(ValueType::Matrix),
                other => self.refuse(
                    span,
                    format!("subquery is only allowed on instant vector, got {} instead", internal_name(other)),
                ),
            },
            ExprKind::Unary { operand, .. } => match self.expr(operand)? {
                ok @ (ValueType::Scalar | ValueType::Vector) => Ok(ok),
                other => self.refuse(
                    span,
                    format!(
                        "unary expression only allowed on expressions of type scalar or instant vector, got \"{other}\""
                    ),
                ),
            },
            ExprKind::Paren(inner) => self.expr(inner),
            ExprKind::Binary(binary) => self.binary(binary, span),
            ExprKind::Call(call) => self.call(call, span),
            ExprKind::Aggregate(aggregate) => self.aggregate(aggregate),
        }
    }

    fn selector(&self, selector: &VectorSelector, span: Span, must_be_bounded: bool) -> ParseResult<()> {
        if let Some(name) = &selector.name {
            // The last matcher is the name itself.
            let inside = selector
                .matchers
                .split_last()
                .map_or(&[][..], |(_, inside)| inside);
            return match inside.iter().find(|matcher| matcher.name == METRIC_NAME) {
                Some(second) => {
                    let (name, second) = (quote_go(name), quote_go(&second.value));
                    self.refuse(
                        span,
                        format!("metric name must not be set twice: {name} or {second}"),
                    )
                }
                None => Ok(()),
            };
        }
        if must_be_bounded && selector.matchers.iter().all(Matcher::matches_empty) {
            return self.refuse(
                span,
                "vector selector must contain at least one non-empty matcher",
            );
        }
        Ok(())
    }

    fn aggregate(&self, aggregate: &mut AggregateExpr) -> ParseResult<ValueType> {
        self.expect(&mut aggregate.expr, ValueType::Vector, "aggregation expression")?;
        if let Some(param) = &mut aggregate.param {
            let wanted = match aggregate.op {
                AggregateOp::CountValues => ValueType::String,
                _ => ValueType::Scalar,
            };
            self.expect(param, wanted, "aggregation parameter")?;
        }
        Ok(ValueType::Vector)
    }

    fn expect(&self, expr: &mut Expr, wanted: ValueType, place: &str) -> ParseResult<()> {
        let found = self.expr(expr)?;
        if found == wanted {
            return Ok(());
        }
        self.refuse(
            expr.span,
            format!("expected type {wanted} in {place}, got {found}"),
        )
    }

    fn binary(&self, binary: &mut BinaryExpr, span: Span) -> ParseResult<ValueType> {
        let left = self.expr(&mut binary.left)?;
        let right = self.expr(&mut binary.right)?;
        let op = binary.op;
        let both = |wanted| left == wanted && right == wanted;

        if binary.return_bool && !op.is_comparison() {
            return self.refuse(
                self.operator_span(binary),
                "bool modifier can only be used on comparison operators",
            );
        }
        if op.is_comparison() && !binary.return_bool && both(ValueType::Scalar) {
            return self.refuse(
                self.operator_span(binary),
                "comparisons between scalars must use BOOL modifier",
            );
        }
        if let Some(matching) = binary.matching.as_ref().filter(|matching| matching.on)
            && let Some(label) = matching
                .labels
                .iter()
                .find(|label| matching.include.contains(label))
        {
            return self.refuse(
                self.operator_span(binary),
                format!(
                    "label {} must not occur in ON and GROUP clause at once",
                    quote_go(label)
                ),
            );
        }
        for (operand, found) in [(&binary.left, left), (&binary.right, right)] {
            if !matches!(found, ValueType::Scalar | ValueType::Vector) {
                return self.refuse(
                    operand.span,
                    "binary expression must contain only scalar and instant vector types",
                );
            }
        }
        let quoted_op = || quote_go(op.as_str());
        let Some(matching) = &mut binary.matching else {
            return Ok(if both(ValueType::Scalar) {
                ValueType::Scalar
            } else {
                ValueType::Vector
            });
        };
        if !both(ValueType::Vector) {
            if !matching.labels.is_empty() {
                return self.refuse(span, "vector matching only allowed between instant vectors");
            }
            if matching.fill != FillValues::default() {
                return self.refuse(
                    span,
                    "filling in missing series only allowed between instant vectors",
                );
            }
            if op.is_set() {
                let message = format!(
                    "set operator {} not allowed in binary scalar expression",
                    quoted_op()
                );
                return self.refuse(span, message);
            }
            binary.matching = None;
        } else if op.is_set() {
            if matching.cardinality != MatchCardinality::OneToOne {
                return self.refuse(span, format!("no grouping allowed for {} operation", quoted_op()));
            }
            if matching.fill != FillValues::default() {
                return self.refuse(span, "filling in missing series not allowed for set operators");
            }
            matching.cardinality = MatchCardinality::ManyToMany;
        }
        Ok(if both(ValueType::Scalar) {
            ValueType::Scalar
        } else {
            ValueType::Vector
        })
    }

    /// From behind the left operand on.
    fn operator_span(&self, binary: &BinaryExpr) -> Span {
        let end = binary.right.span.start;
        let between = self.query.get(binary.left.span.end..end).unwrap_or_default();
        let blanks = between.len() - between.trim_start_matches([' ', '\t', '\n', '\r']).len();
        Span {
            start: binary.left.span.end + blanks,
            end,
        }
    }

    fn call(&self, call: &mut CallExpr, span: Span) -> ParseResult<ValueType> {
        let name = call.function;
        let Some(function) = functions::lookup(name) else {
            return self.refuse(span, format!("unknown function with name {}", quote_go(name)));
        };
        let found = call.args.len();
        let listed = function.arg_types.len();
        let refuse_count = |bound: &str, count: usize| {
            self.refuse(
                span,
                format!("expected {bound}{count} argument(s) in call to \"{name}\", got {found}"),
            )
        };
        if function.variadic == 0 {
            if found != listed {
                return refuse_count("", listed);
            }
        } else {
            let least = listed.saturating_sub(1);
            if found < least {
                return refuse_count("at least ", least);
            }
            if let Ok(further) = usize::try_from(function.variadic)
                && found > least + further
            {
                return refuse_count("at most ", least + further);
            }
        }
        if name == "info"
            && let Some(selector) = call.args.get(1)
        {
            self.info_selector(selector, span)?;
        }
        for (index, arg) in call.args.iter_mut().enumerate() {
            let Some(&wanted) = function.arg_types.get(index).or(function.arg_types.last()) else {
                continue;
            };
            let found = match &arg.kind {
                // Only the info series of the joined labels are read, so it may select all.
                ExprKind::Vector(selector) if name == "info" && index == 1 => {
                    self.selector(selector, arg.span, false)?;
                    ValueType::Vector
                }
                _ => self.expr(arg)?,
            };
            if found != wanted {
                let message = format!("expected type {wanted} in call to function \"{name}\", got {found}");
                return self.refuse(arg.span, message);
            }
        }
        Ok(function.return_type)
    }

    /// The second argument of `info` is no vector but a list of matchers.
    fn info_selector(&self, arg: &Expr, call: Span) -> ParseResult<()> {
        let found = arg.value_type();
        if found != ValueType::Vector {
            let message = format!("expected type instant vector in call to function \"info\", got {found}");
            return self.refuse(call, message);
        }
        match &arg.kind {
            ExprKind::Vector(selector) if selector.name.is_none() => Ok(()),
            ExprKind::Vector(_) => self.refuse(
                arg.span,
                "expected label selectors only, got vector selector instead",
            ),
            _ => self.refuse(arg.span, "expected label selectors only"),
        }
    }

    fn refuse<T>(&self, span: Span, message: impl Into<String>) -> ParseResult<T> {
        Err(ParseError::new(self.query, span, message))
    }
}

/// One message names the types as they are called inside Prometheus.
fn internal_name(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::Scalar => "scalar",
        ValueType::String => "string",
        ValueType::Vector => "vector",
        ValueType::Matrix => "matrix",
    }
}
