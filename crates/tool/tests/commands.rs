//! Commands on the files beside this test: what they print and end with.

use std::path::Path;

use vigie_tool::{Outcome, run_collected};

/// Runs a command line, in which `%` stands for the folder of the files.
fn run(command: &str) -> (Outcome, String, String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files");
    let prefix = format!("{}/", folder.display());
    let arguments: Vec<String> = std::iter::once("vigie promql".to_owned())
        .chain(command.split(' ').map(|argument| argument.replace('%', &prefix)))
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (outcome, out, err) = run_collected(&arguments);
    (outcome, out.replace(&prefix, "%"), err.replace(&prefix, "%"))
}

#[track_caller]
fn check(command: &str, outcome: Outcome, out: &str, err: &str) {
    assert_eq!(
        run(command),
        (outcome, out.to_owned(), err.to_owned()),
        "{command}"
    );
}

#[test]
fn rule_files_are_checked() {
    check(
        "check %good.yml",
        Outcome::Success,
        "Checking %good.yml\n  SUCCESS: 4 rules found\n\n",
        "",
    );
    check(
        "check %form.yml %good.yml",
        Outcome::Failure,
        "Checking %form.yml\nChecking %good.yml\n  SUCCESS: 4 rules found\n\n",
        "  FAILED:\n%form.yml: yaml: unmarshal errors:\n\
         \x20 line 3: field rulez not found in type rulefmt.RuleGroup\n\
         \x20 line 7: field foo not found in type rulefmt.Rule\n",
    );
    check(
        "check --ignore-unknown-fields %form.yml",
        Outcome::Success,
        "Checking %form.yml\n  SUCCESS: 1 rules found\n\n",
        "",
    );
}

#[test]
fn lint_fails_only_if_asked_to() {
    let complaint = "  FAILED:\nlint error 1 duplicate rule(s) found.\nMetric: a:b\nLabel(s):\n\tx: y\n\
                     Might cause inconsistency while recording expressions\n";
    let out = "Checking %duplicate.yml\n\n";
    check("check %duplicate.yml", Outcome::Success, out, complaint);
    check("check --lint-fatal %duplicate.yml", Outcome::Lint, out, complaint);
    check(
        "check --lint-fatal --lint=none %duplicate.yml",
        Outcome::Success,
        "Checking %duplicate.yml\n  SUCCESS: 2 rules found\n\n",
        "",
    );
}

#[test]
fn queries_are_formatted() {
    check("format sum(x)by(a)", Outcome::Success, "sum by (a) (x)\n", "");
    check(
        "format sum(",
        Outcome::Failure,
        "",
        "1:5: parse error: unclosed left parenthesis\n",
    );
    check(
        "format sort_by_label(up,\"a\") --enable-feature=promql-experimental-functions",
        Outcome::Success,
        "sort_by_label(up, \"a\")\n",
        "",
    );
}

#[test]
fn unit_tests_of_rules_pass() {
    check("test rules %unit_good.yml", Outcome::Success, "  SUCCESS\n\n", "");
    check(
        "test rules %unit_fuzzy.yml",
        Outcome::Success,
        "  SUCCESS\n\n",
        "",
    );
}

#[test]
fn unit_tests_of_rules_say_what_is_wrong() {
    let (outcome, out, err) = run("test rules %unit_bad.yml");
    assert_eq!((outcome, out.as_str()), (Outcome::Failure, "\n\n\n\n\n\n\n"));
    let expected = [
        "  FAILED:",
        "    name: wrong,",
        "    alertname: HighRate, time: 10m, ",
        "        exp:[",
        "            0:",
        "              Labels:{alertname=\"HighRate\", job=\"b\", severity=\"ticket\"}",
        "              Annotations:{}",
        "            ], ",
        "        got:[",
        "            0:",
        "              Labels:{alertname=\"HighRate\", job=\"a\", severity=\"ticket\", team=\"infra\"}",
        "              Annotations:{details=\"a=100% from \", summary=\"a gets 2 requests per second\"}",
        "            ]",
        "    name: wrong,",
        "    alertname: Absent, time: 10m, ",
        "        exp:[",
        "            0:",
        "              Labels:{alertname=\"Absent\"}",
        "              Annotations:{}",
        "            ], ",
        "        got:[]",
        "    expr: \"http_requests_total\", time: 1m,",
        "        exp: {__name__=\"http_requests_total\", job=\"a\"} 1.21E+02",
        "        got: {__name__=\"http_requests_total\", job=\"a\"} 1.2E+02",
        "    expr: \"sum(\", time: 1m, err: 1:5: parse error: unclosed left parenthesis",
        "    expr: \"http_requests_total[1m]\", time: 1m, err: rule result is not a vector or scalar",
        "    expr: \"vector(0.1) + 0.2\", time: 0s,",
        "        exp: {} 3E-01",
        "        got: {} 3.0000000000000004E-01",
    ];
    let lines: Vec<&str> = err.lines().collect();
    assert_eq!(lines, expected);
}

#[test]
fn tests_are_chosen_by_name() {
    check(
        "test rules --run=nothing %unit_bad.yml",
        Outcome::Success,
        "  SUCCESS\n\n",
        "",
    );
    assert_eq!(run("test rules --run=wrong %unit_bad.yml").0, Outcome::Failure);
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let (outcome, out, err) = run("query instant 127.0.0.1:1 up");
    assert_eq!((outcome, out.as_str()), (Outcome::Failure, ""));
    assert!(err.starts_with("query error: "), "{err}");
    let (outcome, _, err) = run("query range --start=5 --end=5 127.0.0.1:1 up");
    assert_eq!(
        (outcome, err.as_str()),
        (Outcome::Failure, "start time is not before end time\n")
    );
    let (outcome, _, err) = run("query instant --time=soon 127.0.0.1:1 up");
    assert_eq!(outcome, Outcome::Failure);
    assert_eq!(
        err,
        "error parsing evaluation time: cannot parse \"soon\" to a valid timestamp\n"
    );
}

#[test]
fn nonsense_is_a_failure() {
    assert_eq!(run("test rules").0, Outcome::Failure);
    assert_eq!(run("frobnicate").0, Outcome::Failure);
}
