//! sort and its variants. They matter for instant queries only.

use std::cmp::Ordering;

use crate::plan::{Grid, SortOrder, VectorNode};
use crate::{EvalError, Span};

use super::super::column::{StepSeries, is_absent};
use super::super::evaluator::{Evaluator, Sink, push_all};
use super::super::notes;

impl Evaluator<'_> {
    pub(crate) fn sort(
        &self,
        input: &VectorNode,
        order: &SortOrder,
        span: Span,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), EvalError> {
        if grid.len > 1 {
            self.note(span, notes::ineffective_sort());
        }
        let by_value = matches!(order, SortOrder::Value { .. });
        if grid.len > 1 && !by_value {
            return self.vector(input, grid, sink);
        }
        let mut collected = self.collect(input, grid)?;
        if by_value {
            collected
                .series
                .iter_mut()
                .for_each(|series| series.histograms.clear());
            collected.series.retain(|series| !series.is_empty());
        }
        collected.series.sort_by(|left, right| match order {
            SortOrder::Value { descending } => by_first_value(left, right, *descending),
            SortOrder::Labels { names, descending } => {
                let ordering = by_labels(left, right, names);
                if *descending { ordering.reverse() } else { ordering }
            }
        });
        push_all(collected, sink)
    }
}

/// NaN goes to the end either way.
fn by_first_value(left: &StepSeries, right: &StepSeries, descending: bool) -> Ordering {
    let value = |series: &StepSeries| series.values.first().copied().filter(|value| !is_absent(*value));
    let (Some(left), Some(right)) = (value(left), value(right)) else {
        return Ordering::Equal;
    };
    match left.partial_cmp(&right) {
        Some(ordering) if descending => ordering.reverse(),
        Some(ordering) => ordering,
        None => left.is_nan().cmp(&right.is_nan()),
    }
}

fn by_labels(left: &StepSeries, right: &StepSeries, names: &[String]) -> Ordering {
    names
        .iter()
        .map(|name| {
            natural_order(
                left.labels.get(name).unwrap_or_default(),
                right.labels.get(name).unwrap_or_default(),
            )
        })
        .find(|ordering| ordering.is_ne())
        .unwrap_or_else(|| left.labels.cmp(&right.labels))
}

/// Runs of digits compare as numbers: `node9` comes before `node10`.
fn natural_order(left: &str, right: &str) -> Ordering {
    let (mut left_runs, mut right_runs) = (runs(left), runs(right));
    loop {
        match (left_runs.next(), right_runs.next()) {
            (None, None) => return left.cmp(right),
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => {
                let ordering = if starts_with_digit(a) && starts_with_digit(b) {
                    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
                    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
                } else {
                    a.cmp(b)
                };
                if ordering.is_ne() {
                    return ordering;
                }
            }
        }
    }
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// Splits a text where digits begin and end.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let is_number = starts_with_digit(rest);
        let end = rest
            .find(|c: char| c.is_ascii_digit() != is_number)
            .unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        (!run.is_empty()).then_some(run)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_labels_compare_by_size() {
        let mut names = ["b", "a10", "a9", "a09b", "", "10", "9", "a"];
        names.sort_by(|left, right| natural_order(left, right));
        assert_eq!(names, ["", "9", "10", "a", "a9", "a09b", "a10", "b"]);
    }
}
