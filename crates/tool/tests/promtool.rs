//! The same command lines for `vigie promql` and the real promtool, in the folder `VIGIE_TOOLS_BIN`;
//! run by `make test-promtool`.
#![cfg(feature = "promtool")]

use std::path::{Path, PathBuf};
use std::process::Command;

use vigie_tool::run_collected;

fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files")
}

/// `%` stands for the folder of the files.
#[track_caller]
fn check(ours: &[&str], theirs: &[&str]) {
    let folder = format!("{}/", files().display());
    let placed = |arguments: &[&str]| -> Vec<String> {
        arguments.iter().map(|text| text.replace('%', &folder)).collect()
    };
    let tools = std::env::var("VIGIE_TOOLS_BIN").expect("VIGIE_TOOLS_BIN is set");
    let reference = Command::new(Path::new(&tools).join("promtool"))
        .args(placed(theirs))
        .output()
        .expect("promtool runs");
    let ours = placed(ours);
    let ours: Vec<&str> = std::iter::once("vigie promql")
        .chain(ours.iter().map(String::as_str))
        .collect();
    let (outcome, out, err) = run_collected(&ours);
    let found = (Some(i32::from(outcome.code())), out, err);
    let expected = (
        reference.status.code(),
        String::from_utf8(reference.stdout).unwrap(),
        String::from_utf8(reference.stderr).unwrap(),
    );
    assert_eq!(found, expected, "{ours:?}");
}

#[test]
fn rule_files_are_judged_alike() {
    for file in ["%good.yml", "%duplicate.yml", "%wrong.yml", "%form.yml"] {
        for flags in [
            &[][..],
            &["--lint-fatal"],
            &["--lint=none"],
            &["--ignore-unknown-fields"],
        ] {
            let with = |command: &[&'static str]| -> Vec<&str> {
                command.iter().chain(flags).copied().chain([file]).collect()
            };
            check(&with(&["check"]), &with(&["check", "rules"]));
        }
    }
}

#[test]
fn unit_tests_go_alike() {
    for file in ["%unit_good.yml", "%unit_bad.yml", "%unit_fuzzy.yml"] {
        check(&["test", "rules", file], &["test", "rules", file]);
        check(
            &["test", "rules", "--run=wrong", file],
            &["test", "rules", "--run=wrong", file],
        );
    }
}

#[test]
fn results_are_written_alike() {
    let dir = tempfile::tempdir().unwrap();
    for file in ["%unit_good.yml", "%unit_bad.yml", "%unit_fuzzy.yml"] {
        let written = ["ours", "theirs"].map(|name| dir.path().join(name));
        let [ours, theirs] = written
            .each_ref()
            .map(|path| format!("--junit={}", path.display()));
        check(&["test", &ours, "rules", file], &["test", &theirs, "rules", file]);
        let [ours, theirs] = written.map(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            let (before, after) = text.split_once("timestamp=\"").unwrap();
            let (_, after) = after.split_once('"').unwrap();
            format!("{before}{after}")
        });
        assert_eq!(ours, theirs, "{file}");
    }
}

#[test]
fn queries_are_formatted_alike() {
    for query in [
        "up",
        "sum(rate(x{a=\"b\"}[5m]))by(job)+on(job)group_left label_replace(up,\"a\",\"$1\",\"b\",\"(.*)\")>5",
        "histogram_quantile(0.9,sum without(instance)(rate(request_duration_seconds_bucket[5m]offset 1h)))",
    ] {
        check(&["format", query], &["--experimental", "promql", "format", query]);
    }
}
