//! Builds the typed tree.

use std::collections::{HashMap, HashSet};

use vigie_model::{METRIC_NAME, MatchOp, Matcher};

use crate::{
    AggregateOp, AtModifier, BinaryExpr, BinaryOp, DurationExpr, EvalError, Expr, ExprKind, RangeEdge,
    SelectRequest, Span, SubqueryExpr, UnaryOp, ValueType, VectorMatching, VectorSelector,
};

use super::duration::DurationScope;
use super::invariant::is_step_invariant;
use super::{
    AggregateNode, BinaryNode, BinaryScalarNode, Grid, InstantSelector, Plan, QueryParams, RangeInput,
    RangeSamples, RootNode, ScalarNode, SharedNode, Timing, VectorNode, fold, project, repeated,
};

pub(crate) fn build(expr: &Expr, params: &QueryParams) -> Result<Plan, EvalError> {
    let grid = if params.is_instant() {
        Grid::new(params.start_ms, params.start_ms, 1)
    } else if params.step_ms < 0 || params.end_ms < params.start_ms {
        return Err(EvalError::Invalid(
            "a range query needs a positive step and an end that is not before its start".to_owned(),
        ));
    } else {
        Grid::new(params.start_ms, params.end_ms, params.step_ms)
    };
    let mut builder = Builder {
        params,
        durations: DurationScope {
            step_ms: params.step_ms,
            range_ms: params.end_ms.saturating_sub(params.start_ms),
        },
        selections: Vec::new(),
        needs: HistogramNeeds::default(),
        repeated: repeated::repeated(expr),
        shared: Vec::new(),
        shared_at: HashMap::new(),
    };
    let root_type = expr.value_type();
    if !params.is_instant() && !matches!(root_type, ValueType::Scalar | ValueType::Vector) {
        return Err(EvalError::Invalid(format!(
            "invalid expression type \"{}\" for range query, must be Scalar or instant Vector",
            root_type
        )));
    }
    let root = match root_type {
        ValueType::Scalar => RootNode::Scalar(builder.scalar(expr, grid)?),
        ValueType::Vector => RootNode::Vector(builder.vector(expr, grid)?),
        ValueType::Matrix => RootNode::Matrix(builder.range_input(expr, grid)?),
        ValueType::String => RootNode::String(string(expr)?),
    };
    Ok(Plan {
        params: params.clone(),
        root,
        grid,
        selections: builder.selections,
        shared: builder.shared,
    })
}

pub(crate) struct Builder<'a> {
    pub(crate) params: &'a QueryParams,
    durations: DurationScope,
    selections: Vec<SelectRequest>,
    needs: HistogramNeeds,
    /// Texts of the expressions that occur several times.
    repeated: HashSet<String>,
    shared: Vec<SharedNode>,
    /// Where in `shared` an expression is, by its text and what else decides its value.
    shared_at: HashMap<(String, Grid, HistogramNeeds), usize>,
}

/// What is asked of the histograms in the expression being built.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) enum HistogramNeeds {
    #[default]
    Undecided,
    /// No more than count and sum. Prometheus then reads no buckets and tells counter resets while it
    /// reads, which shows in remarks.
    Statistics,
    Buckets,
}

