//! Tells a wrong answer from a question that has no sharp one. Engines may differ in the last digits
//! of an intermediate result: sums are taken in no defined order, and every mathematics library rounds
//! in its own way. An operation such as `%`, `sin`, `==` or the variance of nearly equal values can
//! blow that up to any size. So the reference is asked again with an intermediate result changed by
//! parts in 10^15. If it then disagrees with *itself* beyond the tolerance, the query proves nothing.

use crate::expression::Expression;

/// Functions whose results are rounded.
const ROUNDED_FUNCTIONS: &[&str] = &[
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "cos",
    "cosh",
    "deg",
    "exp",
    "ln",
    "log10",
    "log2",
    "rad",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "rate",
    "increase",
    "irate",
    "idelta",
    "delta",
    "deriv",
    "predict_linear",
    "avg_over_time",
    "sum_over_time",
    "stddev_over_time",
    "stdvar_over_time",
    "quantile_over_time",
    "mad_over_time",
    "double_exponential_smoothing",
    "histogram_quantile",
    "histogram_quantiles",
    "histogram_fraction",
    "histogram_avg",
    "histogram_stddev",
    "histogram_stdvar",
    "histogram_sum",
    "histogram_count",
];

const ROUNDED_AGGREGATIONS: &[&str] = &["sum", "avg", "stddev", "stdvar", "quantile"];

const ROUNDED_OPERATORS: &[&str] = &["+", "-", "*", "/", "%", "^", "atan2"];

/// The expression with one rounded intermediate result changed in its last digits, once for each.
/// The outermost operation is left alone: its own last digits are what the tolerance is for.
pub(crate) fn perturbed(expression: &Expression) -> Vec<Expression> {
    let mut variants = Vec::new();
    for (index, child) in expression.children().into_iter().enumerate() {
        let mut replacements = perturbed(child);
        if is_rounded(child) || sums_up(expression, child) {
            replacements.push(nudge(child));
        }
        for replacement in replacements {
            let mut copy = expression.clone();
            if let Some(slot) = copy.children_mut().into_iter().nth(index) {
                *slot = replacement;
                variants.push(copy);
            }
        }
    }
    variants
}

fn is_rounded(expression: &Expression) -> bool {
    match expression {
        Expression::Call(call) => ROUNDED_FUNCTIONS.contains(&call.function),
        Expression::Aggregate(aggregate) => ROUNDED_AGGREGATIONS.contains(&aggregate.operator),
        Expression::Binary(binary) => ROUNDED_OPERATORS.contains(&binary.operator),
        _ => false,
    }
}

/// Whether rounding inside the parent, in the order it happens to take its operands, weighs as much
/// as a change of the operand itself.
fn sums_up(parent: &Expression, child: &Expression) -> bool {
    let Expression::Aggregate(aggregate) = parent else {
        return false;
    };
    aggregate.inner == *child && ROUNDED_AGGREGATIONS.contains(&aggregate.operator)
}

/// `v * (1 + 2e-15 * cos(clamp(v * 1e7, -1e300, 1e300)))`: each value is changed by an amount of its own,
/// since a common factor would cancel in many results; and an infinity stays one.
fn nudge(expression: &Expression) -> Expression {
    let value = || Expression::Parentheses(Box::new(expression.clone()));
    let spread = Expression::call(
        "clamp",
        vec![
            Expression::binary(value(), "*", Expression::number("1e7")),
            Expression::number("-1e300"),
            Expression::number("1e300"),
        ],
    );
    let wave = if expression.kind() == crate::expression::ValueKind::Scalar {
        // There is no cosine of scalars, and a single value needs none.
        Expression::number("1")
    } else {
        Expression::call("cos", vec![spread])
    };
    let change = Expression::binary(Expression::number("2e-15"), "*", wave);
    Expression::binary(
        value(),
        "*",
        Expression::binary(Expression::number("1"), "+", change),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::Selector;

    #[test]
    fn only_what_is_rounded_is_changed() {
        let series = Expression::Selector(Selector {
            name: Some("a".to_owned()),
            ..Selector::default()
        });
        let expression = Expression::binary(
            series.clone(),
            "%",
            Expression::call("abs", vec![Expression::call("sin", vec![series.clone()])]),
        );
        let texts: Vec<String> = perturbed(&expression).iter().map(Expression::to_string).collect();
        assert_eq!(
            texts,
            ["a % abs((sin(a)) * (1 + 2e-15 * cos(clamp((sin(a)) * 1e7, -1e300, 1e300))))"]
        );
        let summed = perturbed(&Expression::aggregate("stdvar", series));
        assert_eq!(
            summed[0].to_string(),
            "stdvar((a) * (1 + 2e-15 * cos(clamp((a) * 1e7, -1e300, 1e300))))"
        );
    }
}
