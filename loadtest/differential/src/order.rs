//! What PromQL defines of an answer beyond its set of series.
//!
//! - A range query has no order of its own: servers sort by labels, and the comparison ignores it.
//! - An instant query has an order only when its outermost operation makes one: `sort`, `sort_desc`,
//!   and `topk` and `bottomk` over one group. Series with equal values may come in any order, so what
//!   is compared is the sequence of the values. `sort_by_label` and `sort_by_label_desc` break ties by
//!   the other labels and are compared by the sequence of the values as well.
//! - `topk` and `bottomk` may keep any of the series with the value of the last one kept. On the
//!   outside, the values at each time are compared as a multiset, without labels. Inside, the choice
//!   can decide anything, so the generator writes them only below an aggregation over everything,
//!   which does not see labels, or outside.
//! - `limitk` may keep any series at all: the generator writes it below `count` only.
//! - Text that came out of a mutation and holds one of the three is compared by success and type of
//!   error only.

use crate::compare::{Identity, Tolerance};
use crate::expression::Expression;
use crate::query::{Body, Grid, Query};

impl Tolerance {
    /// This tolerance with what the query defines of its answer.
    pub fn for_query(&self, query: &Query) -> Self {
        let is_instant = matches!(query.grid, Grid::Instant { .. });
        let (identity, ordered) = match &query.body {
            Body::Tree(expression) => (identity(expression), is_instant && has_order(expression)),
            Body::Text(text) if chooses(text) => (Identity::Outcome, false),
            Body::Text(_) => (Identity::Labels, false),
        };
        Self {
            identity,
            ordered,
            ..*self
        }
    }
}

fn identity(expression: &Expression) -> Identity {
    match expression.bare() {
        Expression::Aggregate(aggregate) if ["topk", "bottomk"].contains(&aggregate.operator) => {
            Identity::Values
        }
        Expression::Aggregate(aggregate) if aggregate.operator == "limitk" => Identity::Outcome,
        _ if chooses_freely(expression, false) => Identity::Outcome,
        _ => Identity::Labels,
    }
}

/// Aggregations over everything whose result follows from the values alone.
const BLIND: &[&str] = &["sum", "avg", "min", "max", "count", "group"];

/// Whether a choice among equals inside the expression can show in its answer.
fn chooses_freely(expression: &Expression, below_blind: bool) -> bool {
    match expression {
        Expression::Aggregate(aggregate) => match aggregate.operator {
            "topk" | "bottomk" if !below_blind => true,
            "limitk" if !below_blind => true,
            operator => {
                let blind = BLIND.contains(&operator) && aggregate.grouping.is_none();
                chooses_freely(&aggregate.inner, blind)
            }
        },
        Expression::Parentheses(inner) => chooses_freely(inner, below_blind),
        other => other
            .children()
            .into_iter()
            .any(|child| chooses_freely(child, false)),
    }
}

fn chooses(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["topk", "bottomk", "limitk"]
        .iter()
        .any(|operator| text.contains(operator))
}

fn has_order(expression: &Expression) -> bool {
    match expression.bare() {
        Expression::Call(call) => call.function.starts_with("sort"),
        Expression::Aggregate(aggregate) => {
            ["topk", "bottomk"].contains(&aggregate.operator) && aggregate.grouping.is_none()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::Selector;

    #[test]
    fn only_choices_among_equals_are_loosened() {
        let check = |expression: Expression, identity: Identity, ordered: bool| {
            let text = expression.to_string();
            let query = Query {
                body: Body::Tree(expression),
                grid: Grid::Instant { time_ms: 0 },
            };
            let tolerance = Tolerance::default().for_query(&query);
            assert_eq!(
                (tolerance.identity, tolerance.ordered),
                (identity, ordered),
                "{text}"
            );
        };
        let series = || {
            Expression::Selector(Selector {
                name: Some("a".to_owned()),
                ..Selector::default()
            })
        };
        let topk = || Expression::aggregate("topk", series());
        check(series(), Identity::Labels, false);
        check(Expression::call("sort", vec![series()]), Identity::Labels, true);
        check(Expression::Parentheses(Box::new(topk())), Identity::Values, true);
        check(Expression::aggregate("sum", topk()), Identity::Labels, false);
        check(Expression::aggregate("stddev", topk()), Identity::Outcome, false);
        check(Expression::call("abs", vec![topk()]), Identity::Outcome, false);
        check(
            Expression::aggregate("sum", Expression::call("abs", vec![topk()])),
            Identity::Outcome,
            false,
        );
    }
}
