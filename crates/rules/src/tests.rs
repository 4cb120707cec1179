use std::cell::RefCell;
use std::collections::BTreeMap;

use vigie_promql::notation::parse_series;
use vigie_promql::{Vector, VectorSample};

use super::*;

#[track_caller]
fn check_mistakes(text: &str, expected: &[&str]) {
    let mistakes = RuleFile::parse(text, &FileOptions::default()).unwrap_err();
    assert_eq!(mistakes, expected, "{text}");
}

fn read(text: &str) -> RuleFile {
    RuleFile::parse(text, &FileOptions::default()).unwrap()
}

#[test]
fn a_file_is_read_whole() {
    let file = read(
        "groups:\n\
         - name: g\n\
         \x20 interval: 30s\n\
         \x20 query_offset: 1m\n\
         \x20 limit: 5\n\
         \x20 labels: {team: a}\n\
         \x20 rules:\n\
         \x20 - record: job:up:sum\n\
         \x20   expr: sum by (job) (up)\n\
         \x20 - alert: Down\n\
         \x20   expr: up == 0\n\
         \x20   for: 5m\n\
         \x20   keep_firing_for: 1h\n\
         \x20   labels: {severity: page}\n\
         \x20   annotations: {summary: '{{ $labels.job }} is down'}\n",
    );
    let [group] = file.groups.as_slice() else {
        panic!("{file:?}");
    };
    assert_eq!(
        (group.interval_ms, group.query_offset_ms, group.limit),
        (Some(30_000), Some(60_000), 5)
    );
    assert_eq!(group.labels["team"], "a");
    let [record, alert] = group.rules.as_slice() else {
        panic!("{group:?}");
    };
    assert_eq!(
        (record.name.as_str(), &record.kind),
        ("job:up:sum", &RuleKind::Recording)
    );
    let RuleKind::Alerting {
        hold_ms,
        keep_firing_ms,
        annotations,
    } = &alert.kind
    else {
        panic!("{alert:?}");
    };
    assert_eq!(
        (*hold_ms, *keep_firing_ms, annotations.len()),
        (300_000, 3_600_000, 1)
    );
    assert_eq!(read("").groups, []);
}

#[test]
fn mistakes_are_told_as_prometheus_tells_them() {
    check_mistakes(
        "groups:\n- name: g\n  rules:\n  - record: a\n    alert: b\n    expr: up\n",
        &["4:13: 5:12: group \"g\", rule 1, \"b\": only one of 'record' and 'alert' must be set"],
    );
    check_mistakes(
        "groups:\n- name: g\n  rules:\n  - record: a\n    expr: sum(\n",
        &[
            "5:11: group \"g\", rule 1, \"a\": could not parse expression: 1:5: parse error: unclosed left parenthesis",
        ],
    );
    check_mistakes(
        "groups:\n- name: g\n  rules:\n  - record: a{b}\n    for: 1m\n    expr: up\n",
        &[
            "4:13: group \"g\", rule 1, \"a{b}\": invalid field 'for' in recording rule",
            "4:13: group \"g\", rule 1, \"a{b}\": braces present in the recording rule name; should it be in expr?: a{b}",
        ],
    );
    check_mistakes(
        "groups:\n- name: g\n  rules: []\n- name: g\n  rules: []\n- name: ''\n",
        &[
            "4:3: groupname: \"g\" is repeated in the same file",
            "6:3: Groupname must not be empty",
        ],
    );
    check_mistakes(
        "groups:\n- name: g\n  rules:\n  - alert: a\n    expr: up\n    annotations: {s: '{{ $x }}'}\n",
        &["group \"g\", rule 1, \"a\": annotation \"s\": template: __alert_a:1: undefined variable \"$x\""],
    );
    check_mistakes(
        "groups:\n- name: g\n  rulez: []\n",
        &["yaml: unmarshal errors:\n  line 3: field rulez not found in type rulefmt.RuleGroup"],
    );
    let lenient = FileOptions {
        ignore_unknown_fields: true,
        ..FileOptions::default()
    };
    assert!(RuleFile::parse("groups:\n- name: g\n  rulez: []\n", &lenient).is_ok());
}

#[test]
fn duplicates_are_found_once() {
    let file = read(
        "groups:\n- name: g\n  rules:\n\
         \x20 - {record: a, expr: up, labels: {x: y}}\n\
         \x20 - {record: a, expr: down, labels: {x: y}}\n\
         \x20 - {record: a, expr: down, labels: {x: y}}\n\
         \x20 - {record: a, expr: up}\n",
    );
    let duplicates = duplicate_rules(&file.groups);
    assert_eq!(duplicates.len(), 1);
    assert_eq!(duplicates[0].label_set().to_string(), "{x=\"y\"}");
}

/// Answers any query with the vector of the moment, and keeps what is written.
#[derive(Default)]
struct World {
    vector: RefCell<Vector>,
    written: RefCell<Vec<String>>,
}

impl Environment for World {
    fn query(&self, query: &str, _: i64) -> Result<Vector, String> {
        if query == "bad" {
            return Err("it is bad".to_owned());
        }
        Ok(self.vector.borrow().clone())
    }

    fn append(&self, samples: Vector) -> Result<(), String> {
        let lines = samples
            .iter()
            .map(|sample| format!("{} {} @{}", sample.labels, sample.value, sample.timestamp_ms));
        self.written.borrow_mut().extend(lines);
        Ok(())
    }
}

