//! Proves the rules of the tree that the compiler does not: who may depend on whom, and what no
//! source may contain.

mod layers;
mod sources;
mod workspace;

use std::{
    fmt,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use self::workspace::Workspace;

/// A broken rule and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Violation {
    /// The crate or file.
    place: String,
    broken: String,
    remedy: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n    {}", self.place, self.broken, self.remedy)
    }
}

/// Checks the workspace this task was built in; any violation fails.
pub(crate) fn run(out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = manifest_dir.parent().unwrap_or(manifest_dir);
    let workspace = Workspace::load(root)?;
    let mut violations = layers::check(&workspace);
    violations.extend(sources::check(root, &workspace)?);
    violations.sort();
    Ok(report(out, &violations)?)
}

fn report(out: &mut impl Write, violations: &[Violation]) -> io::Result<ExitCode> {
    for violation in violations {
        writeln!(out, "{violation}")?;
    }
    if violations.is_empty() {
        writeln!(out, "tidy")?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "{} violation(s)", violations.len())?;
    Ok(ExitCode::FAILURE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violations_are_told_with_their_remedy() {
        let violation = Violation {
            place: "vigie-head".to_owned(),
            broken: "depends on tokio".to_owned(),
            remedy: "pass it in".to_owned(),
        };
        let mut out = Vec::new();
        assert_eq!(report(&mut out, &[violation]).unwrap(), ExitCode::FAILURE);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "vigie-head: depends on tokio\n    pass it in\n1 violation(s)\n"
        );
        let mut out = Vec::new();
        assert_eq!(report(&mut out, &[]).unwrap(), ExitCode::SUCCESS);
        assert_eq!(out, b"tidy\n");
    }
}
