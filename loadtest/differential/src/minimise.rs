use std::collections::BTreeSet;

use crate::expression::Expression;
use crate::query::{Body, Grid, Query};
use crate::reduce::reductions;

/// Reduces a query that shows a difference to one that no single step makes smaller without losing
/// the difference. `still_differs` asks both systems; it is called at most `budget` times, and what
/// is smallest by then is the answer.
pub fn minimise(query: &Query, budget: u32, still_differs: &mut dyn FnMut(&Query) -> bool) -> Query {
    let mut smallest = query.clone();
    let mut tried = BTreeSet::new();
    let mut left = budget;
    'again: loop {
        for candidate in candidates(&smallest) {
            if size(&candidate) >= size(&smallest) || !tried.insert(candidate.to_string()) {
                continue;
            }
            if left == 0 {
                return smallest;
            }
            left -= 1;
            if still_differs(&candidate) {
                smallest = candidate;
                continue 'again;
            }
        }
        return smallest;
    }
}

/// Fewer times first, then shorter text, then rounder times. Every step makes it less, so the
/// reduction ends.
fn size(query: &Query) -> (u64, usize, usize) {
    let (kind, times) = match query.grid {
        Grid::Instant { time_ms } => (0, vec![time_ms]),
        Grid::Range {
            start_ms,
            end_ms,
            step_ms,
        } => (1, vec![start_ms, end_ms, step_ms]),
    };
    let roughness = times
        .into_iter()
        .map(|time| {
            usize::from(time % 1000 != 0) + usize::from(time % 15_000 != 0) + usize::from(time % 60_000 != 0)
        })
        .sum();
    (kind + query.grid.steps(), query.text().len(), roughness)
}

fn candidates(query: &Query) -> Vec<Query> {
    let mut candidates: Vec<Query> = plainer_grids(query.grid)
        .into_iter()
        .map(|grid| Query {
            body: query.body.clone(),
            grid,
        })
        .collect();
    let bodies: Vec<Body> = match &query.body {
        Body::Tree(expression) => reductions(expression).into_iter().map(Body::Tree).collect(),
        Body::Text(text) => shorter_texts(text).into_iter().map(Body::Text).collect(),
    };
    candidates.extend(bodies.into_iter().map(|body| Query {
        body,
        grid: query.grid,
    }));
    candidates
}

fn plainer_grids(grid: Grid) -> Vec<Grid> {
    let round = |time: i64, to: i64| time.div_euclid(to) * to;
    match grid {
        Grid::Instant { time_ms } => [60_000, 15_000, 1000]
            .into_iter()
            .map(|to| Grid::Instant {
                time_ms: round(time_ms, to),
            })
            .collect(),
        Grid::Range {
            start_ms,
            end_ms,
            step_ms,
        } => {
            let steps = grid.steps();
            if steps == 0 {
                return Vec::new();
            }
            let last = start_ms + (steps as i64 - 1) * step_ms;
            let middle = start_ms + (steps as i64 / 2) * step_ms;
            let range = |start_ms, end_ms, step_ms| Grid::Range {
                start_ms,
                end_ms,
                step_ms,
            };
            let mut grids: Vec<Grid> = [start_ms, middle, last]
                .into_iter()
                .map(|time_ms| Grid::Instant { time_ms })
                .collect();
            grids.extend([
                range(start_ms, start_ms, step_ms),
                range(middle, middle, step_ms),
                range(last, last, step_ms),
                range(start_ms, middle, step_ms),
                range(middle, last, step_ms),
                range(start_ms + step_ms, last, step_ms),
                range(start_ms, last - step_ms, step_ms),
                range(start_ms, last, step_ms),
                range(start_ms, end_ms, round(step_ms, 1000).max(1000)),
                range(start_ms, end_ms, round(step_ms, 15_000).max(15_000)),
                range(round(start_ms, 15_000), round(end_ms, 15_000), step_ms),
            ]);
            // With few steps left, each alone.
            if steps <= 16 {
                grids.extend((0..steps as i64).map(|index| Grid::Instant {
                    time_ms: start_ms + index * step_ms,
                }));
            }
            grids
        }
    }
}

/// The text without a piece: halves first, then shorter and shorter.
fn shorter_texts(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut shorter = Vec::new();
    let mut length = chars.len() / 2;
    while length > 0 {
        for start in (0..chars.len()).step_by(length) {
            let end = (start + length).min(chars.len());
            shorter.push(chars[..start].iter().chain(&chars[end..]).collect());
        }
        length /= 2;
    }
    shorter
}

/// [`minimise`] for an expression whose grid stays as it is.
pub fn minimise_expression(
    expression: &Expression,
    budget: u32,
    still_differs: &mut dyn FnMut(&Expression) -> bool,
) -> Expression {
    let query = Query {
        body: Body::Tree(expression.clone()),
        grid: Grid::Instant { time_ms: 0 },
    };
    let smallest = minimise(&query, budget, &mut |candidate| match &candidate.body {
        Body::Tree(expression) => still_differs(expression),
        Body::Text(_) => false,
    });
    match smallest.body {
        Body::Tree(expression) => expression,
        Body::Text(_) => expression.clone(),
    }
}
