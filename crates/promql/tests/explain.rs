//! What is told about an evaluation, and that an expression which stands in a query twice is evaluated once.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which fail by panicking")]

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use vigie_model::Labels;
use vigie_promql::notation::SeriesValue;
use vigie_promql::{
    Answer, Explained, MemorySource, Plan, QueryContext, QueryParams, SelectRequest, SeriesSet, Source,
    SourceError, evaluate, evaluate_explained, parse,
};

/// Counts how often it is read.
struct Counting {
    series: MemorySource,
    selections: AtomicUsize,
}

impl Source for Counting {
    fn select(&self, request: &SelectRequest) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
        self.selections.fetch_add(1, Ordering::Relaxed);
        self.series.select(request)
    }
}

fn source() -> Counting {
    let mut series = MemorySource::default();
    for at in 0..20 {
        for name in ["a_total", "b_total", "gauge"] {
            let labels = Labels::from_pairs([("__name__", name), ("at", &at.to_string())]).unwrap();
            for sample in 0..100 {
                let value = SeriesValue::Float(f64::from(sample * (at + 1)) / 7.0);
                series.insert(&labels, i64::from(sample) * 15_000, &value, 0);
            }
        }
    }
    Counting {
        series,
        selections: AtomicUsize::new(0),
    }
}

fn plan(query: &str) -> Plan {
    let params = QueryParams::range(query, 300_000, 1_200_000, 30_000);
    Plan::new(&parse(query).unwrap(), &params).unwrap()
}

/// Each look at the clock takes a nanosecond.
fn explained(query: &str) -> (Answer, Explained) {
    let ticks = AtomicU64::new(0);
    let clock = || ticks.fetch_add(1, Ordering::Relaxed);
    evaluate_explained(&plan(query), &source(), &QueryContext::unlimited(), &clock).unwrap()
}

#[track_caller]
fn check_selections(query: &str, expected: usize) {
    let source = source();
    let answer = evaluate(&plan(query), &source, &QueryContext::unlimited()).unwrap();
    assert_eq!(source.selections.load(Ordering::Relaxed), expected, "{query}");
    // A no-op around each selector makes all of them different.
    let mut number = 0;
    let apart: String = query
        .split_inclusive("_total")
        .map(|part| {
            number += 1;
            match part.strip_suffix("_total") {
                Some(before) => format!("{before}_total{{number!=\"{number}\"}}"),
                None => part.to_owned(),
            }
        })
        .collect();
    let separate = evaluate(&plan(&apart), &source, &QueryContext::unlimited()).unwrap();
    assert_eq!(answer.value, separate.value, "{query} and {apart}");
    assert_eq!(answer.stats.samples_read, separate.stats.samples_read, "{query}");
}

#[test]
fn equal_expressions_are_evaluated_once() {
    check_selections("a_total / (a_total + b_total)", 2);
    check_selections("rate(a_total[1m]) / (rate(a_total[1m]) + rate(b_total[1m]))", 2);
    check_selections(
        "sum by (at) (a_total) - avg by (at) (a_total) + max by (at) (a_total)",
        1,
    );
    check_selections("sum(rate(a_total[1m])) / sum(rate(a_total[1m]))", 1);
    check_selections("a_total > 3 or a_total < 2", 1);
}

#[test]
fn what_only_looks_equal_is_not_shared() {
    check_selections("a_total - a_total offset 1m", 2);
    check_selections("rate(a_total[1m]) - rate(a_total[2m])", 2);
    // Another grid: the subquery has its own steps.
    check_selections("a_total + max_over_time(a_total[2m:10s])", 2);
    check_selections("a_total + b_total", 2);
}

#[test]
fn remarks_of_both_are_made() {
    let source = source();
    let answer = evaluate(
        &plan("rate(gauge[1m]) + rate(gauge[1m])"),
        &source,
        &QueryContext::unlimited(),
    )
    .unwrap();
    assert_eq!(answer.annotations.infos.len(), 1);
    assert_eq!(source.selections.load(Ordering::Relaxed), 2);
}

#[test]
fn every_part_is_told_with_its_costs() {
    let query = "sum by (at) (rate(a_total[1m])) * 2 + sum by (at) (b_total)";
    let (answer, all) = explained(query);
    assert_eq!(
        answer,
        evaluate(&plan(query), &source(), &QueryContext::unlimited()).unwrap()
    );
    assert_eq!((all.series, all.samples), (20, 20 * 31));
    let plus = &all.parts[0];
    let [times, right] = &plus.parts[..] else {
        panic!("an addition has two parts: {plus:?}");
    };
    let rate = &times.parts[0].parts[0];
    let operations: Vec<&str> = [plus, times, &times.parts[0], rate, right, &right.parts[0]]
        .iter()
        .map(|part| part.operation.as_str())
        .collect();
    assert_eq!(
        operations,
        [
            "+",
            "* with a scalar",
            "sum by (at)",
            "rate of [1m] of select {__name__=\"a_total\"}",
            "sum by (at)",
            "select {__name__=\"b_total\"}",
        ]
    );
    let read = rate.read.unwrap();
    assert_eq!((rate.series, read.series), (20, 20));
    assert!(read.samples >= 20 * 60 && read.bytes >= 16 * read.samples);
    assert_eq!((times.series, times.samples), (20, 20 * 31));
    check_times(&all);
}

/// A part's time is its own and its parts'.
fn check_times(explained: &Explained) {
    let parts: u64 = explained.parts.iter().map(|part| part.took_ns).sum();
    assert_eq!(explained.took_ns, explained.own_ns + parts, "{explained:?}");
    assert!(explained.took_ns > 0);
    explained.parts.iter().for_each(check_times);
}

#[test]
fn a_common_expression_is_told_once() {
    let (_, all) = explained("a_total / (a_total + b_total)");
    let divided = &all.parts[0];
    let sum = &divided.parts[1];
    let [first, again] = [&sum.parts[0], &divided.parts[0]];
    // The side that is matched against is evaluated first.
    assert_eq!(first.operation, "common expression 1, evaluated");
    assert_eq!(again.operation, "common expression 1, again");
    assert!(again.parts.is_empty());
    check_times(&all);
    assert_eq!(first.series, again.series);
}
