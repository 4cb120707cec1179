//! Unit tests of rules: promtool's file format, run with this engine.

mod compare;
mod file;
mod run;
mod store;

use regex::Regex;
use vigie_promql::ParseOptions;

use self::file::TestFile;
use self::run::Suite;
use crate::Outcome;
use crate::cli::TestRulesCommand;
use crate::output::Output;

pub(crate) fn run(
    command: &TestRulesCommand,
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
    let suite = Suite {
        promql,
        delayed_name_removal,
        wanted,
        shows_diff: command.diff,
        is_debug: command.debug,
        ignore_unknown_fields: command.ignore_unknown_fields,
    };
    let mut outcome = Outcome::Success;
    for path in &command.files {
        let mistakes = match TestFile::read(path, output) {
            Ok(file) => suite.run(&file, output),
            Err(mistake) => vec![mistake],
        };
        if mistakes.is_empty() {
            output.line("  SUCCESS");
        } else {
            outcome = Outcome::Failure;
            output.error_line("  FAILED:");
            for mistake in mistakes {
                output.error_line(&mistake);
                output.line("");
            }
        }
        output.line("");
    }
    outcome
}
