use std::fmt::Display;

/// Says on the terminal where a long test or measurement stands.
#[expect(
    clippy::print_stderr,
    reason = "the one place where the harness speaks to whoever watches it"
)]
pub fn progress(line: impl Display) {
    eprintln!("e2e: {line}");
}
