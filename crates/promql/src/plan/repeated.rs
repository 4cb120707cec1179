//! Which expressions stand in a query several times.

use std::collections::{HashMap, HashSet};

use crate::{Expr, ExprKind, ValueType, VectorSelector, walk};

/// The texts of the instant vectors with samples that occur more than once. Equal texts are equal expressions, as
/// a tree prints all it consists of; where they are evaluated on the same grid they have the same value.
pub(super) fn repeated(expr: &Expr) -> HashSet<String> {
    let mut texts: HashMap<String, usize> = HashMap::new();
    if has_equal_selectors(expr) {
        walk(expr, &mut |part| {
            let is_candidate = matches!(
                part.kind,
                ExprKind::Vector(_) | ExprKind::Call(_) | ExprKind::Aggregate(_) | ExprKind::Binary(_)
            );
            if is_candidate && part.value_type() == ValueType::Vector && !selectors(part).is_empty() {
                *texts.entry(part.to_string()).or_default() += 1;
            }
        });
    }
    texts.retain(|_, count| *count > 1);
    texts.into_keys().collect()
}

/// Nearly no query goes on from here, and this costs next to nothing.
fn has_equal_selectors(expr: &Expr) -> bool {
    let selectors = selectors(expr);
    selectors.iter().enumerate().any(|(at, left)| {
        selectors[at + 1..]
            .iter()
            .any(|right| left.matchers == right.matchers)
    })
}

fn selectors(expr: &Expr) -> Vec<&VectorSelector> {
    let mut found = Vec::new();
    walk(expr, &mut |part| match &part.kind {
        ExprKind::Vector(selector) => found.push(selector),
        ExprKind::Matrix(matrix) => found.push(&matrix.selector),
        _ => {}
    });
    found
}
