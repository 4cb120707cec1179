//! Prints the HTML report of made-up results, or of a result file given as argument, to look at.

use std::error::Error;
use std::io::Write;

use vigie_report::{RunResult, render_html};

#[path = "../tests/support/mod.rs"]
mod support;

fn main() -> Result<(), Box<dyn Error>> {
    let result = match std::env::args().nth(1).as_deref() {
        None => support::comparison(),
        Some("--single") => support::single(),
        Some(path) => RunResult::from_json(&std::fs::read_to_string(path)?)?,
    };
    std::io::stdout().write_all(render_html(&result).as_bytes())?;
    Ok(())
}
