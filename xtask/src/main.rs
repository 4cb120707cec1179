//! Tasks of the repository that are programs: `cargo xtask <task>`.

mod tidy;

use std::{
    env,
    io::{self, Write},
    process::ExitCode,
};

const USAGE: &str = "usage: cargo xtask tidy    checks the layering of the crates and the sources";

fn main() -> anyhow::Result<ExitCode> {
    let task = env::args().nth(1);
    match task.as_deref() {
        Some("tidy") => tidy::run(&mut io::stdout().lock()),
        _ => {
            writeln!(io::stderr(), "{USAGE}")?;
            Ok(ExitCode::from(2))
        }
    }
}
