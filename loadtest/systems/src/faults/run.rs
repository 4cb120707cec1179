use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs a command of the system to its end; `input` goes to its standard input.
pub(super) fn run(program: &str, args: &[&str], input: &str) -> Result<String> {
    let what = || format!("{program} {}", args.join(" "));
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {}", what()))?;
    let mut stdin = child.stdin.take().context("reach a command")?;
    // A command that ends before it has read everything says why on its error output.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child
        .wait_with_output()
        .with_context(|| format!("wait for {}", what()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{} failed ({}): {}", what(), output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Mounts and namespaces are root's; without it this says so before anything is done.
pub(super) fn need_root(what: &str) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("{what} needs root: run the load test as root, or leave this fault out of the scenario");
    }
    Ok(())
}