impl Builder<'_> {
    /// Builds a part with what it needs of histograms; what needs buckets does so to its leaves.
    pub(crate) fn with_needs<T>(&mut self, needs: HistogramNeeds, build: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.needs;
        if outer != HistogramNeeds::Buckets && needs != HistogramNeeds::Undecided {
            self.needs = needs;
        }
        let built = build(self);
        self.needs = outer;
        built
    }

    pub(crate) fn scalar(&mut self, expr: &Expr, grid: Grid) -> Result<ScalarNode, EvalError> {
        if grid.len > 1 && !fold::is_literal(&expr.kind) && is_step_invariant(expr) {
            let once = self.scalar_here(expr, grid.first())?;
            return Ok(match once {
                ScalarNode::Number(_) => once,
                other => ScalarNode::Repeat(Box::new(other)),
            });
        }
        self.scalar_here(expr, grid)
    }

    fn scalar_here(&mut self, expr: &Expr, grid: Grid) -> Result<ScalarNode, EvalError> {
        match &expr.kind {
            ExprKind::Number { value, .. } => Ok(ScalarNode::Number(*value)),
            ExprKind::Paren(inner) => self.scalar(inner, grid),
            ExprKind::Unary { op, operand } => {
                let operand = self.scalar(operand, grid)?;
                Ok(match op {
                    UnaryOp::Plus => operand,
                    UnaryOp::Minus => fold::negate(operand),
                })
            }
            ExprKind::Binary(binary) => {
                let left = self.scalar(&binary.left, grid)?;
                let right = self.scalar(&binary.right, grid)?;
                Ok(fold::binary(binary.op, left, right))
            }
            ExprKind::Call(call) => self.scalar_call(call, grid),
            _ => Err(mistyped(expr, ValueType::Scalar)),
        }
    }

    pub(crate) fn vector(&mut self, expr: &Expr, grid: Grid) -> Result<VectorNode, EvalError> {
        if self.repeated.is_empty() {
            return self.vector_once(expr, grid);
        }
        let text = expr.to_string();
        if !self.repeated.contains(&text) {
            return self.vector_once(expr, grid);
        }
        let key = (text, grid, self.needs);
        let at = match self.shared_at.get(&key) {
            Some(&at) => at,
            None => {
                let node = self.vector_once(expr, grid)?;
                self.shared.push(SharedNode { node, grid, uses: 0 });
                let at = self.shared.len() - 1;
                self.shared_at.insert(key, at);
                at
            }
        };
        let shared = &mut self.shared[at];
        shared.uses += 1;
        let one_name = shared.node.has_one_name();
        Ok(VectorNode::Shared { at, one_name })
    }

    fn vector_once(&mut self, expr: &Expr, grid: Grid) -> Result<VectorNode, EvalError> {
        if grid.len > 1 && is_step_invariant(expr) {
            let once = self.vector_here(expr, grid.first())?;
            return Ok(VectorNode::Repeat(Box::new(once)));
        }
        self.vector_here(expr, grid)
    }

    fn vector_here(&mut self, expr: &Expr, grid: Grid) -> Result<VectorNode, EvalError> {
        match &expr.kind {
            ExprKind::Vector(selector) => Ok(VectorNode::Selector(
                self.instant_selector(selector, expr.span, grid)?,
            )),
            ExprKind::Paren(inner) => self.vector(inner, grid),
            ExprKind::Unary { op, operand } => {
                let operand = self.vector(operand, grid)?;
                Ok(match op {
                    UnaryOp::Plus => operand,
                    UnaryOp::Minus => VectorNode::Negate(Box::new(operand)),
                })
            }
            ExprKind::Binary(binary) => {
                let needs = match binary.op {
                    BinaryOp::TrimUpper | BinaryOp::TrimLower => HistogramNeeds::Buckets,
                    _ => HistogramNeeds::Undecided,
                };
                self.with_needs(needs, |builder| builder.binary(binary, expr.span, grid))
            }
            ExprKind::Call(call) => {
                let needs = match call.function {
                    "histogram_count" | "histogram_sum" | "histogram_avg" => HistogramNeeds::Statistics,
                    "histogram_quantile" | "histogram_quantiles" | "histogram_fraction" => {
                        HistogramNeeds::Buckets
                    }
                    _ => HistogramNeeds::Undecided,
                };
                self.with_needs(needs, |builder| builder.vector_call(call, expr.span, grid))
            }
            ExprKind::Aggregate(aggregate) => {
                let input_expr = unwrap_parens(&aggregate.expr);
                let input = self.vector(input_expr, grid)?;
                project::project(aggregate, &input, &mut self.selections);
                let param_expr = aggregate.param.as_ref().map(unwrap_parens);
                let (param, value_label) = match (aggregate.op, param_expr) {
                    (AggregateOp::CountValues, Some(label)) => (
                        None,
                        self.label_name(label, |name| format!("invalid label name {name}"))?,
                    ),
                    (_, Some(param)) => (Some(self.scalar(param, grid)?), String::new()),
                    (_, None) => (None, String::new()),
                };
                Ok(VectorNode::Aggregate(Box::new(AggregateNode {
                    op: aggregate.op,
                    input,
                    input_span: input_expr.span,
                    span: expr.span,
                    grouping: aggregate.grouping.clone(),
                    param,
                    param_span: param_expr.map_or(expr.span, |param| param.span),
                    value_label,
                })))
            }
            _ => Err(mistyped(expr, ValueType::Vector)),
        }
    }

    fn binary(&mut self, binary: &BinaryExpr, span: Span, grid: Grid) -> Result<VectorNode, EvalError> {
        let of_vectors = matches!(
            (binary.left.value_type(), binary.right.value_type()),
            (ValueType::Vector, ValueType::Vector)
        );
        if of_vectors {
            let is_set = matches!(binary.op, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless);
            let matching = binary
                .matching
                .clone()
                .unwrap_or_else(|| default_matching(is_set));
            return Ok(VectorNode::Binary(Box::new(BinaryNode {
                op: binary.op,
                left: self.vector(&binary.left, grid)?,
                right: self.vector(&binary.right, grid)?,
                return_bool: binary.return_bool,
                matching,
                span,
            })));
        }
        let scalar_left = binary.left.value_type() == ValueType::Scalar;
        let (scalar, vector) = if scalar_left {
            (&binary.left, &binary.right)
        } else {
            (&binary.right, &binary.left)
        };
        Ok(VectorNode::BinaryScalar(Box::new(BinaryScalarNode {
            op: binary.op,
            vector: self.vector(vector, grid)?,
            scalar: self.scalar(scalar, grid)?,
            scalar_left,
            return_bool: binary.return_bool,
            span,
        })))
    }

    pub(crate) fn instant_selector(
        &mut self,
        selector: &VectorSelector,
        span: Span,
        grid: Grid,
    ) -> Result<InstantSelector, EvalError> {
        let timing = self.timing(selector.offset.as_ref(), selector.at, span)?;
        let smoothed = selector.edge == Some(RangeEdge::Smoothed);
        let ahead_ms = if smoothed { self.params.lookback_ms } else { 0 };
        let selection = self.select(
            &selector.matchers,
            timing,
            grid,
            self.params.lookback_ms,
            ahead_ms,
        );
        Ok(InstantSelector {
            selection,
            timing,
            smoothed,
            one_name: fixes_name(&selector.matchers),
            derives_hints: self.needs == HistogramNeeds::Statistics,
            span,
        })
    }

    /// The input of a range function, or a range vector at the top.
    pub(crate) fn range_input(&mut self, expr: &Expr, grid: Grid) -> Result<RangeInput, EvalError> {
        match &expr.kind {
            ExprKind::Paren(inner) => self.range_input(inner, grid),
            ExprKind::Matrix(matrix) => {
                let selector = &matrix.selector;
                let range_ms = self.durations.positive_ms(&matrix.range, expr.span)?;
                let timing = self.timing(selector.offset.as_ref(), selector.at, expr.span)?;
                let lookback_ms = self.params.lookback_ms;
                let (before_ms, ahead_ms) = match selector.edge {
                    None => (range_ms, 0),
                    Some(RangeEdge::Anchored) => (range_ms.saturating_add(lookback_ms), 0),
                    Some(RangeEdge::Smoothed) => (range_ms.saturating_add(lookback_ms), lookback_ms),
                };
                let selection = self.select(&selector.matchers, timing, grid, before_ms, ahead_ms);
                Ok(RangeInput {
                    samples: RangeSamples::Selection {
                        selection,
                        one_name: fixes_name(&selector.matchers),
                        derives_hints: self.needs == HistogramNeeds::Statistics,
                    },
                    range_ms,
                    timing,
                    edge: selector.edge,
                    span: expr.span,
                })
            }
            ExprKind::Subquery(subquery) => self.with_needs(HistogramNeeds::Buckets, |builder| {
                builder.subquery(subquery, expr.span, grid)
            }),
            _ => Err(mistyped(expr, ValueType::Matrix)),
        }
    }

    fn subquery(&mut self, subquery: &SubqueryExpr, span: Span, grid: Grid) -> Result<RangeInput, EvalError> {
        let range_ms = self.durations.positive_ms(&subquery.range, span)?;
        let timing = self.timing(subquery.offset.as_ref(), subquery.at, span)?;
        let step_ms = match &subquery.step {
            Some(step) => self.durations.positive_ms(step, span)?,
            None => self.params.subquery_step_ms.max(1),
        };
        let (first_ms, last_ms) = timing.data_bounds_ms(grid);
        // Steps are multiples of the step, whatever the query's start; the window is open on the left.
        let open_ms = first_ms.saturating_sub(range_ms);
        let start_ms = open_ms
            .div_euclid(step_ms)
            .saturating_add(1)
            .saturating_mul(step_ms);
        let inner_grid = Grid::new(start_ms, last_ms, step_ms);
        let inner = unwrap_parens(&subquery.expr);
        let input = match inner.value_type() {
            ValueType::Scalar => VectorNode::FromScalar(self.scalar(inner, inner_grid)?),
            _ => self.vector(inner, inner_grid)?,
        };
        Ok(RangeInput {
            samples: RangeSamples::Subquery {
                input: Box::new(input),
                grid: inner_grid,
            },
            range_ms,
            timing,
            edge: None,
            span,
        })
    }

    /// A label name given as a string: anything but nothing. The parser puts U+FFFD where the bytes are
    /// not UTF-8, and Prometheus wants label names to be. `complain` gets the name in quotes.
    pub(crate) fn label_name(
        &self,
        expr: &Expr,
        complain: impl FnOnce(&str) -> String,
    ) -> Result<String, EvalError> {
        let name = string(expr)?;
        if !name.is_empty() && !name.contains(char::REPLACEMENT_CHARACTER) {
            return Ok(name);
        }
        let span = unwrap_parens(expr).span;
        let written = self.params.query.get(span.start..span.end);
        let quoted = written.map_or_else(|| format!("{name:?}"), str::to_owned);
        Err(EvalError::Execution(complain(&quoted)))
    }

    pub(crate) fn timing(
        &self,
        offset: Option<&DurationExpr>,
        at: Option<AtModifier>,
        span: Span,
    ) -> Result<Timing, EvalError> {
        let offset_ms = match offset {
            Some(offset) => self.durations.any_ms(offset, span)?,
            None => 0,
        };
        let pinned_ms = match at {
            None => return Ok(Timing::Offset(offset_ms)),
            Some(AtModifier::TimestampMs(time_ms)) => time_ms,
            Some(AtModifier::Start) => self.params.start_ms,
            Some(AtModifier::End) => self.params.end_ms,
        };
        Ok(Timing::Pinned(pinned_ms.saturating_sub(offset_ms)))
    }

    /// Windows are open on the left.
    pub(super) fn select(
        &mut self,
        matchers: &[Matcher],
        timing: Timing,
        grid: Grid,
        before_ms: i64,
        ahead_ms: i64,
    ) -> usize {
        let (first_ms, last_ms) = timing.data_bounds_ms(grid);
        self.selections.push(SelectRequest {
            matchers: matchers.to_vec(),
            start_ms: first_ms.saturating_sub(before_ms).saturating_add(1),
            // A grid without times reads nothing, also where `@` would give it one.
            end_ms: if grid.len == 0 {
                i64::MIN
            } else {
                last_ms.saturating_add(ahead_ms)
            },
            labels: None,
        });
        self.selections.len() - 1
    }
}

