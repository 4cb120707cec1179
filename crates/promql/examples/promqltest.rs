//! Runs promqltest scripts given by path and says which evaluations fail.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a command for developers"
)]

#[path = "../tests/script/mod.rs"]
mod script;

fn main() {
    let mut total = (0, 0);
    for path in std::env::args_os().skip(1) {
        let report = script::run_file(path.as_ref());
        for failure in &report.failures {
            let name = std::path::Path::new(&path).file_name().unwrap_or_default();
            let name = name.to_string_lossy();
            println!(
                "{name}:{}: {}\n    {}",
                failure.line, failure.query, failure.reason
            );
        }
        let passed = report.evaluations - report.failures.len();
        println!(
            "{}: {passed} of {} pass",
            path.to_string_lossy(),
            report.evaluations
        );
        total = (total.0 + passed, total.1 + report.evaluations);
    }
    println!("{} of {} pass", total.0, total.1);
}
