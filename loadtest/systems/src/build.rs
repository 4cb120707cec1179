use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::kind::SystemKind;
use crate::tools::{make_target, program, repository_root};

/// What one call of [`build`] did.
#[derive(Debug, Clone)]
pub struct Built {
    pub program: std::path::PathBuf,
    pub took: Duration,
}

/// Builds what is missing of a system through the Makefile, which knows when there is nothing to do. Each line the
/// build prints is handed to `progress`. Vigie isn't rebuilt if there is a binary: `VIGIE_BIN` may be any version.
pub fn build(kind: SystemKind, mut progress: impl FnMut(&str)) -> Result<Built> {
    let started = Instant::now();
    if !(kind.is_vigie() && program(kind).is_ok()) {
        let target = make_target(kind);
        let mut make = Command::new("make")
            .args(["--no-print-directory", target])
            .current_dir(repository_root()?)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("start make")?;
        let mut last = Vec::new();
        let output = make.stderr.take().context("read what make says")?;
        for line in BufReader::new(output).lines() {
            let line = line.context("read what make says")?;
            progress(&line);
            last.push(line);
            // Enough to see why it failed.
            if last.len() > 30 {
                last.remove(0);
            }
        }
        let status = make.wait().context("wait for make")?;
        if !status.success() {
            bail!("`make {target}` failed ({status}):\n{}", last.join("\n"));
        }
    }
    Ok(Built {
        program: program(kind)?,
        took: started.elapsed(),
    })
}
