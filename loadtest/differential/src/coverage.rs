use std::collections::BTreeSet;

use crate::expression::{Expression, MatchOperator, Selector, Shift};
use crate::query::{Body, Grid, Query};

/// What a query exercises: functions, operators, modifiers, kinds of literals and of grids.
pub(crate) fn features(query: &Query) -> BTreeSet<String> {
    let mut features = BTreeSet::new();
    features.insert(
        match query.grid {
            Grid::Instant { .. } => "instant query",
            Grid::Range { .. } => "range query",
        }
        .to_owned(),
    );
    match &query.body {
        Body::Tree(expression) => expression.visit(&mut |node| add(node, &mut features)),
        Body::Text(_) => {
            features.insert("damaged text".to_owned());
        }
    }
    features
}

/// The operations of an expression, parents first: what is left when names and numbers are taken away.
pub(crate) fn signature(query: &Query) -> String {
    match &query.body {
        Body::Tree(expression) => {
            let mut parts: Vec<String> = Vec::new();
            expression.visit(&mut |node| {
                let mut own = BTreeSet::new();
                add(node, &mut own);
                parts.extend(own.into_iter().filter(|part| part != "number"));
            });
            parts.join(" ")
        }
        Body::Text(_) => "damaged text".to_owned(),
    }
}

fn add(node: &Expression, features: &mut BTreeSet<String>) {
    let mut put = |feature: &str| {
        features.insert(feature.to_owned());
    };
    match node {
        Expression::Number(_) => put("number"),
        Expression::Text(_) => put("string"),
        Expression::Selector(selector) => add_selector(selector, features),
        Expression::Subquery(subquery) => {
            put("subquery");
            add_shift(&subquery.shift, features);
        }
        Expression::Minus(_) => put("unary minus"),
        Expression::Parentheses(_) => {}
        Expression::Binary(binary) => {
            put(binary.operator);
            if binary.returns_bool {
                put("bool");
            }
            if let Some(matching) = &binary.matching {
                put(if matching.on { "on" } else { "ignoring" });
            }
            if let Some(group) = &binary.group {
                put(if group.left { "group_left" } else { "group_right" });
            }
            for fill in &binary.fills {
                put(fill.keyword);
            }
        }
        Expression::Aggregate(aggregate) => {
            put(aggregate.operator);
            if let Some(grouping) = &aggregate.grouping {
                put(if grouping.without { "without" } else { "by" });
            }
        }
        Expression::Call(call) => put(&format!("{}()", call.function)),
    }
}

fn add_selector(selector: &Selector, features: &mut BTreeSet<String>) {
    features.insert(
        if selector.range.is_some() {
            "range selector"
        } else {
            "selector"
        }
        .to_owned(),
    );
    for matcher in &selector.matchers {
        let operator = match matcher.operator {
            MatchOperator::Equal => "matcher =",
            MatchOperator::NotEqual => "matcher !=",
            MatchOperator::Matches => "matcher =~",
            MatchOperator::NotMatches => "matcher !~",
        };
        features.insert(operator.to_owned());
    }
    if let Some(extension) = selector.extension {
        features.insert(extension.to_owned());
    }
    add_shift(&selector.shift, features);
}

fn add_shift(shift: &Shift, features: &mut BTreeSet<String>) {
    if shift.offset.is_some() {
        features.insert("offset".to_owned());
    }
    if shift.at.is_some() {
        features.insert("@".to_owned());
    }
}
