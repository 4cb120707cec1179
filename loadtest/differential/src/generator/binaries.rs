//! Binary operations, most of which find partners on both sides.

use super::{Vector, Writer};
use crate::expression::{Aggregate, Binary, Expression, Fill, Group, Grouping, Matching};
use crate::functions::{AGGREGATIONS, ARITHMETIC, COMPARISONS, MATHS, OF_COUNTERS, OF_RANGES, SET_OPERATORS};
use crate::schema::Metric;

impl<'a> Writer<'a> {
    pub(super) fn binary(&mut self, depth: u32) -> Vector {
        match self.rng.weighted(&[34, 22, 16, 10, 12, 6]) {
            0 => self.vector_and_scalar(depth),
            1 => self.same_series(),
            2 => self.same_groups(),
            3 => self.many_to_one(),
            4 => self.set_operation(depth),
            _ => {
                let left = self.vector(depth - 1);
                let right = self.vector(depth - 1);
                let operator = self.operator();
                self.join(left, operator, right, None, None)
            }
        }
    }

    fn operator(&mut self) -> &'static str {
        if self.rng.chance(65) {
            self.rng.word(ARITHMETIC)
        } else {
            self.rng.word(COMPARISONS)
        }
    }

    fn vector_and_scalar(&mut self, depth: u32) -> Vector {
        let vector = self.vector(depth - 1);
        let scalar = self.scalar(depth - 1);
        let operator = self.operator();
        let returns_bool = COMPARISONS.contains(&operator) && self.rng.chance(40);
        let swapped = self.rng.chance(35);
        vector.map(|vector| {
            let mut expression = if swapped {
                Expression::binary(scalar, operator, vector)
            } else {
                Expression::binary(vector, operator, scalar)
            };
            if let Expression::Binary(binary) = &mut expression {
                binary.returns_bool = returns_bool;
            }
            expression
        })
    }

    /// Two views of the series of one metric.
    fn same_series(&mut self) -> Vector {
        let metric = self.metric(None);
        let left = self.view(metric);
        let right = self.view(metric);
        let operator = self.operator();
        let matching = match self.rng.below(10) {
            0 | 1 => Some(Matching {
                on: true,
                labels: left.labels.clone(),
            }),
            2 => Some(Matching {
                on: false,
                labels: vec!["absent".to_owned()],
            }),
            _ => None,
        };
        self.join(left, operator, right, matching, None)
    }

    /// The series of a metric with their labels kept: as they are, or through a function.
    fn view(&mut self, metric: Option<&Metric>) -> Vector {
        match self.rng.below(4) {
            0 | 1 => self.selector_of(metric),
            2 => {
                let function = self.rng.word(MATHS);
                let vector = self.selector_of(metric);
                vector.map(|vector| Expression::call(function, vec![vector]))
            }
            _ => {
                let functions = if self.rng.chance(50) {
                    OF_COUNTERS
                } else {
                    OF_RANGES
                };
                let function = match self.rng.word(functions) {
                    "absent_over_time" => "max_over_time",
                    function => function,
                };
                let range = self.range_of(metric);
                range.map(|range| Expression::call(function, vec![range]))
            }
        }
    }

    /// Two metrics, aggregated by labels that both have.
    fn same_groups(&mut self) -> Vector {
        let (left, right, labels) = self.two_metrics();
        let left = self.grouped(left, labels.clone());
        let right = self.grouped(right, labels.clone());
        let operator = self.operator();
        let matching = match self.rng.below(4) {
            0 => Some(Matching { on: true, labels }),
            1 => Some(Matching {
                on: false,
                labels: Vec::new(),
            }),
            _ => None,
        };
        self.join(left, operator, right, matching, None)
    }

    fn many_to_one(&mut self) -> Vector {
        let (many, one, labels) = self.two_metrics();
        let many = self.view(many);
        let extra: Vec<String> = one
            .map(|metric| metric.label_names.clone())
            .unwrap_or_default()
            .into_iter()
            .filter(|label| !labels.contains(label))
            .collect();
        // Mostly none: a group with several values of them has no single partner.
        let extra_count = usize::from(self.rng.chance(35));
        let extra = self.rng.some(&extra, extra_count);
        let one = self.grouped(one, [labels.clone(), extra.clone()].concat());
        let included = if self.rng.chance(80) { extra } else { Vec::new() };
        let matching = Some(Matching { on: true, labels });
        let operator = self.operator();
        let to_left = self.rng.chance(60);
        let group = Some(Group {
            left: to_left,
            labels: included,
        });
        if to_left {
            self.join(many, operator, one, matching, group)
        } else {
            self.join(one, operator, many, matching, group)
        }
    }

    /// Two metrics and some labels that both have; the same metric twice when they have none in common.
    fn two_metrics(&mut self) -> (Option<&'a Metric>, Option<&'a Metric>, Vec<String>) {
        let first = self.metric(None);
        let second = self.metric(None);
        let labels = |metric: Option<&'a Metric>| metric.map_or(&[][..], |metric| &metric.label_names);
        let shared = common(labels(first), labels(second));
        let (second, shared) = if shared.is_empty() {
            (first, labels(first).to_vec())
        } else {
            (second, shared)
        };
        let count = self.rng.between(1, 3) as usize;
        let chosen = self.rng.some(&shared, count);
        (first, second, chosen)
    }

    fn grouped(&mut self, metric: Option<&Metric>, labels: Vec<String>) -> Vector {
        let view = self.view(metric);
        let operator = self.rng.word(AGGREGATIONS);
        Vector {
            expression: Expression::Aggregate(Box::new(Aggregate {
                operator,
                parameter: None,
                inner: view.expression,
                grouping: Some(Grouping {
                    without: false,
                    labels: labels.clone(),
                }),
                grouping_last: self.rng.chance(20),
            })),
            labels,
        }
    }

    fn set_operation(&mut self, depth: u32) -> Vector {
        let (left, right) = if self.rng.chance(60) {
            let metric = self.metric(None);
            (self.view(metric), self.view(metric))
        } else {
            (self.vector(depth - 1), self.vector(depth - 1))
        };
        let common = common(&left.labels, &right.labels);
        let count = self.rng.between(0, 2) as usize;
        let matching = self.rng.chance(50).then(|| Matching {
            on: self.rng.chance(60),
            labels: self.rng.some(&common, count),
        });
        let operator = self.rng.word(SET_OPERATORS);
        Vector {
            labels: left.labels,
            expression: Expression::Binary(Box::new(Binary {
                operator,
                returns_bool: false,
                matching,
                group: None,
                fills: Vec::new(),
                left: left.expression,
                right: right.expression,
            })),
        }
    }

    fn join(
        &mut self,
        left: Vector,
        operator: &'static str,
        right: Vector,
        matching: Option<Matching>,
        group: Option<Group>,
    ) -> Vector {
        let labels = match (&matching, &group) {
            (_, Some(group)) if group.left => [left.labels, group.labels.clone()].concat(),
            (_, Some(group)) => [right.labels, group.labels.clone()].concat(),
            (Some(matching), None) if matching.on => matching.labels.clone(),
            _ => left.labels,
        };
        let fills = self.fills();
        let returns_bool = COMPARISONS.contains(&operator) && self.rng.chance(40);
        Vector {
            labels,
            expression: Expression::Binary(Box::new(Binary {
                operator,
                returns_bool,
                matching,
                group,
                fills,
                left: left.expression,
                right: right.expression,
            })),
        }
    }

    fn fills(&mut self) -> Vec<Fill> {
        if !self.options.fill || !self.rng.chance(15) {
            return Vec::new();
        }
        let value = (self.rng.word(&["0", "1", "-1.5", "NaN", "+Inf"])).to_owned();
        let fill = |keyword| Fill {
            keyword,
            value: value.clone(),
        };
        match self.rng.below(4) {
            0 => vec![fill("fill_left")],
            1 => vec![fill("fill_right")],
            2 => vec![fill("fill_right"), fill("fill_left")],
            _ => vec![fill("fill")],
        }
    }
}

fn common(left: &[String], right: &[String]) -> Vec<String> {
    left.iter()
        .filter(|label| right.contains(label))
        .cloned()
        .collect()
}