/// `op` without a matching clause pairs series with equal labels.
fn default_matching(is_set: bool) -> VectorMatching {
    VectorMatching {
        cardinality: if is_set {
            crate::MatchCardinality::ManyToMany
        } else {
            crate::MatchCardinality::OneToOne
        },
        on: false,
        labels: Vec::new(),
        include: Vec::new(),
        fill: crate::FillValues::default(),
    }
}

fn fixes_name(matchers: &[Matcher]) -> bool {
    matchers
        .iter()
        .any(|matcher| matcher.name == METRIC_NAME && matcher.op == MatchOp::Equal)
}

pub(crate) fn string(expr: &Expr) -> Result<String, EvalError> {
    match &unwrap_parens(expr).kind {
        ExprKind::String(text) => Ok(text.clone()),
        _ => Err(mistyped(expr, ValueType::String)),
    }
}

/// The expression within any parentheses.
pub(crate) fn unwrap_parens(mut expr: &Expr) -> &Expr {
    while let ExprKind::Paren(inner) = &expr.kind {
        expr = inner;
    }
    expr
}

/// The parser checks types, so this is for trees made otherwise.
pub(crate) fn mistyped(expr: &Expr, expected: ValueType) -> EvalError {
    EvalError::Invalid(format!(
        "expected type {} in expression, got {}",
        expected,
        expr.value_type()
    ))
}
