use super::*;
use crate::parse_with;

fn plan(query: &str, params: &QueryParams) -> Result<Plan, EvalError> {
    let expr = parse_with(query, &crate::ParseOptions::all()).unwrap();
    Plan::new(&expr, params)
}

/// The times each selector reads, over the range 1,000 s to 2,000 s at a step of 60 s.
#[track_caller]
fn check_times(query: &str, expected: &[(i64, i64)]) {
    let params = QueryParams::range(query, 1_000_000, 2_000_000, 60_000);
    let found: Vec<(i64, i64)> = plan(query, &params)
        .unwrap()
        .selections()
        .iter()
        .map(|request| (request.start_ms, request.end_ms))
        .collect();
    assert_eq!(found, expected, "{query}");
}

#[test]
fn selectors_read_what_they_need_and_no_more() {
    // The last step is at 1,960 s, as 2,000 s is not on the grid; windows are open on the left.
    check_times("m", &[(700_001, 1_960_000)]);
    check_times("m offset 5m", &[(400_001, 1_660_000)]);
    check_times("m offset -1m", &[(760_001, 2_020_000)]);
    check_times("m @ 50", &[(-249_999, 50_000)]);
    check_times("m @ 50 offset 10s", &[(-259_999, 40_000)]);
    check_times("m @ start()", &[(700_001, 1_000_000)]);
    check_times("m @ end()", &[(1_700_001, 2_000_000)]);
    check_times("rate(m[2m])", &[(880_001, 1_960_000)]);
    check_times("rate(m[2 * step()] offset 1m)", &[(820_001, 1_900_000)]);
    check_times("rate(m[range()])", &[(1, 1_960_000)]);
    check_times("a + b", &[(700_001, 1_960_000), (700_001, 1_960_000)]);
    // The subquery's steps are multiples of its own: from 900 s on, the first after 880 s.
    check_times("max_over_time(m[2m:30s])", &[(600_001, 1_950_000)]);
    check_times("max_over_time(m[2m:30s] offset 10s)", &[(600_001, 1_950_000)]);
    check_times("max_over_time(rate(m[1m])[2m:])", &[(840_001, 1_920_000)]);
    check_times("max_over_time(m[2m:30s] @ 100)", &[(-299_999, 90_000)]);
    check_times("rate(m[1m] anchored)", &[(640_001, 1_960_000)]);
    check_times("rate(m[1m] smoothed)", &[(640_001, 2_260_000)]);
    check_times("time()", &[]);
}

/// Which labels each selector needs besides those of the metric itself, over a range.
#[track_caller]
fn check_labels(query: &str, expected: &[Option<&[&str]>]) {
    let params = QueryParams::range(query, 1_000_000, 2_000_000, 60_000);
    let plan = plan(query, &params).unwrap();
    let found: Vec<Option<Vec<&str>>> = plan
        .selections()
        .iter()
        .map(|request| {
            let labels = request.labels.as_deref()?;
            Some(labels[..labels.len() - 3].iter().map(String::as_str).collect())
        })
        .collect();
    let expected: Vec<Option<Vec<&str>>> = expected.iter().map(|names| names.map(<[_]>::to_vec)).collect();
    assert_eq!(found, expected, "{query}");
}

#[test]
fn aggregations_read_only_the_labels_they_need() {
    check_labels("sum(m)", &[Some(&[])]);
    check_labels("sum by (a, b) (m)", &[Some(&["a", "b"])]);
    check_labels("sum by (a) (rate(m[5m]))", &[Some(&["a"])]);
    check_labels("count by (a) (abs(rate(m[5m])) * 2 > 1)", &[Some(&["a"])]);
    check_labels("max by (a) (m @ 5)", &[Some(&["a"])]);
    check_labels("sum by (a) ({x=\"y\"})", &[Some(&["a"])]);
    // All labels tell series apart that lose their names.
    check_labels("sum by (a) (rate({x=\"y\"}[5m]))", &[None]);
    check_labels("sum by (a) (-{x=\"y\"})", &[None]);
    check_labels("sum without (a) (m)", &[None]);
    check_labels("topk by (a) (2, m)", &[None]);
    check_labels("sum by (a) (m * on (b) n)", &[None, None]);
    check_labels(
        "sum by (a) (label_replace(m, \"a\", \"$1\", \"b\", \"(.*)\"))",
        &[None],
    );
    // Two use it, one of them for all of its labels.
    check_labels("m / on (a) group_left sum by (a) (m)", &[None]);
    check_labels("rate(m[5m])", &[None]);
}

#[test]
fn constants_are_folded() {
    let params = QueryParams::instant("", 0);
    let plan = plan("-(1 + 2) * 3 ^ 2 + pi() * 0", &params).unwrap();
    assert!(matches!(plan.root(), RootNode::Scalar(ScalarNode::Number(value)) if *value == -27.0));
}

#[test]
fn what_is_wrong_whatever_the_data_is_refused() {
    let range = QueryParams::range("", 0, 60_000, 10_000);
    let instant = QueryParams::instant("", 0);
    for (query, params, message) in [
        (
            "m[5m]",
            &range,
            "invalid expression type \"range vector\" for range query, must be Scalar or instant Vector",
        ),
        (
            "\"text\"",
            &range,
            "invalid expression type \"string\" for range query, must be Scalar or instant Vector",
        ),
        (
            "label_replace(m, \"a\", \"b\", \"c\", \"(\")",
            &instant,
            "invalid regular expression in label_replace(): (",
        ),
        (
            "sum_over_time(m[1m] smoothed)",
            &instant,
            "smoothed modifier can only be used with: delta, increase, rate - not with sum_over_time",
        ),
    ] {
        let error = plan(query, params).unwrap_err();
        assert_eq!(error.to_string(), message, "{query}");
    }
    let error = plan("rate(m[step()])", &instant).unwrap_err();
    assert!(
        error.to_string().ends_with("duration must be greater than 0"),
        "{error}"
    );
    let backwards = QueryParams::range("", 60_000, 0, 10_000);
    assert!(matches!(plan("m", &backwards), Err(EvalError::Invalid(_))));
}

#[test]
fn an_empty_subquery_reads_nothing() {
    let plan = plan("sum_over_time(m[10s:1h])", &QueryParams::instant("", 1_800_000)).unwrap();
    let request = &plan.selections()[0];
    assert!(request.end_ms < request.start_ms);
}
