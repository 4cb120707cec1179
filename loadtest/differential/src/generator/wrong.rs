//! Queries that are grammatical but wrong, so that the types of errors are compared.

use super::Writer;
use crate::expression::{
    Aggregate, Expression, Group, Literal, MatchOperator, Matcher, Matching, Selector, Subquery,
};
use crate::functions::{ARITHMETIC, COMPARISONS, MATHS, OF_COUNTERS, SET_OPERATORS};
use crate::query::{Body, Grid, Query};

impl Writer<'_> {
    pub(super) fn wrong_query(&mut self) -> Query {
        if self.rng.chance(15) {
            let mut query = self.affordable_query();
            query.grid = self.wrong_grid();
            return query;
        }
        let grid = if self.rng.chance(50) {
            self.instant_grid()
        } else {
            self.range_grid()
        };
        let expression = match self.rng.below(4) {
            0 => self.wrong_types(),
            1 => self.wrong_arguments(),
            2 => self.wrong_selector(),
            _ => self.wrong_matching(),
        };
        // Now and then the fault is deep inside.
        let expression = if self.rng.chance(25) {
            Expression::aggregate("sum", Expression::call("abs", vec![expression]))
        } else {
            expression
        };
        Query {
            body: Body::Tree(expression),
            grid,
        }
    }

    fn wrong_grid(&mut self) -> Grid {
        let start_ms = self.time_ms();
        let (end_ms, step_ms) = *self.rng.pick(&[
            (start_ms - 1, 1000),
            (start_ms - 3_600_000, 60_000),
            (start_ms + 60_000, 0),
            (start_ms + 60_000, -15_000),
            (start_ms + 11_000_000, 1000),
            (start_ms + 11_001_000, 1000),
            (start_ms + 86_400_000, 1),
        ]);
        Grid::Range {
            start_ms,
            end_ms,
            step_ms,
        }
    }

    fn wrong_types(&mut self) -> Expression {
        let vector = self.instant_selector(None).expression;
        let metric = self.metric(None);
        let range = self.range_of(metric).expression;
        match self.rng.below(12) {
            0 => Expression::call(self.rng.word(OF_COUNTERS), vec![vector]),
            1 => Expression::call(self.rng.word(MATHS), vec![range]),
            2 => Expression::call(self.rng.word(MATHS), vec![self.number()]),
            3 => Expression::aggregate("sum", self.scalar(1)),
            4 => Expression::aggregate("max", range),
            5 => Expression::binary(self.number(), self.rng.word(COMPARISONS), self.number()),
            6 => Expression::binary(vector, self.rng.word(SET_OPERATORS), self.number()),
            7 => Expression::binary(range, self.rng.word(ARITHMETIC), vector),
            8 => Expression::binary(vector, self.rng.word(ARITHMETIC), self.text()),
            9 => Expression::Minus(Box::new(range)),
            10 => Expression::Subquery(Box::new(Subquery {
                inner: range,
                range: "5m".to_owned(),
                step: None,
                shift: self.shift(),
            })),
            _ => Expression::call("scalar", vec![self.text()]),
        }
    }

    fn wrong_arguments(&mut self) -> Expression {
        let vector = self.instant_selector(None).expression;
        let metric = self.metric(None);
        let range = self.range_of(metric).expression;
        match self.rng.below(14) {
            0 => Expression::call("no_such_function", vec![vector]),
            1 => Expression::call("rate", vec![]),
            2 => Expression::call("rate", vec![range.clone(), range]),
            3 => Expression::call("round", vec![vector, self.number(), self.number()]),
            4 => Expression::call("quantile_over_time", vec![range]),
            5 => Expression::call("label_join", vec![vector, Expression::text("a")]),
            6 => {
                let mut texts = ["made", "$1", "job", "("].map(Expression::text).to_vec();
                texts.insert(0, vector);
                Expression::call("label_replace", texts)
            }
            7 => {
                let mut texts = ["", "$1", "job", "(.*)"].map(Expression::text).to_vec();
                texts.insert(0, vector);
                Expression::call("label_replace", texts)
            }
            8 => parameterised("count_values", Some(Expression::text("")), vector),
            9 => parameterised("topk", Some(Expression::text("5")), vector),
            10 => parameterised("topk", Some(Expression::number("NaN")), vector),
            11 => parameterised("quantile", None, vector),
            12 => parameterised("sum", Some(self.number()), vector),
            _ => parameterised("bottomk", Some(Expression::number("1e30")), vector),
        }
    }

    fn wrong_selector(&mut self) -> Expression {
        let metric = self.metric(None);
        let mut selector = self.plain_selector(metric);
        let matcher = |label: &str, operator, value: &str| Matcher {
            label: label.to_owned(),
            operator,
            value: Literal::new(value),
        };
        match self.rng.below(9) {
            0 => selector = Selector::default(),
            1 => {
                selector = Selector {
                    matchers: vec![matcher("job", MatchOperator::Matches, ".*")],
                    ..Selector::default()
                };
            }
            2 => selector
                .matchers
                .push(matcher("job", MatchOperator::Matches, "(")),
            3 => selector
                .matchers
                .push(matcher("job", MatchOperator::NotMatches, "a{2,1}")),
            4 => selector
                .matchers
                .push(matcher("__name__", MatchOperator::Equal, "up")),
            5 => selector.range = Some("0s".to_owned()),
            6 => selector.range = Some("-5m".to_owned()),
            7 => selector.shift.at = Some("Inf".to_owned()),
            _ => selector.shift.offset = Some("9223372036854775807".to_owned()),
        }
        Expression::Selector(selector)
    }

    /// Matching that is refused when parsing, or when it finds several partners.
    fn wrong_matching(&mut self) -> Expression {
        let metric = self.metric(None);
        let (left, right) = (self.selector_of(metric), self.selector_of(metric));
        let label = self.rng.pick(&left.labels_or(&["job"])).clone();
        let operator = self.rng.word(ARITHMETIC);
        let mut expression = Expression::binary(left.expression, operator, right.expression);
        let Expression::Binary(binary) = &mut expression else {
            return expression;
        };
        let matching = |on, labels: &[&String]| {
            Some(Matching {
                on,
                labels: labels.iter().map(|label| (*label).clone()).collect(),
            })
        };
        let group = |left, labels: &[&String]| {
            Some(Group {
                left,
                labels: labels.iter().map(|label| (*label).clone()).collect(),
            })
        };
        match self.rng.below(8) {
            0 => binary.matching = matching(true, &[]),
            1 => binary.matching = matching(true, &[&label]),
            2 => binary.matching = matching(false, &[&label]),
            3 => {
                binary.matching = matching(true, &[&label]);
                binary.group = group(self.rng.chance(50), &[]);
            }
            4 => {
                binary.matching = matching(true, &[&label]);
                binary.group = group(true, &[&label]);
            }
            5 => {
                binary.operator = self.rng.word(SET_OPERATORS);
                binary.matching = matching(true, &[&label]);
                binary.group = group(true, &[]);
            }
            6 => binary.returns_bool = true,
            _ => {
                binary.right = self.number();
                binary.matching = matching(true, &[&label]);
            }
        }
        expression
    }
}

fn parameterised(operator: &'static str, parameter: Option<Expression>, inner: Expression) -> Expression {
    Expression::Aggregate(Box::new(Aggregate {
        operator,
        parameter,
        inner,
        grouping: None,
        grouping_last: false,
    }))
}
