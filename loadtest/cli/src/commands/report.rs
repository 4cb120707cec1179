use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use vigie_report::{RunResult, render_html, render_markdown};

use super::output::print;

/// Prints the report of a result.
#[derive(Debug, Args)]
pub(super) struct Report {
    /// A result.json.
    #[arg(value_name = "FILE")]
    result: PathBuf,

    /// One HTML file with plots; needs no network.
    #[arg(long, conflicts_with = "markdown")]
    html: bool,

    /// Markdown (default).
    #[arg(long)]
    markdown: bool,
}

impl Report {
    pub(super) fn run(self) -> Result<ExitCode> {
        let text = std::fs::read_to_string(&self.result)
            .with_context(|| format!("read {}", self.result.display()))?;
        let result = RunResult::from_json(&text)?;
        print(if self.html {
            render_html(&result)
        } else {
            render_markdown(&result)
        });
        Ok(ExitCode::SUCCESS)
    }
}