impl World {
    fn holds(&self, series: &[(&str, f64)]) {
        *self.vector.borrow_mut() = series
            .iter()
            .map(|(series, value)| VectorSample {
                labels: parse_series(series).unwrap().0,
                timestamp_ms: 0,
                value: *value,
                histogram: None,
            })
            .collect();
    }

    #[track_caller]
    fn check_written(&self, expected: &[&str]) {
        assert_eq!(std::mem::take(&mut *self.written.borrow_mut()), expected);
    }
}

fn group(rules: &str, limit: usize) -> Group {
    let file = read(&format!(
        "groups:\n- name: g\n  query_offset: 1s\n  limit: {limit}\n  labels: {{team: t}}\n  rules:\n{rules}"
    ));
    let options = GroupOptions {
        external_labels: BTreeMap::from([("cluster".to_owned(), "c".to_owned())]),
        external_url: "http://x/".to_owned(),
        query_offset_ms: 0,
    };
    Group::new(&file.groups[0], &options)
}

#[test]
fn recorded_series_end_when_they_are_not_given_any_more() {
    let world = World::default();
    let mut group = group("  - {record: r, expr: up, labels: {a: ''}}\n", 2);
    world.holds(&[("up{a=\"1\",b=\"1\"}", 1.0), ("up{b=\"2\"}", 2.0)]);
    assert_eq!(group.evaluate(10_000, &world), []);
    world.check_written(&[
        "{__name__=\"r\", b=\"1\", team=\"t\"} 1 @9000",
        "{__name__=\"r\", b=\"2\", team=\"t\"} 2 @9000",
    ]);
    world.holds(&[("up{b=\"2\"}", 3.0)]);
    group.evaluate(20_000, &world);
    world.check_written(&[
        "{__name__=\"r\", b=\"2\", team=\"t\"} 3 @19000",
        "{__name__=\"r\", b=\"1\", team=\"t\"} NaN @19000",
    ]);
    world.holds(&[("up{a=\"1\"}", 3.0), ("up{a=\"2\"}", 3.0)]);
    let failures = group.evaluate(30_000, &world);
    assert_eq!(
        failures[0].message,
        "vector contains metrics with the same labelset after applying rule labels"
    );
    world.holds(&[("up{b=\"1\"}", 3.0), ("up{b=\"2\"}", 3.0), ("up{b=\"3\"}", 3.0)]);
    assert_eq!(
        group.evaluate(40_000, &world)[0].message,
        "exceeded limit of 2 with 3 series"
    );
    world.check_written(&[]);
}

#[test]
fn an_alert_is_pending_then_fires_then_goes_on_and_ends() {
    let world = World::default();
    let mut group = group(
        "  - alert: A\n    expr: up\n    for: 10s\n    keep_firing_for: 10s\n\
         \x20   annotations: {s: '{{ $labels.b }} {{ $value }} {{ $externalLabels.cluster }}'}\n",
        0,
    );
    let state = |group: &Group| {
        let rule = group.alerting_rules().next().unwrap();
        let states: Vec<&str> = rule.active_alerts().map(|alert| alert.state.as_str()).collect();
        states.join(" ")
    };
    world.holds(&[("up{b=\"1\"}", 1.5)]);
    group.evaluate(0, &world);
    assert_eq!(state(&group), "pending");
    world.check_written(&[
        "{__name__=\"ALERTS\", alertname=\"A\", alertstate=\"pending\", b=\"1\", team=\"t\"} 1 @-1000",
        "{__name__=\"ALERTS_FOR_STATE\", alertname=\"A\", b=\"1\", team=\"t\"} 0 @-1000",
    ]);
    group.evaluate(10_000, &world);
    assert_eq!(state(&group), "firing");
    let rule = group.alerting_rules().next().unwrap();
    assert_eq!(rule.active_alerts().next().unwrap().annotations["s"], "1 1.5 c");
    world.check_written(&[
        "{__name__=\"ALERTS\", alertname=\"A\", alertstate=\"firing\", b=\"1\", team=\"t\"} 1 @9000",
        "{__name__=\"ALERTS_FOR_STATE\", alertname=\"A\", b=\"1\", team=\"t\"} 0 @9000",
        "{__name__=\"ALERTS\", alertname=\"A\", alertstate=\"pending\", b=\"1\", team=\"t\"} NaN @9000",
    ]);
    world.holds(&[]);
    group.evaluate(20_000, &world);
    assert_eq!(state(&group), "firing");
    group.evaluate(30_000, &world);
    assert_eq!(state(&group), "");
    // Kept for a while, so that its end can be told.
    assert_eq!(group.alerting_rules().next().unwrap().alerts().count(), 1);
    group.evaluate(30_000 + 16 * 60_000, &world);
    assert_eq!(group.alerting_rules().next().unwrap().alerts().count(), 0);
}

#[test]
fn alerts_over_the_limit_are_dropped_and_others_go_on() {
    let world = World::default();
    let mut group = group("  - {alert: A, expr: up}\n  - {record: r, expr: bad}\n", 1);
    world.holds(&[("up{b=\"1\"}", 1.0), ("up{b=\"2\"}", 1.0)]);
    let failures: Vec<String> = group
        .evaluate(0, &world)
        .iter()
        .map(|failure| format!("{}: {}", failure.rule, failure.message))
        .collect();
    assert_eq!(failures, ["A: exceeded limit of 1 with 2 alerts", "r: it is bad"]);
    assert_eq!(group.alerting_rules().next().unwrap().alerts().count(), 0);
}
