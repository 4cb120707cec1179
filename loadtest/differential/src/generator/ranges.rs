//! Range vectors and the functions over them.

use super::{Vector, Writer, can_be_subquery};
use crate::duration::write_ms;
use crate::expression::{Expression, Subquery};
use crate::functions::{EXPERIMENTAL_OF_RANGES, OF_COUNTERS, OF_RANGES};
use crate::schema::{Metric, MetricKind};

impl Writer<'_> {
    pub(super) fn range_function(&mut self, depth: u32) -> Vector {
        match self.rng.weighted(&[35, 50, 6, 6, 3]) {
            0 => {
                let function = self.rng.word(OF_COUNTERS);
                let range = self.range(Some(MetricKind::Counter), depth);
                range.map(|range| self.extended_call(function, range))
            }
            2 => {
                let quantile = self.quantile();
                let range = self.range(None, depth);
                range.map(|range| Expression::call("quantile_over_time", vec![quantile, range]))
            }
            3 => {
                let ahead = Expression::number(self.rng.between(-600, 7200).to_string());
                let range = self.range(Some(MetricKind::Gauge), depth);
                range.map(|range| Expression::call("predict_linear", vec![range, ahead]))
            }
            4 if self.options.experimental_functions => self.experimental_range_function(depth),
            _ => {
                let function = self.rng.word(OF_RANGES);
                let range = self.range(None, depth);
                let mut vector = range.map(|range| self.extended_call(function, range));
                if function == "absent_over_time" {
                    vector.labels.clear();
                }
                vector
            }
        }
    }

    fn experimental_range_function(&mut self, depth: u32) -> Vector {
        let range = self.range(None, depth);
        if self.rng.chance(25) {
            let factor = |writer: &mut Self| Expression::number(format!("0.{}", writer.rng.between(1, 9)));
            let arguments = (factor(self), factor(self));
            return range.map(|range| {
                Expression::call(
                    "double_exponential_smoothing",
                    vec![range, arguments.0, arguments.1],
                )
            });
        }
        let function = self.rng.word(EXPERIMENTAL_OF_RANGES);
        range.map(|range| Expression::call(function, vec![range]))
    }

    /// With `anchored` or `smoothed` on the selector, where the function takes it.
    fn extended_call(&mut self, function: &'static str, mut range: Expression) -> Expression {
        const ANCHORED: &[&str] = &["resets", "changes", "rate", "increase", "delta"];
        const SMOOTHED: &[&str] = &["rate", "increase", "delta"];
        if let (true, Expression::Selector(selector)) = (self.options.extended_ranges, &mut range)
            && self.rng.chance(20)
        {
            selector.extension = if ANCHORED.contains(&function) && self.rng.chance(50) {
                Some("anchored")
            } else if SMOOTHED.contains(&function) {
                Some("smoothed")
            } else {
                None
            };
        }
        Expression::call(function, vec![range])
    }

    /// A range selector, or a subquery when there is depth left for it.
    pub(super) fn range(&mut self, kind: Option<MetricKind>, depth: u32) -> Vector {
        if depth > 1 && self.rng.chance(20) {
            return self.subquery(depth - 1);
        }
        let metric = self.metric(kind);
        self.range_of(metric)
    }

    pub(super) fn range_of(&mut self, metric: Option<&Metric>) -> Vector {
        let mut vector = self.selector_of(metric);
        if let Expression::Selector(selector) = &mut vector.expression {
            selector.extension = None;
            selector.range = Some(self.range_text());
        }
        vector
    }

    fn subquery(&mut self, depth: u32) -> Vector {
        let inner = if self.rng.chance(90) {
            self.vector(depth)
        } else {
            Vector {
                expression: self.scalar(depth),
                labels: Vec::new(),
            }
        };
        if !can_be_subquery(&inner.expression) {
            return inner;
        }
        let range = self.range_text();
        let step = self.rng.chance(75).then(|| {
            let step_ms = match self.rng.below(5) {
                0 => 1000 * self.rng.between(5, 90),
                1 => self.options.interval_ms * 2 + 1,
                _ => self.options.interval_ms * self.rng.between(1, 8),
            };
            write_ms(step_ms, &mut self.rng)
        });
        let shift = self.shift();
        inner.map(|inner| {
            Expression::Subquery(Box::new(Subquery {
                inner,
                range,
                step,
                shift,
            }))
        })
    }

    fn range_text(&mut self) -> String {
        let interval = self.options.interval_ms.max(1);
        let ms = match self.rng.below(12) {
            0 => self.rng.between(1, interval),
            1 => self.rng.between(interval, 40 * interval),
            2 => interval * self.rng.between(40, 240),
            3 => interval,
            _ => interval * self.rng.between(2, 40),
        };
        if self.options.duration_expressions && self.rng.chance(12) {
            return self.duration_expression(ms);
        }
        write_ms(ms, &mut self.rng)
    }
}
