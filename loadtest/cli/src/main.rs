//! The command line of the load tester.

use std::process::ExitCode;

use clap::Parser;

mod commands;

fn main() -> ExitCode {
    let command = commands::Command::parse();
    match command.run() {
        Ok(code) => code,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the one place that tells why the program failed"
)]
fn say(text: &str) {
    eprintln!("{text}");
}
