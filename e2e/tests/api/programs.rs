//! Small programs that use client libraries, run against either server: both must get the same.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use vigie_e2e::{Target, repository_root};

use crate::pair::Pair;

pub(crate) fn check(pair: &Pair, dir: &Path) -> Result<()> {
    let sources = repository_root()?.join("e2e/clients");
    let go_client = dir.join("go-client");
    let build = Command::new("go")
        .args(["build", "-o"])
        .arg(&go_client)
        .arg(".")
        .current_dir(sources.join("go"))
        .output()
        .context("run go")?;
    ensure!(
        build.status.success(),
        "build the Go client: {}",
        String::from_utf8_lossy(&build.stderr)
    );
    compare(pair, || Command::new(&go_client)).context("client_golang")?;
    compare(pair, || {
        let mut python = Command::new("python3");
        python.arg(sources.join("python_client.py"));
        python
    })
    .context("Python")
}

fn compare(pair: &Pair, program: impl Fn() -> Command) -> Result<()> {
    let run = |target: &Target| -> Result<Vec<String>> {
        let output = program()
            .arg(target.api()?.base())
            .arg(pair.times.start.to_string())
            .arg(pair.times.end.to_string())
            .output()
            .context("run the client")?;
        ensure!(
            output.status.success(),
            "the client failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(text.lines().map(str::to_owned).collect())
    };
    let (wanted, got) = (run(pair.prometheus())?, run(pair.vigie())?);
    ensure!(!wanted.is_empty(), "the client printed nothing");
    let different: Vec<String> = wanted
        .iter()
        .zip(&got)
        .filter(|(wanted, got)| wanted != got)
        .map(|(wanted, got)| format!("{got}\n      instead of {wanted}"))
        .collect();
    ensure!(
        different.is_empty() && wanted.len() == got.len(),
        "{} lines instead of {}; {} differ:\n  {}",
        got.len(),
        wanted.len(),
        different.len(),
        different.join("\n  ")
    );
    Ok(())
}
