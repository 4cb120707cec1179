//! Runs scripts in the language of Prometheus's promqltest: `load` some series, `eval` expressions,
//! state what comes out.

mod check;
mod classic;
mod load;
mod pin;
mod run;

use std::path::Path;

pub(crate) use run::Report;

/// Runs the script in a file.
pub(crate) fn run_file(path: &Path) -> Report {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    run::run(&text)
}
