//! Every scenario that comes with the program is valid, and bad ones are refused with a reason.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panicking")]

use vigie_loadtest::ask::questions;
use vigie_loadtest::scenario::{Scenario, builtin, load};
use vigie_workload::Workload;

#[test]
fn every_builtin_scenario_is_valid() {
    for builtin in builtin() {
        let (scenario, text) = load(builtin.name).unwrap_or_else(|error| panic!("{error:?}"));
        assert!(
            text.starts_with('#'),
            "{}: the first line says what it is for",
            builtin.name
        );
        // A recording is made when its scenario is run.
        if scenario.record.is_none() {
            Workload::new(scenario.data().unwrap(), 1).unwrap();
        }
        questions(&scenario.queries).unwrap_or_else(|error| panic!("{}: {error:?}", builtin.name));
    }
}

#[test]
fn every_file_is_builtin() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios");
    let mut files: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let names: Vec<String> = builtin()
        .iter()
        .map(|builtin| format!("{}.yaml", builtin.name))
        .collect();
    assert_eq!(files, names);
}

const HEAD: &str = "name: x\nabout: y\n";
const DATA: &str = "workload: {shapes: [{k6: {series: 10}}], rounds: 2}\n";

#[track_caller]
fn check_refused(text: &str, reason: &str) {
    let error = format!("{:#}", Scenario::parse(text).unwrap_err());
    assert!(error.contains(reason), "{error}");
}

#[test]
fn bad_scenarios_are_refused_with_a_reason() {
    Scenario::parse(&format!("{HEAD}{DATA}")).unwrap();
    check_refused(HEAD, "`workload` is missing");
    check_refused(&format!("{HEAD}{DATA}wrokload: 1\n"), "wrokload");
    check_refused(&format!("{HEAD}{DATA}send: {{speed: 0}}\n"), "`send.speed` is 0");
    check_refused(&format!("{HEAD}{DATA}send: {{mode: fast}}\n"), "fast");
    check_refused(
        &format!("{HEAD}{DATA}queries: [{{name: q}}]\n"),
        "neither `set` nor `expressions` nor `finds`",
    );
    check_refused(
        &format!("{HEAD}{DATA}queries: [{{name: q, finds: [{{series: {{match: []}}}}]}}]\n"),
        "names no selector",
    );
    check_refused(
        &format!("{HEAD}{DATA}queries: [{{name: q, expressions: [up], span: {{range: 1s, step: 1m}}}}]\n"),
        "`span` needs a `step`",
    );
    check_refused(
        &format!(
            "{HEAD}{DATA}send: {{mode: closed}}\nqueries: [{{name: q, expressions: [up], when: live}}]\n"
        ),
        "needs `send.mode: open`",
    );
    check_refused(
        &format!("{HEAD}{DATA}record: {{scrapes: 3}}\n"),
        "`record.scrapes` is 3",
    );
    check_refused(
        &format!(
            "{HEAD}scrape: {{workload: {{shapes: [{{k6: {{series: 10}}}}], rounds: 2}}}}\nrestart: true\n"
        ),
        "`scrape` does not go",
    );
    check_refused(
        &format!("{HEAD}{DATA}without: {{thanos: no}}\n"),
        "`without` or `args`",
    );
    check_refused(
        &format!("{HEAD}{DATA}faults: [[-1, {{kind: kill, system: server}}]]\n"),
        "no time",
    );
}
