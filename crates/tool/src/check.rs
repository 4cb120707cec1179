//! Checking rule files.

use std::io::Read;

use vigie_promql::ParseOptions;
use vigie_rules::{FileOptions, RuleFile, duplicate_rules};

use crate::Outcome;
use crate::cli::CheckCommand;
use crate::output::Output;

#[derive(Debug, Default, Clone, Copy)]
struct Found {
    /// Mistakes that Prometheus would refuse the file for.
    errors: bool,
    lint: bool,
}

pub(crate) fn run(command: &CheckCommand, promql: ParseOptions, output: &mut Output) -> Outcome {
    let lints = lints_duplicates(&command.lint, output);
    let options = FileOptions {
        promql,
        ignore_unknown_fields: command.ignore_unknown_fields,
    };
    let mut found = Found::default();
    if command.files.is_empty() {
        output.line("Checking standard input");
        let mut text = String::new();
        match std::io::stdin().read_to_string(&mut text) {
            Ok(_) => check(&text, "", &options, lints, &mut found, output),
            Err(error) => {
                output.error_line(&format!("  FAILED: {error}"));
                found.errors = true;
            }
        }
    }
    for file in &command.files {
        output.line(&format!("Checking {}", file.display()));
        match std::fs::read_to_string(file) {
            Ok(text) => check(
                &text,
                &format!("{}: ", file.display()),
                &options,
                lints,
                &mut found,
                output,
            ),
            Err(error) => {
                output.error_line("  FAILED:");
                output.error_line(&format!("{}: {error}", file.display()));
                found.errors = true;
            }
        }
    }
    match found {
        Found { errors: true, .. } => Outcome::Failure,
        Found { lint: true, .. } if command.lint_fatal => Outcome::Lint,
        _ => Outcome::Success,
    }
}

fn lints_duplicates(given: &[String], output: &mut Output) -> bool {
    let mut lints = false;
    for setting in given {
        match setting.as_str() {
            "all" | "duplicate-rules" => lints = true,
            "none" => {}
            other => output.line(&format!("WARNING: unknown lint option: {other:?}")),
        }
    }
    lints
}

fn check(
    text: &str,
    prefix: &str,
    options: &FileOptions,
    lints: bool,
    found: &mut Found,
    output: &mut Output,
) {
    let file = match RuleFile::parse(text, options) {
        Ok(file) => file,
        Err(mistakes) => {
            found.errors = true;
            output.error_line("  FAILED:");
            for mistake in mistakes {
                output.error_line(&format!("{prefix}{mistake}"));
            }
            return;
        }
    };
    let duplicates = if lints {
        duplicate_rules(&file.groups)
    } else {
        Vec::new()
    };
    if duplicates.is_empty() {
        let rules: usize = file.groups.iter().map(|group| group.rules.len()).sum();
        output.line(&format!("  SUCCESS: {rules} rules found"));
    } else {
        found.lint = true;
        output.error_line("  FAILED:");
        output.error_line(&format!(
            "lint error {} duplicate rule(s) found.",
            duplicates.len()
        ));
        for duplicate in &duplicates {
            output.error_line(&format!("Metric: {}\nLabel(s):", duplicate.name));
            for (name, value) in duplicate.label_set().iter() {
                output.error_line(&format!("\t{name}: {value}"));
            }
        }
        output.error_line("Might cause inconsistency while recording expressions");
    }
    output.line("");
}
