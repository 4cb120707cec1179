use super::Writer;
use crate::expression::Expression;
use crate::functions::{ARITHMETIC, COMPARISONS};

const NUMBERS: &[&str] = &[
    "0", "1", "2", "3", "10", "100", "-1", "-2.5", "0.5", "0.1", ".25", "2.", "1e3", "1e-3", "1_000", "0x1f",
    "0755", "3.14159", "1e100", "Inf", "-Inf", "NaN", "5m", "1h30m", "250ms",
];

/// Those that leave most values finite.
const TAME: &[&str] = &["1", "2", "3", "10", "0.5", "0.1", "-2.5", "1e3", "5m"];

impl Writer<'_> {
    pub(super) fn number(&mut self) -> Expression {
        let numbers = if self.rng.chance(70) { TAME } else { NUMBERS };
        Expression::number(self.rng.word(numbers))
    }

    pub(super) fn scalar(&mut self, depth: u32) -> Expression {
        if depth == 0 {
            return self.number();
        }
        match self.rng.weighted(&[40, 8, 5, 18, 15, 6, 3, 3]) {
            1 => Expression::call("time", vec![]),
            2 => Expression::call("pi", vec![]),
            3 => {
                let vector = self.vector(depth - 1).expression;
                let vector = if self.rng.chance(85) {
                    Expression::aggregate(self.rng.word(&["sum", "max", "count", "avg"]), vector)
                } else {
                    vector
                };
                Expression::call("scalar", vec![vector])
            }
            4 => {
                let operator = self.rng.word(ARITHMETIC);
                Expression::binary(self.scalar(depth - 1), operator, self.scalar(depth - 1))
            }
            5 => {
                let operator = self.rng.word(COMPARISONS);
                let mut compared =
                    Expression::binary(self.scalar(depth - 1), operator, self.scalar(depth - 1));
                if let Expression::Binary(binary) = &mut compared {
                    binary.returns_bool = true;
                }
                compared
            }
            6 => Expression::Minus(Box::new(self.scalar(depth - 1))),
            7 if self.options.experimental_functions => match self.rng.below(5) {
                0 => Expression::call("start", vec![]),
                1 => Expression::call("end", vec![]),
                2 => Expression::call("range", vec![]),
                3 => Expression::call("step", vec![]),
                _ => {
                    let function = self.rng.word(&["max_of", "min_of"]);
                    Expression::call(function, vec![self.scalar(depth - 1), self.number()])
                }
            },
            _ => self.number(),
        }
    }

    /// Mostly between 0 and 1.
    pub(super) fn quantile(&mut self) -> Expression {
        let text = self.rng.word(&[
            "0", "0.01", "0.25", "0.5", "0.75", "0.9", "0.95", "0.99", "0.999", "1", "-0.5", "1.5", "NaN",
        ]);
        Expression::number(text)
    }
}
