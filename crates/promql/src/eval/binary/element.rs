//! What the operators do with two elements of vectors of which at least one is a histogram.

use vigie_model::FloatHistogram;

use crate::BinaryOp;

use super::super::column::{StepSeries, is_absent};
use super::super::notes::{self, Note};
use super::operation::is_trim;

/// What a vector has at a step.
#[derive(Debug, Clone, Copy)]
pub(super) enum Element<'a> {
    Float(f64),
    Histogram(&'a FloatHistogram),
}

impl<'a> Element<'a> {
    pub(super) fn at(series: &'a StepSeries, step: usize) -> Option<Element<'a>> {
        let value = series.values[step];
        if !is_absent(value) {
            return Some(Element::Float(value));
        }
        let histogram = series.histogram_at(step)?;
        Some(Element::Histogram(histogram))
    }

    fn kind(self) -> &'static str {
        match self {
            Element::Float(_) => "float",
            Element::Histogram(_) => "histogram",
        }
    }
}

/// What comes out, unless there is nothing but remarks.
#[derive(Debug)]
pub(super) enum Combination {
    Histogram(FloatHistogram),
    /// Of a comparison: whether it holds.
    Comparison(bool),
    Nothing,
}

/// Operators that are not defined for the two, and remarks on those that are, go to `note`.
pub(super) fn combine(
    op: BinaryOp,
    left: Element<'_>,
    right: Element<'_>,
    note: &mut dyn FnMut(Note),
) -> Combination {
    match (left, right) {
        (Element::Histogram(histogram), Element::Float(factor))
        | (Element::Float(factor), Element::Histogram(histogram))
            if op == BinaryOp::Mul =>
        {
            scaled(histogram, |histogram| histogram.mul(factor))
        }
        (Element::Histogram(histogram), Element::Float(divisor)) if op == BinaryOp::Div => {
            scaled(histogram, |histogram| histogram.div(divisor))
        }
        (Element::Histogram(histogram), Element::Float(limit)) if is_trim(op) => {
            let mut histogram = histogram.clone();
            if op == BinaryOp::TrimUpper {
                histogram.trim_above(limit);
            } else {
                histogram.trim_below(limit);
            }
            Combination::Histogram(histogram)
        }
        (Element::Histogram(left), Element::Histogram(right)) => match op {
            BinaryOp::Add | BinaryOp::Sub => sum(op, left, right, note),
            BinaryOp::Equal => Combination::Comparison(left.is_same_as(right)),
            BinaryOp::NotEqual => Combination::Comparison(!left.is_same_as(right)),
            _ => {
                note(notes::incompatible_types("histogram", op.as_str(), "histogram"));
                Combination::Nothing
            }
        },
        _ => {
            note(notes::incompatible_types(left.kind(), op.as_str(), right.kind()));
            Combination::Nothing
        }
    }
}

fn scaled(histogram: &FloatHistogram, scale: impl Fn(&mut FloatHistogram)) -> Combination {
    let mut histogram = histogram.clone();
    scale(&mut histogram);
    histogram.compact(0);
    Combination::Histogram(histogram)
}

/// A sum, or a difference, which is a gauge.
fn sum(
    op: BinaryOp,
    left: &FloatHistogram,
    right: &FloatHistogram,
    note: &mut dyn FnMut(Note),
) -> Combination {
    let mut result = left.clone();
    let (combined, operation) = if op == BinaryOp::Sub {
        (result.sub(right), "subtraction")
    } else {
        (result.add(right), "addition")
    };
    let Ok(combined) = combined else {
        note(notes::incompatible_layout(op.as_str()));
        return Combination::Nothing;
    };
    if combined.bounds_reconciled {
        note(notes::bounds_reconciled(operation));
    }
    // Prometheus gives no result then.
    if combined.reset_collision {
        note(notes::resets_collide(operation));
        return Combination::Nothing;
    }
    if op == BinaryOp::Sub {
        result.counter_reset_hint = vigie_model::CounterResetHint::Gauge;
    }
    result.compact(0);
    Combination::Histogram(result)
}
