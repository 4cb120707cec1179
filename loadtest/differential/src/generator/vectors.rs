//! Instant vectors: aggregations and functions.

use super::{Vector, Writer};
use crate::expression::{Aggregate, Expression, Grouping};
use crate::functions::{AGGREGATIONS, CALENDAR, MATHS, OF_HISTOGRAMS};
use crate::schema::MetricKind;

impl Writer<'_> {
    pub(super) fn vector(&mut self, depth: u32) -> Vector {
        if depth == 0 {
            return self.instant_selector(None);
        }
        match self.rng.weighted(&[26, 22, 24, 8, 5, 5, 2, 4, 2, 2]) {
            0 => self.range_function(depth),
            1 => self.aggregation(depth),
            2 => self.binary(depth),
            3 => self.maths(depth),
            4 => self.label_function(depth),
            5 => self.histogram_function(depth),
            6 => self.absent(depth),
            7 => self.of_time(depth),
            8 => self
                .vector(depth - 1)
                .map(|inner| Expression::Minus(Box::new(inner))),
            _ => self
                .vector(depth - 1)
                .map(|inner| Expression::Parentheses(Box::new(inner))),
        }
    }

    fn aggregation(&mut self, depth: u32) -> Vector {
        let inner = self.vector(depth - 1);
        match self.rng.weighted(&[80, 8, 5, 5, 4]) {
            1 => {
                let quantile = self.quantile();
                self.aggregate("quantile", Some(quantile), inner)
            }
            2 => self.count_values(inner),
            3 => {
                // Which of equal values is kept must not show: see `order`.
                let choice = self.choice_over(inner);
                choice.map(|choice| {
                    Expression::aggregate(self.rng.word(&["sum", "max", "min", "count", "avg"]), choice)
                })
            }
            4 if self.options.experimental_functions => {
                if self.rng.chance(30) {
                    let k = Expression::number(self.rng.between(0, 4).to_string());
                    let limited = self.aggregate("limitk", Some(k), inner);
                    return Vector {
                        expression: Expression::aggregate("count", limited.expression),
                        labels: Vec::new(),
                    };
                }
                let ratio = self
                    .rng
                    .word(&["0.5", "-0.5", "0.1", "0.9", "1", "-1", "0", "1.5"]);
                self.aggregate("limit_ratio", Some(Expression::number(ratio)), inner)
            }
            _ => {
                let operator = self.rng.word(AGGREGATIONS);
                self.aggregate(operator, None, inner)
            }
        }
    }

    /// `topk` or `bottomk` on the outside.
    pub(super) fn choice(&mut self, depth: u32) -> Vector {
        let inner = self.vector(depth.saturating_sub(1));
        self.choice_over(inner)
    }

    fn choice_over(&mut self, inner: Vector) -> Vector {
        let operator = self.rng.word(&["topk", "bottomk"]);
        let k = self.rng.word(&["1", "2", "3", "5", "100", "0", "-1", "2.7"]);
        self.aggregate(operator, Some(Expression::number(k)), inner)
    }

    /// Rounded first, so that there are not as many groups as values.
    fn count_values(&mut self, inner: Vector) -> Vector {
        let inner = if self.rng.chance(70) {
            inner.map(|inner| Expression::call("round", vec![inner, Expression::number("100")]))
        } else {
            inner
        };
        let label = match self.rng.pick(&inner.labels_or(&["value"])).clone() {
            label if self.rng.chance(15) => label,
            _ => "value".to_owned(),
        };
        let parameter = Expression::Text(self.literal(&label));
        let mut vector = self.aggregate("count_values", Some(parameter), inner);
        vector.labels.push(label);
        vector
    }

    fn aggregate(&mut self, operator: &'static str, parameter: Option<Expression>, inner: Vector) -> Vector {
        let keeps_series = ["topk", "bottomk", "limitk", "limit_ratio"].contains(&operator);
        let (grouping, labels) = self.grouping(&inner.labels);
        let expression = Expression::Aggregate(Box::new(Aggregate {
            operator,
            parameter,
            inner: inner.expression,
            grouping,
            grouping_last: self.rng.chance(25),
        }));
        Vector {
            expression,
            labels: if keeps_series { inner.labels } else { labels },
        }
    }

    /// A clause over some of the labels, and the labels that it leaves.
    fn grouping(&mut self, labels: &[String]) -> (Option<Grouping>, Vec<String>) {
        let count = self.rng.between(1, 3) as usize;
        let mut chosen = self.rng.some(labels, count);
        let without = match self.rng.weighted(&[25, 55, 20]) {
            0 => return (None, Vec::new()),
            1 => false,
            _ => true,
        };
        let left = if without {
            labels
                .iter()
                .filter(|label| !chosen.contains(label))
                .cloned()
                .collect()
        } else {
            chosen.clone()
        };
        if self.rng.chance(5) {
            chosen.push("absent".to_owned());
        }
        (
            Some(Grouping {
                without,
                labels: chosen,
            }),
            left,
        )
    }

    fn maths(&mut self, depth: u32) -> Vector {
        let inner = self.vector(depth - 1);
        let mut arguments = Vec::new();
        let function = match self.rng.weighted(&[55, 10, 8, 8, 8, 11]) {
            0 => self.rng.word(MATHS),
            1 => {
                if self.rng.chance(60) {
                    arguments.push(self.number());
                }
                "round"
            }
            2 => {
                arguments.extend([self.scalar(1), self.scalar(1)]);
                "clamp"
            }
            3 => {
                arguments.push(self.scalar(1));
                "clamp_min"
            }
            4 => {
                arguments.push(self.scalar(1));
                "clamp_max"
            }
            _ => "timestamp",
        };
        inner.map(|inner| {
            arguments.insert(0, inner);
            Expression::call(function, arguments)
        })
    }

    fn label_function(&mut self, depth: u32) -> Vector {
        let mut inner = self.vector(depth - 1);
        if self.options.experimental_functions && self.rng.chance(15) {
            return inner.map(|inner| Expression::call("info", vec![inner]));
        }
        let known = inner.labels_or(&["job"]);
        let source = self.rng.pick(&known).clone();
        let target = match self.rng.below(6) {
            0 => self.rng.pick(&known).clone(),
            1 => "__name__".to_owned(),
            _ => "made".to_owned(),
        };
        let expression = if self.rng.chance(60) {
            let (pattern, replacement) = *self.rng.pick(&[
                ("(.*)", "$1"),
                ("(.*)", "x-$1-y"),
                ("(.).*", "${1}"),
                ("(?P<first>.)(.*)", "$2$first"),
                ("(.*)", ""),
                ("nothing", "z"),
                (".*", "constant"),
                ("(.+)[0-9]+", "$1$0"),
                ("", "was-empty"),
            ]);
            let mut text = |content: &str| Expression::Text(self.literal(content));
            let arguments = [text(&target), text(replacement), text(&source), text(pattern)];
            Expression::call(
                "label_replace",
                std::iter::once(inner.expression).chain(arguments).collect(),
            )
        } else {
            let separator = self.rng.word(&["", "-", ", ", "/"]);
            let count = self.rng.between(1, 3) as usize;
            let sources = self.rng.some(&known, count);
            let mut text = |content: &str| Expression::Text(self.literal(content));
            let mut arguments = vec![inner.expression, text(&target), text(separator)];
            arguments.extend(sources.iter().map(|source| text(source)));
            Expression::call("label_join", arguments)
        };
        if target != "__name__" && !inner.labels.contains(&target) {
            inner.labels.push(target);
        }
        Vector {
            expression,
            labels: inner.labels,
        }
    }

    fn histogram_function(&mut self, depth: u32) -> Vector {
        let native = self.options.native_histograms && self.rng.chance(60);
        let kind = if native {
            MetricKind::NativeHistogram
        } else {
            MetricKind::ClassicBucket
        };
        let metric = self.metric(Some(kind));
        let mut buckets = if self.rng.chance(70) {
            let function = self
                .rng
                .word(&["rate", "increase", "sum_over_time", "last_over_time"]);
            let range = self.range_of(metric);
            range.map(|range| Expression::call(function, vec![range]))
        } else {
            self.selector_of(metric)
        };
        if depth > 1 && self.rng.chance(60) {
            let count = self.rng.between(0, 2) as usize;
            let mut labels = self.rng.some(&buckets.labels, count);
            if !labels.iter().any(|label| label == "le") && !native {
                labels.push("le".to_owned());
            }
            let mut summed = Expression::aggregate("sum", buckets.expression);
            if let Expression::Aggregate(aggregate) = &mut summed {
                aggregate.grouping = Some(Grouping {
                    without: false,
                    labels: labels.clone(),
                });
            }
            buckets = Vector {
                expression: summed,
                labels,
            };
        }
        buckets.labels.retain(|label| label != "le");
        if native && self.rng.chance(40) {
            let function = self.rng.word(OF_HISTOGRAMS);
            return buckets.map(|buckets| Expression::call(function, vec![buckets]));
        }
        match self.rng.weighted(&[75, 20, 5]) {
            1 => {
                let (lower, upper) =
                    *self
                        .rng
                        .pick(&[("0", "0.5"), ("0.1", "1"), ("-Inf", "2"), ("1", "0.2")]);
                let bounds = [Expression::number(lower), Expression::number(upper)];
                buckets.map(|buckets| {
                    Expression::call(
                        "histogram_fraction",
                        bounds.into_iter().chain([buckets]).collect(),
                    )
                })
            }
            2 if self.options.experimental_functions => {
                let quantiles = [self.quantile(), Expression::number("0.42")];
                buckets.labels.push("q".to_owned());
                buckets.map(|buckets| {
                    let head = [buckets, Expression::text("q")];
                    Expression::call("histogram_quantiles", head.into_iter().chain(quantiles).collect())
                })
            }
            _ => {
                let quantile = self.quantile();
                buckets.map(|buckets| Expression::call("histogram_quantile", vec![quantile, buckets]))
            }
        }
    }

    fn absent(&mut self, depth: u32) -> Vector {
        let inner = if self.rng.chance(60) {
            self.instant_selector(None)
        } else {
            self.vector(depth - 1)
        };
        Vector {
            expression: Expression::call("absent", vec![inner.expression]),
            labels: Vec::new(),
        }
    }

    fn of_time(&mut self, depth: u32) -> Vector {
        if self.rng.chance(35) {
            return Vector {
                expression: Expression::call("vector", vec![self.scalar(depth - 1)]),
                labels: Vec::new(),
            };
        }
        let function = self.rng.word(CALENDAR);
        if self.rng.chance(50) {
            return Vector {
                expression: Expression::call(function, vec![]),
                labels: Vec::new(),
            };
        }
        let inner = self.vector(depth - 1);
        let inner = if self.rng.chance(60) {
            inner.map(|inner| Expression::call("timestamp", vec![inner]))
        } else {
            inner
        };
        inner.map(|inner| Expression::call(function, vec![inner]))
    }

    /// One of the sorting functions on the outside.
    pub(super) fn sorted(&mut self, depth: u32) -> Expression {
        let inner = self.vector(depth.saturating_sub(1));
        if self.options.experimental_functions && self.rng.chance(40) {
            let function = self.rng.word(&["sort_by_label", "sort_by_label_desc"]);
            let label = self.rng.pick(&inner.labels_or(&["job"])).clone();
            return Expression::call(function, vec![inner.expression, Expression::text(label)]);
        }
        Expression::call(self.rng.word(&["sort", "sort_desc"]), vec![inner.expression])
    }
}

impl Vector {
    /// The labels, or these when there are none.
    pub(super) fn labels_or(&self, others: &[&str]) -> Vec<String> {
        if self.labels.is_empty() {
            others.iter().map(|label| (*label).to_owned()).collect()
        } else {
            self.labels.clone()
        }
    }
}
