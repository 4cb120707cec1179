//! What no Rust source may be or contain.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;

use super::{Violation, workspace::Workspace};

const MAX_LINES: usize = 900;

/// Files that may be longer; it is meant to stay empty.
const LONG_FILES: &[&str] = &[];

/// A promise in place of code, and what to write instead. Split, so that this file does not break its
/// own rule.
const FORBIDDEN: &[(&str, &str, &str)] = &[
    ("todo", "!(", "write the code, or return a typed error"),
    ("unimplemented", "!(", "write the code, or return a typed error"),
    ("#[", "ignore", "make the test pass quickly, or delete it"),
];

/// Checks every Rust file of the workspace's crates.
pub(super) fn check(root: &Path, workspace: &Workspace) -> anyhow::Result<Vec<Violation>> {
    let mut violations = Vec::new();
    for member in workspace.members.values() {
        let mut files = Vec::new();
        collect(&member.dir, &mut files)?;
        for file in files {
            let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
            let path = file.strip_prefix(root).unwrap_or(&file);
            violations.extend(check_file(&path.to_string_lossy(), &text));
        }
    }
    Ok(violations)
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(dir).with_context(|| format!("list {}", dir.display()))? {
        let entry = entry.with_context(|| format!("list {}", dir.display()))?;
        let path = entry.path();
        if entry.file_type().context("read a file type")?.is_dir() {
            // A nested target directory holds generated code only.
            if entry.file_name() != "target" {
                collect(&path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn check_file(path: &str, text: &str) -> Vec<Violation> {
    let generated = text.lines().take(5).any(|line| line.contains("@generated"));
    if generated {
        return Vec::new();
    }
    let mut violations = Vec::new();
    let mut refuse = |place: String, broken: String, remedy: &str| {
        violations.push(Violation {
            place,
            broken,
            remedy: remedy.to_owned(),
        });
    };
    if path.ends_with("/src/lib.rs") && !text.starts_with("//!") {
        refuse(
            path.to_owned(),
            "does not begin with `//!`".to_owned(),
            "say first what the crate is and what it must not know",
        );
    }
    let lines = text.lines().count();
    if lines > MAX_LINES && !LONG_FILES.contains(&path) {
        refuse(
            path.to_owned(),
            format!("has {lines} lines, more than {MAX_LINES}"),
            "split it by responsibility",
        );
    }
    for (index, line) in text.lines().enumerate() {
        for (head, tail, remedy) in FORBIDDEN {
            let pattern = format!("{head}{tail}");
            if line.contains(&pattern) {
                refuse(
                    format!("{path}:{}", index + 1),
                    format!("contains `{pattern}`"),
                    remedy,
                );
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_text(path: &str, text: &str, expected: &[&str]) {
        let found: Vec<String> = check_file(path, text)
            .into_iter()
            .map(|violation| format!("{}: {}", violation.place, violation.broken))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_library_says_what_it_is() {
        check_text("crates/a/src/lib.rs", "//! A.\n", &[]);
        check_text("crates/a/src/b.rs", "mod c;\n", &[]);
        check_text(
            "crates/a/src/lib.rs",
            "mod b;\n//! A.\n",
            &["crates/a/src/lib.rs: does not begin with `//!`"],
        );
    }

    #[test]
    fn promises_are_not_code() {
        for (head, tail, _) in FORBIDDEN {
            let pattern = format!("{head}{tail}");
            let text = format!("fn a() {{}}\n    {pattern}\n");
            check_text("a.rs", &text, &[&format!("a.rs:2: contains `{pattern}`")]);
            check_text("a.rs", &format!("// @generated\n{pattern}\n"), &[]);
        }
    }

    #[test]
    fn files_stay_short() {
        check_text("a.rs", &"\n".repeat(900), &[]);
        check_text("a.rs", &"\n".repeat(901), &["a.rs: has 901 lines, more than 900"]);
    }
}
