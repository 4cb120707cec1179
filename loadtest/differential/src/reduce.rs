//! Smaller forms of an expression, one change each, the boldest first.

use crate::duration::parse_ms;
use crate::expression::{Expression, Selector, Shift, ValueKind};

/// Every expression that is this one with one part taken away or made plainer. The result may mean
/// something else: whoever asks decides whether it still shows what it should.
pub(crate) fn reductions(expression: &Expression) -> Vec<Expression> {
    let mut smaller = Vec::new();
    // Outermost, any child may take the parent's place, whatever its type; further in, only one
    // that can stand there.
    for child in expression.children() {
        smaller.push(child.clone());
    }
    smaller.extend(inside(expression));
    smaller
}

fn inside(expression: &Expression) -> Vec<Expression> {
    let mut smaller = plainer(expression);
    for (index, child) in expression.children().into_iter().enumerate() {
        let mut replacements: Vec<Expression> = Vec::new();
        let mut below: Vec<&Expression> = Vec::new();
        child.visit(&mut |node| below.push(node));
        replacements.extend(
            below
                .into_iter()
                .skip(1)
                .filter(|node| node.kind() == child.kind())
                .cloned(),
        );
        if child.kind() == ValueKind::Scalar {
            replacements.extend(["0", "1", "2"].map(Expression::number));
        }
        replacements.extend(inside(child));
        for replacement in replacements {
            let mut copy = expression.clone();
            if let Some(slot) = copy.children_mut().into_iter().nth(index) {
                *slot = replacement;
                smaller.push(copy);
            }
        }
    }
    smaller
}

/// This node made plainer, its children as they are.
fn plainer(expression: &Expression) -> Vec<Expression> {
    let mut smaller = Vec::new();
    match expression {
        Expression::Number(_) => smaller.extend(["0", "1", "2"].map(Expression::number)),
        Expression::Text(literal) if literal.content.len() > 1 => smaller.push(Expression::text("x")),
        Expression::Selector(selector) => {
            smaller.extend(plainer_selectors(selector).into_iter().map(Expression::Selector))
        }
        Expression::Subquery(subquery) => {
            let mut variants = Vec::new();
            for range in plainer_durations(&subquery.range) {
                let mut copy = subquery.clone();
                copy.range = range;
                variants.push(copy);
            }
            for step in subquery.step.iter().flat_map(|step| {
                let plainer = plainer_durations(step).into_iter().map(Some);
                plainer.chain([None])
            }) {
                let mut copy = subquery.clone();
                copy.step = step;
                variants.push(copy);
            }
            for shift in plainer_shifts(&subquery.shift) {
                let mut copy = subquery.clone();
                copy.shift = shift;
                variants.push(copy);
            }
            smaller.extend(variants.into_iter().map(Expression::Subquery));
        }
        Expression::Binary(binary) => {
            let mut variants = Vec::new();
            let mut vary = |change: &dyn Fn(&mut crate::expression::Binary)| {
                let mut copy = binary.clone();
                change(&mut copy);
                if copy != *binary {
                    variants.push(copy);
                }
            };
            vary(&|copy| copy.fills.clear());
            vary(&|copy| copy.group = None);
            vary(&|copy| {
                copy.group = None;
                copy.matching = None;
            });
            vary(&|copy| copy.returns_bool = false);
            let group_labels = binary.group.as_ref().map_or(0, |group| group.labels.len());
            for index in 0..group_labels {
                vary(&|copy| {
                    if let Some(group) = &mut copy.group {
                        group.labels.remove(index);
                    }
                });
            }
            let labels = binary
                .matching
                .as_ref()
                .map_or(0, |matching| matching.labels.len());
            for index in 0..labels {
                vary(&|copy| {
                    if let Some(matching) = &mut copy.matching {
                        matching.labels.remove(index);
                    }
                });
            }
            smaller.extend(variants.into_iter().map(Expression::Binary));
        }
        Expression::Aggregate(aggregate) => {
            if let Some(grouping) = &aggregate.grouping {
                let mut copy = aggregate.clone();
                copy.grouping = None;
                smaller.push(Expression::Aggregate(copy));
                for index in 0..grouping.labels.len() {
                    let mut copy = aggregate.clone();
                    if let Some(grouping) = &mut copy.grouping {
                        grouping.labels.remove(index);
                    }
                    smaller.push(Expression::Aggregate(copy));
                }
            }
        }
        Expression::Text(_) | Expression::Minus(_) | Expression::Parentheses(_) | Expression::Call(_) => {}
    }
    smaller
}

fn plainer_selectors(selector: &Selector) -> Vec<Selector> {
    let mut smaller = Vec::new();
    for shift in plainer_shifts(&selector.shift) {
        let mut copy = selector.clone();
        copy.shift = shift;
        smaller.push(copy);
    }
    if selector.extension.is_some() {
        let mut copy = selector.clone();
        copy.extension = None;
        smaller.push(copy);
    }
    if selector.matchers.len() > 1 {
        let mut copy = selector.clone();
        copy.matchers.clear();
        smaller.push(copy);
    }
    for index in 0..selector.matchers.len() {
        let mut copy = selector.clone();
        copy.matchers.remove(index);
        smaller.push(copy);
    }
    if let Some(range) = &selector.range {
        for range in plainer_durations(range) {
            let mut copy = selector.clone();
            copy.range = Some(range);
            smaller.push(copy);
        }
    }
    smaller
}

fn plainer_shifts(shift: &Shift) -> Vec<Shift> {
    let mut smaller = Vec::new();
    if shift.at.is_some() {
        let mut copy = shift.clone();
        copy.at = None;
        smaller.push(copy);
    }
    if let Some(offset) = &shift.offset {
        let mut copy = shift.clone();
        copy.offset = None;
        smaller.push(copy);
        for offset in plainer_durations(offset) {
            let mut copy = shift.clone();
            copy.offset = Some(offset);
            smaller.push(copy);
        }
    }
    smaller
}

/// Shorter durations in round units; the minimiser refuses what does not get smaller.
fn plainer_durations(text: &str) -> Vec<String> {
    const ROUND: &[(&str, i64)] = &[
        ("1s", 1000),
        ("15s", 15_000),
        ("1m", 60_000),
        ("5m", 300_000),
        ("1h", 3_600_000),
    ];
    let own = parse_ms(text);
    ROUND
        .iter()
        .filter(|(_, ms)| own.is_none_or(|own| own != *ms))
        .map(|(round, _)| (*round).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::{Literal, MatchOperator, Matcher};

    #[test]
    fn every_part_can_go() {
        let selector = Expression::Selector(Selector {
            name: Some("a".to_owned()),
            matchers: vec![Matcher {
                label: "b".to_owned(),
                operator: MatchOperator::Equal,
                value: Literal::new("c"),
            }],
            range: Some("7m".to_owned()),
            ..Selector::default()
        });
        let expression = Expression::binary(
            Expression::aggregate("sum", Expression::call("rate", vec![selector])),
            "*",
            Expression::number("17"),
        );
        let texts: Vec<String> = reductions(&expression)
            .iter()
            .map(Expression::to_string)
            .collect();
        for expected in [
            r#"sum(rate(a{b="c"}[7m]))"#,
            "17",
            r#"rate(a{b="c"}[7m]) * 17"#,
            "sum(rate(a[7m])) * 17",
            r#"sum(rate(a{b="c"}[1m])) * 17"#,
            r#"sum(rate(a{b="c"}[7m])) * 1"#,
        ] {
            assert!(
                texts.iter().any(|text| text == expected),
                "{expected} in {texts:#?}"
            );
        }
    }
}
