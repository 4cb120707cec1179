//! `vigie promql`: queries and rules on the command line, as promtool has them.
//!
//! Rule files are checked and tested, expressions formatted, and servers with Prometheus's API asked.
//! Flags, output and exit codes are promtool's. The crate must not know any role: it runs beside a
//! server, and knows one by its URL alone.

mod check;
mod cli;
mod client;
mod output;
mod query;
mod time;
mod unit_test;

use std::process::ExitCode;

use clap::Parser;

use self::cli::{Cli, Command, TestCommand};
use self::output::Output;

/// How a command went, and what the process ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Success,
    Failure,
    /// Only lint found something, and that was to be fatal.
    Lint,
}

impl Outcome {
    pub fn code(self) -> u8 {
        match self {
            Outcome::Success => 0,
            Outcome::Failure => 1,
            Outcome::Lint => 3,
        }
    }
}

/// Runs a command line, the first argument of which is the name of the program, on the process's
/// streams.
pub fn main(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> ExitCode {
    let outcome = match Cli::try_parse_from(arguments) {
        Ok(cli) => run(&cli, &mut Output::standard()),
        Err(error) => {
            // Help and version come this way too, and are no failure.
            let outcome = if error.use_stderr() {
                Outcome::Failure
            } else {
                Outcome::Success
            };
            // Where it cannot be printed there is nobody to tell.
            let _ = error.print();
            outcome
        }
    };
    ExitCode::from(outcome.code())
}

/// The same, with what it prints collected: outcome, standard output, standard error.
pub fn run_collected(arguments: &[&str]) -> (Outcome, String, String) {
    match Cli::try_parse_from(arguments) {
        Ok(cli) => {
            let mut output = Output::collected();
            let outcome = run(&cli, &mut output);
            let (out, err) = output.into_texts();
            (outcome, out, err)
        }
        Err(error) => (Outcome::Failure, String::new(), error.to_string()),
    }
}

fn run(cli: &Cli, output: &mut Output) -> Outcome {
    let promql = cli.parse_options();
    match &cli.command {
        Command::Check(command) => check::run(command, promql, output),
        Command::Format { query } => match vigie_promql::parse_with(query, &promql) {
            Ok(expr) => {
                output.line(&vigie_promql::pretty(&expr));
                Outcome::Success
            }
            Err(error) => {
                output.error_line(&error.to_string());
                Outcome::Failure
            }
        },
        Command::Test {
            junit,
            command: TestCommand::Rules(command),
        } => {
            let delayed_name_removal = cli.delayed_name_removal();
            unit_test::run(command, junit.as_deref(), promql, delayed_name_removal, output)
        }
        Command::Query { format, command } => query::run(command, *format, output),
    }
}
