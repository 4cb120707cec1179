//! Plans function calls.

use vigie_model::{LabelsBuilder, METRIC_NAME, MatchOp, Matcher, anchored_regex};

use crate::{CallExpr, EvalError, Expr, ExprKind, RangeEdge, Span};

use super::build::{Builder, string, unwrap_parens};
use super::{
    CalendarField, Grid, HistogramFraction, HistogramQuantile, HistogramStatistic, InfoCall, LabelReplace,
    MapFunction, RangeCall, RangeFunction, RangeInput, SampleTime, ScalarNode, SortOrder, Timing, VectorNode,
};

const ANCHORED_FUNCTIONS: [&str; 5] = ["changes", "delta", "increase", "rate", "resets"];
const SMOOTHED_FUNCTIONS: [&str; 3] = ["delta", "increase", "rate"];

impl Builder<'_> {
    pub(super) fn scalar_call(&mut self, call: &CallExpr, grid: Grid) -> Result<ScalarNode, EvalError> {
        let params = self.params;
        let seconds = |milliseconds: i64| ScalarNode::Number(milliseconds as f64 / 1000.0);
        Ok(match call.function {
            "time" => ScalarNode::Time,
            "pi" => ScalarNode::Number(std::f64::consts::PI),
            "start" => seconds(params.start_ms),
            "end" => seconds(params.end_ms),
            "range" => seconds(params.end_ms.saturating_sub(params.start_ms)),
            "step" if params.start_ms == params.end_ms => seconds(0),
            "step" => seconds(params.step_ms),
            "scalar" => ScalarNode::FromVector(Box::new(self.vector_argument(call, 0, grid)?)),
            "min_of" => ScalarNode::MinOf(
                Box::new(self.scalar_argument(call, 0, grid)?),
                Box::new(self.scalar_argument(call, 1, grid)?),
            ),
            "max_of" => ScalarNode::MaxOf(
                Box::new(self.scalar_argument(call, 0, grid)?),
                Box::new(self.scalar_argument(call, 1, grid)?),
            ),
            other => return Err(unknown_function(other)),
        })
    }

    pub(super) fn vector_call(
        &mut self,
        call: &CallExpr,
        span: Span,
        grid: Grid,
    ) -> Result<VectorNode, EvalError> {
        if let Some(function) = map_function(call.function) {
            return self.map_call(call, function, grid);
        }
        if let Some((function, matrix_at)) = range_function(call.function) {
            let input = self.range_argument(call, matrix_at, grid)?;
            let params = (0..call.args.len())
                .filter(|&at| at != matrix_at)
                .map(|at| self.scalar_argument(call, at, grid))
                .collect::<Result<_, _>>()?;
            return Ok(VectorNode::Range(Box::new(RangeCall {
                function,
                input,
                params,
            })));
        }
        match call.function {
            "vector" => Ok(VectorNode::FromScalar(self.scalar_argument(call, 0, grid)?)),
            "absent" => {
                let input = self.vector_argument(call, 0, grid)?;
                Ok(VectorNode::Absent {
                    input: Box::new(input),
                    labels: absent_labels(argument(call, 0)?),
                })
            }
            "absent_over_time" => Ok(VectorNode::AbsentOverTime {
                input: self.range_argument(call, 0, grid)?,
                labels: absent_labels(argument(call, 0)?),
            }),
            "label_replace" => self.label_replace(call, grid),
            "label_join" => self.label_join(call, grid),
            "sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc" => {
                let descending = call.function.ends_with("_desc");
                let order = if call.function.starts_with("sort_by_label") {
                    let names = call.args.iter().skip(1).map(string).collect::<Result<_, _>>()?;
                    SortOrder::Labels { names, descending }
                } else {
                    SortOrder::Value { descending }
                };
                Ok(VectorNode::Sort {
                    input: Box::new(self.vector_argument(call, 0, grid)?),
                    order,
                    span,
                })
            }
            "histogram_quantile" => {
                let quantile = (self.scalar_argument(call, 0, grid)?, argument(call, 0)?.span);
                Ok(VectorNode::HistogramQuantile(Box::new(HistogramQuantile {
                    quantiles: vec![quantile],
                    input: self.vector_argument(call, 1, grid)?,
                    label: None,
                    input_span: argument(call, 1)?.span,
                })))
            }
            "histogram_quantiles" => {
                let quantiles = (2..call.args.len())
                    .map(|at| Ok((self.scalar_argument(call, at, grid)?, argument(call, at)?.span)))
                    .collect::<Result<_, EvalError>>()?;
                Ok(VectorNode::HistogramQuantile(Box::new(HistogramQuantile {
                    quantiles,
                    input: self.vector_argument(call, 0, grid)?,
                    label: Some(string(argument(call, 1)?)?),
                    input_span: argument(call, 0)?.span,
                })))
            }
            "histogram_fraction" => Ok(VectorNode::HistogramFraction(Box::new(HistogramFraction {
                lower: self.scalar_argument(call, 0, grid)?,
                upper: self.scalar_argument(call, 1, grid)?,
                lower_span: argument(call, 0)?.span,
                input: self.vector_argument(call, 2, grid)?,
                input_span: argument(call, 2)?.span,
            }))),
            "info" => self.info(call, grid),
            "start_timestamp" => self.start_timestamp(call, grid),
            other => Err(unknown_function(other)),
        }
    }

    /// Only selected samples have start times.
    fn start_timestamp(&mut self, call: &CallExpr, grid: Grid) -> Result<VectorNode, EvalError> {
        let argument = unwrap_parens(argument(call, 0)?);
        match &argument.kind {
            ExprKind::Vector(selector) if self.params.use_start_timestamps => {
                let selector = self.instant_selector(selector, argument.span, grid)?;
                Ok(VectorNode::SelectorTime(selector, SampleTime::Start))
            }
            _ => Ok(VectorNode::Nothing),
        }
    }

    fn map_call(
        &mut self,
        call: &CallExpr,
        function: MapFunction,
        grid: Grid,
    ) -> Result<VectorNode, EvalError> {
        if function == MapFunction::Timestamp
            && let argument = unwrap_parens(argument(call, 0)?)
            && let ExprKind::Vector(selector) = &argument.kind
        {
            let selector = self.instant_selector(selector, argument.span, grid)?;
            return Ok(VectorNode::SelectorTime(selector, SampleTime::Taken));
        }
        let (input, first_param) = match function {
            MapFunction::Calendar(_) if call.args.is_empty() => (VectorNode::FromScalar(ScalarNode::Time), 0),
            _ => (self.vector_argument(call, 0, grid)?, 1),
        };
        let mut params = (first_param..call.args.len())
            .map(|at| self.scalar_argument(call, at, grid))
            .collect::<Result<Vec<_>, _>>()?;
        if function == MapFunction::Round && params.is_empty() {
            params.push(ScalarNode::Number(1.0));
        }
        Ok(VectorNode::Map {
            function,
            input: Box::new(input),
            params,
        })
    }

    fn label_replace(&mut self, call: &CallExpr, grid: Grid) -> Result<VectorNode, EvalError> {
        let target = self.label_name(argument(call, 1)?, |name| {
            format!(
                "invalid destination label name in label_replace(): {}",
                name.trim_matches('"')
            )
        })?;
        let pattern = string(argument(call, 4)?)?;
        let regex = anchored_regex(&pattern).map_err(|_| {
            EvalError::Execution(format!(
                "invalid regular expression in label_replace(): {pattern}"
            ))
        })?;
        Ok(VectorNode::LabelReplace(Box::new(LabelReplace {
            input: self.vector_argument(call, 0, grid)?,
            target,
            replacement: string(argument(call, 2)?)?,
            source: string(argument(call, 3)?)?,
            regex,
        })))
    }

    fn label_join(&mut self, call: &CallExpr, grid: Grid) -> Result<VectorNode, EvalError> {
        let target = self.label_name(argument(call, 1)?, |name| {
            format!(
                "invalid destination label name in label_join(): {}",
                name.trim_matches('"')
            )
        })?;
        let separator = string(argument(call, 2)?)?;
        let sources: Vec<String> = call
            .args
            .iter()
            .skip(3)
            .map(|source| {
                self.label_name(source, |name| {
                    format!(
                        "invalid source label name in label_join(): {}",
                        name.trim_matches('"')
                    )
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(VectorNode::LabelJoin {
            input: Box::new(self.vector_argument(call, 0, grid)?),
            target,
            separator,
            sources,
        })
    }

    fn info(&mut self, call: &CallExpr, grid: Grid) -> Result<VectorNode, EvalError> {
        let matchers: &[Matcher] = match call.args.get(1).map(|argument| &unwrap_parens(argument).kind) {
            Some(ExprKind::Vector(selector)) => &selector.matchers,
            _ => &[],
        };
        let (mut name_matchers, data_matchers): (Vec<Matcher>, Vec<Matcher>) = matchers
            .iter()
            .cloned()
            .partition(|matcher| matcher.name == METRIC_NAME);
        let selects = |matcher: &Matcher| matches!(matcher.op, MatchOp::Equal | MatchOp::Regex);
        if name_matchers.is_empty() {
            name_matchers.push(Matcher::equal(METRIC_NAME, "target_info"));
        } else if !name_matchers.iter().any(selects) {
            let any_info = Matcher::new(MatchOp::Regex, METRIC_NAME, ".+_info")
                .map_err(|error| EvalError::Invalid(error.to_string()))?;
            name_matchers.insert(0, any_info);
        }
        let input_expr = argument(call, 0)?;
        let timing = self
            .first_selector_timing(input_expr)?
            .unwrap_or(Timing::Offset(0));
        let input = self.vector_argument(call, 0, grid)?;
        let matchers: Vec<Matcher> = name_matchers.iter().chain(&data_matchers).cloned().collect();
        let selection = self.select(&matchers, timing, grid, self.params.lookback_ms, 0);
        Ok(VectorNode::Info(Box::new(InfoCall {
            input,
            selection,
            timing,
            name_matchers,
            data_matchers,
        })))
    }

    /// The time that the first selector within looks at: its own `@`, or that of the innermost
    /// subquery around it that has one, and the offsets on the way.
    fn first_selector_timing(&self, expr: &Expr) -> Result<Option<Timing>, EvalError> {
        Ok(match &expr.kind {
            ExprKind::Number { .. } | ExprKind::String(_) => None,
            ExprKind::Vector(selector) => {
                Some(self.timing(selector.offset.as_ref(), selector.at, expr.span)?)
            }
            ExprKind::Matrix(matrix) => {
                let selector = &matrix.selector;
                Some(self.timing(selector.offset.as_ref(), selector.at, expr.span)?)
            }
            ExprKind::Subquery(subquery) => match self.first_selector_timing(&subquery.expr)? {
                Some(Timing::Offset(inner_ms)) => {
                    let outer = self.timing(subquery.offset.as_ref(), subquery.at, expr.span)?;
                    Some(match outer {
                        Timing::Offset(outer_ms) => Timing::Offset(outer_ms.saturating_add(inner_ms)),
                        Timing::Pinned(time_ms) => Timing::Pinned(time_ms.saturating_sub(inner_ms)),
                    })
                }
                pinned_or_none => pinned_or_none,
            },
            ExprKind::Unary { operand, .. } => self.first_selector_timing(operand)?,
            ExprKind::Paren(inner) => self.first_selector_timing(inner)?,
            ExprKind::Binary(binary) => match self.first_selector_timing(&binary.left)? {
                None => self.first_selector_timing(&binary.right)?,
                found => found,
            },
            ExprKind::Aggregate(aggregate) => self.first_selector_timing(&aggregate.expr)?,
            ExprKind::Call(call) => {
                for argument in &call.args {
                    if let Some(found) = self.first_selector_timing(argument)? {
                        return Ok(Some(found));
                    }
                }
                None
            }
        })
    }

    fn vector_argument(&mut self, call: &CallExpr, at: usize, grid: Grid) -> Result<VectorNode, EvalError> {
        self.vector(unwrap_parens(argument(call, at)?), grid)
    }

    fn scalar_argument(&mut self, call: &CallExpr, at: usize, grid: Grid) -> Result<ScalarNode, EvalError> {
        self.scalar(unwrap_parens(argument(call, at)?), grid)
    }

    fn range_argument(&mut self, call: &CallExpr, at: usize, grid: Grid) -> Result<RangeInput, EvalError> {
        let input = self.range_input(argument(call, at)?, grid)?;
        let (edge, allowed) = match input.edge {
            None => return Ok(input),
            Some(RangeEdge::Anchored) => ("anchored", &ANCHORED_FUNCTIONS[..]),
            Some(RangeEdge::Smoothed) => ("smoothed", &SMOOTHED_FUNCTIONS[..]),
        };
        if allowed.contains(&call.function) {
            return Ok(input);
        }
        Err(EvalError::Execution(format!(
            "{edge} modifier can only be used with: {} - not with {}",
            allowed.join(", "),
            call.function
        )))
    }
}

fn argument(call: &CallExpr, at: usize) -> Result<&Expr, EvalError> {
    call.args.get(at).ok_or_else(|| {
        EvalError::Invalid(format!(
            "expected more than {} argument(s) in call to {:?}",
            call.args.len(),
            call.function
        ))
    })
}

fn unknown_function(name: &str) -> EvalError {
    EvalError::Invalid(format!("unknown function with name {name:?}"))
}

/// The labels of an absent series: those its selector gives by `=`, unless one is given twice.
fn absent_labels(expr: &Expr) -> vigie_model::Labels {
    let matchers: &[Matcher] = match &unwrap_parens(expr).kind {
        ExprKind::Vector(selector) => &selector.matchers,
        ExprKind::Matrix(matrix) => &matrix.selector.matchers,
        _ => &[],
    };
    let mut labels = LabelsBuilder::new();
    let mut given: Vec<&str> = Vec::new();
    for matcher in matchers.iter().filter(|matcher| matcher.name != METRIC_NAME) {
        if matcher.op == MatchOp::Equal && !given.contains(&matcher.name.as_str()) {
            labels.set(&matcher.name, matcher.value.as_str());
            given.push(&matcher.name);
        } else {
            labels.remove(&matcher.name);
        }
    }
    labels.build()
}

fn map_function(name: &str) -> Option<MapFunction> {
    use CalendarField as Field;
    Some(match name {
        "abs" => MapFunction::Abs,
        "ceil" => MapFunction::Ceil,
        "floor" => MapFunction::Floor,
        "exp" => MapFunction::Exp,
        "sqrt" => MapFunction::Sqrt,
        "ln" => MapFunction::Ln,
        "log2" => MapFunction::Log2,
        "log10" => MapFunction::Log10,
        "sin" => MapFunction::Sin,
        "cos" => MapFunction::Cos,
        "tan" => MapFunction::Tan,
        "asin" => MapFunction::Asin,
        "acos" => MapFunction::Acos,
        "atan" => MapFunction::Atan,
        "sinh" => MapFunction::Sinh,
        "cosh" => MapFunction::Cosh,
        "tanh" => MapFunction::Tanh,
        "asinh" => MapFunction::Asinh,
        "acosh" => MapFunction::Acosh,
        "atanh" => MapFunction::Atanh,
        "rad" => MapFunction::Rad,
        "deg" => MapFunction::Deg,
        "sgn" => MapFunction::Sgn,
        "round" => MapFunction::Round,
        "clamp" => MapFunction::Clamp,
        "clamp_min" => MapFunction::ClampMin,
        "clamp_max" => MapFunction::ClampMax,
        "timestamp" => MapFunction::Timestamp,
        "days_in_month" => MapFunction::Calendar(Field::DaysInMonth),
        "day_of_month" => MapFunction::Calendar(Field::DayOfMonth),
        "day_of_week" => MapFunction::Calendar(Field::DayOfWeek),
        "day_of_year" => MapFunction::Calendar(Field::DayOfYear),
        "hour" => MapFunction::Calendar(Field::Hour),
        "minute" => MapFunction::Calendar(Field::Minute),
        "month" => MapFunction::Calendar(Field::Month),
        "year" => MapFunction::Calendar(Field::Year),
        "histogram_count" => MapFunction::Histogram(HistogramStatistic::Count),
        "histogram_sum" => MapFunction::Histogram(HistogramStatistic::Sum),
        "histogram_avg" => MapFunction::Histogram(HistogramStatistic::Avg),
        "histogram_stddev" => MapFunction::Histogram(HistogramStatistic::Stddev),
        "histogram_stdvar" => MapFunction::Histogram(HistogramStatistic::Stdvar),
        _ => return None,
    })
}

/// The function and which of its arguments is the range vector.
fn range_function(name: &str) -> Option<(RangeFunction, usize)> {
    Some(match name {
        "quantile_over_time" => (RangeFunction::Quantile, 1),
        "rate" => (RangeFunction::Rate, 0),
        "increase" => (RangeFunction::Increase, 0),
        "delta" => (RangeFunction::Delta, 0),
        "irate" => (RangeFunction::Irate, 0),
        "idelta" => (RangeFunction::Idelta, 0),
        "deriv" => (RangeFunction::Deriv, 0),
        "predict_linear" => (RangeFunction::PredictLinear, 0),
        "double_exponential_smoothing" => (RangeFunction::DoubleExponentialSmoothing, 0),
        "resets" => (RangeFunction::Resets, 0),
        "changes" => (RangeFunction::Changes, 0),
        "sum_over_time" => (RangeFunction::Sum, 0),
        "avg_over_time" => (RangeFunction::Avg, 0),
        "min_over_time" => (RangeFunction::Min, 0),
        "max_over_time" => (RangeFunction::Max, 0),
        "count_over_time" => (RangeFunction::Count, 0),
        "present_over_time" => (RangeFunction::Present, 0),
        "first_over_time" => (RangeFunction::First, 0),
        "last_over_time" => (RangeFunction::Last, 0),
        "stddev_over_time" => (RangeFunction::Stddev, 0),
        "stdvar_over_time" => (RangeFunction::Stdvar, 0),
        "mad_over_time" => (RangeFunction::Mad, 0),
        "ts_of_first_over_time" => (RangeFunction::TimestampOfFirst, 0),
        "ts_of_last_over_time" => (RangeFunction::TimestampOfLast, 0),
        "ts_of_min_over_time" => (RangeFunction::TimestampOfMin, 0),
        "ts_of_max_over_time" => (RangeFunction::TimestampOfMax, 0),
        _ => return None,
    })
}
