//! Unit tests of rules: promtool's file format, run with this engine.

mod compare;
mod file;
mod junit;
mod run;
mod store;

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use regex::Regex;
use vigie_promql::ParseOptions;

use self::file::TestFile;
use self::junit::{Document, FileReport};
use self::run::Suite;
use crate::Outcome;
use crate::cli::TestRulesCommand;
use crate::output::Output;

pub(crate) fn run(
    command: &TestRulesCommand,
    junit: Option<&Path>,
    promql: ParseOptions,
    delayed_name_removal: bool,
    output: &mut Output,
) -> Outcome {
    let wanted = match command.run.as_slice() {
        [] => None,
        patterns => match Regex::new(&patterns.join("|")) {
            Ok(wanted) => Some(wanted),
            Err(error) => {
                output.error_line(&format!("--run: {error}"));
                return Outcome::Failure;
            }
        },
    };
    // Before anything is tested, so that nobody waits for results that cannot be written.
    let mut junit = match junit.map(File::create).transpose() {
        Ok(junit) => junit,
        Err(error) => {
            output.error_line(&format!("--junit: {error}"));
            return Outcome::Failure;
        }
    };
    let suite = Suite {
        promql,
        delayed_name_removal,
        wanted,
        shows_diff: command.diff,
        is_debug: command.debug,
        ignore_unknown_fields: command.ignore_unknown_fields,
    };
    let mut outcome = Outcome::Success;
    let mut reports = Vec::new();
    for path in &command.files {
        let name = path.display().to_string();
        let report = match TestFile::read(path, output) {
            Ok(file) => FileReport {
                name,
                started: now_text(),
                cases: suite.run(&file, output),
            },
            Err(mistake) => FileReport::unreadable(name, mistake),
        };
        if report.mistakes().next().is_none() {
            output.line("  SUCCESS");
        } else {
            outcome = Outcome::Failure;
            output.error_line("  FAILED:");
            for mistake in report.mistakes() {
                output.error_line(mistake);
                output.line("");
            }
        }
        output.line("");
        reports.push(report);
    }
    let written = junit.as_mut().map(|file| write!(file, "{}", Document(&reports)));
    if let Some(Err(error)) = written {
        output.error_line(&format!("failed to write JUnit XML: {error}"));
    }
    outcome
}

/// UTC, to the second.
fn now_text() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S").to_string()
}
