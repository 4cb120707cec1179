//! Commands on the files beside this test: what they print and end with.

#![expect(clippy::unwrap_used, reason = "in a test a failed step is a failed test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

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
    let dir = tempfile::tempdir().unwrap();
    let results = dir.path().join("results.xml");
    let command = format!("test rules --junit={} %unit_bad.yml", results.display());
    assert_eq!(run(&command).0, Outcome::Failure);
    let text = std::fs::read_to_string(&results).unwrap();
    assert!(text.starts_with("<testsuites><testsuite name=\""), "{text}");
    assert!(text.contains("<failure>"), "{text}");
    let nowhere = format!("test rules --junit={} %unit_bad.yml", dir.path().display());
    assert!(run(&nowhere).2.starts_with("--junit: "));
}

/// Asks a server that gives one answer, and returns what it was asked: the path, then the form.
#[track_caller]
fn check_asked(
    command: &str,
    (status, body): (&'static str, &'static str),
    outcome: Outcome,
    out: &str,
    err: &str,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut request = String::new();
        reader.read_line(&mut request).unwrap();
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).unwrap();
            if header.trim().is_empty() {
                break;
            }
            if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut form = vec![0; length];
        reader.read_exact(&mut form).unwrap();
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).unwrap();
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        format!("{path} {}", String::from_utf8(form).unwrap())
    });
    check(
        &command.replace("SERVER", &address.to_string()),
        outcome,
        out,
        err,
    );
    server.join().unwrap()
}

#[test]
fn a_server_is_asked() {
    let vector = "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[\
                  {\"metric\":{\"__name__\":\"up\",\"job\":\"a\"},\"value\":[5.5,\"1\"]}]}}";
    let asked = check_asked(
        "query instant --time=5.5 SERVER up",
        ("200 OK", vector),
        Outcome::Success,
        "up{job=\"a\"} => 1 @[5.5]\n",
        "",
    );
    assert_eq!(asked, "/api/v1/query query=up&time=5.5");
    let asked = check_asked(
        "query -o json range --start=0 --end=500 SERVER a+b",
        ("200 OK", vector),
        Outcome::Success,
        "[{\"metric\":{\"__name__\":\"up\",\"job\":\"a\"},\"value\":[5.5,\"1\"]}]\n",
        "",
    );
    assert_eq!(asked, "/api/v1/query_range query=a%2Bb&start=0&end=500&step=2");
    let asked = check_asked(
        "query labels --start=1 --end=2 --match=up SERVER job",
        (
            "200 OK",
            "{\"status\":\"success\",\"data\":[\"a\",\"b\"],\"warnings\":[\"w\"]}",
        ),
        Outcome::Success,
        "a\nb\n",
        "query warning: w\n",
    );
    assert_eq!(asked, "/api/v1/label/job/values?start=1&end=2&match%5B%5D=up ");
    let asked = check_asked(
        "query series --start=1 --end=2 --match=up --match=x SERVER",
        (
            "200 OK",
            "{\"status\":\"success\",\"data\":[{\"job\":\"a\",\"__name__\":\"up\"}]}",
        ),
        Outcome::Success,
        "{__name__=\"up\", job=\"a\"}\n",
        "",
    );
    assert_eq!(asked, "/api/v1/series start=1&end=2&match%5B%5D=up&match%5B%5D=x");
}

#[test]
fn what_a_server_refuses_is_told() {
    check_asked(
        "query instant SERVER sum(",
        (
            "400 Bad Request",
            "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"it is bad\"}",
        ),
        Outcome::Failure,
        "",
        "query error: bad_data: it is bad\n",
    );
    check_asked(
        "query instant SERVER up",
        ("503 Service Unavailable", "not ready\n"),
        Outcome::Failure,
        "",
        "query error: server_error: server error: 503 (detail: not ready)\n",
    );
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
