//! The query sets ask for what the node_exporter shape has.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panicking")]

use std::collections::BTreeSet;

use vigie_workload::{Millis, Request, Workload, WorkloadSpec, queries};

/// Names of the metrics of a host and a cluster.
fn known() -> BTreeSet<String> {
    let yaml = "shapes: [node_exporter: {hosts: 1, series_per_host: 700}, kubernetes: {nodes: 1}]\nsenders: 1\nrounds: 1";
    let workload = Workload::new(&WorkloadSpec::from_yaml(yaml).unwrap(), 1).unwrap();
    let mut stream = workload.stream(0).rows_only();
    let mut metrics = BTreeSet::new();
    let mut request = Request::default();
    while stream.next_request(&mut request) {
        for sample in request.visit() {
            let text = sample.series_text();
            let (_, rest) = text.split_once("__name__=\"").unwrap();
            metrics.insert(rest.split('"').next().unwrap().to_owned());
        }
    }
    metrics
}

/// The words outside strings that name a metric; no label of the shape begins as they do.
fn metrics_of(expr: &str) -> Vec<String> {
    let unquoted: String = expr.split('"').step_by(2).collect::<Vec<_>>().join("\"\"");
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    unquoted
        .split(|letter| !is_word(letter))
        .filter(|word| {
            ["node_", "kube_", "container_", "machine_"]
                .iter()
                .any(|start| word.starts_with(start))
                || ["up", "scrape_duration_seconds"].contains(word)
        })
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_metric_is_one_of_the_shape() {
    let metrics = known();
    for set in queries::names() {
        let all = queries::named(set);
        let names: BTreeSet<_> = all.iter().map(|query| query.name).collect();
        assert_eq!(names.len(), all.len(), "{set} has a name twice");
        for query in all {
            let asked = metrics_of(query.expr);
            let by_regex = query.expr.contains("__name__")
                || query.expr.contains("{instance")
                || query.expr.contains("{job");
            assert!(!asked.is_empty() || by_regex, "{}", query.expr);
            for metric in asked {
                assert!(
                    metrics.contains(&metric),
                    "{set}: {}: no metric {metric}",
                    query.name
                );
            }
        }
    }
}

#[test]
fn rules_become_a_file() {
    let rules = queries::named("rules-200");
    let text = queries::rule_file(&rules, 20, Millis(15_000));
    assert_eq!(text.matches("- name: ").count(), 10);
    let quoted = [queries::Query {
        name: "Down",
        expr: "up{a='1'} >= 0",
    }];
    assert_eq!(
        queries::rule_file(&quoted, 20, Millis(90_000)),
        "groups:\n  - name: group-0\n    interval: 1m30s\n    rules:\n      - alert: Down\n        expr: 'up{a=''1''} >= 0'\n"
    );
}

#[test]
fn the_sets_have_their_sizes() {
    let sizes: Vec<_> = queries::names().map(|set| queries::named(set).len()).collect();
    assert_eq!(sizes, [42, 31, 200, 30]);
    assert_eq!(queries::named("nothing"), []);
    for rule in queries::named("rules-200") {
        let valid = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
        assert!(
            rule.name.chars().all(valid),
            "{} is no name of a metric",
            rule.name
        );
    }
}
