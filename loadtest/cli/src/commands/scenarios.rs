use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use vigie_loadtest::scenario::{builtin, load};
use vigie_workload::queries;

use super::output::print;

/// Lists the scenarios that come with the program, or prints one: a start for files of your own.
#[derive(Debug, Args)]
pub(super) struct Scenarios {
    /// Print this one.
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

impl Scenarios {
    pub(super) fn run(self) -> Result<ExitCode> {
        if let Some(name) = self.name {
            let (_, text) = load(&name)?;
            print(text);
            return Ok(ExitCode::SUCCESS);
        }
        for scenario in builtin() {
            let (read, _) = load(scenario.name)?;
            let about = read.about.split_whitespace().collect::<Vec<_>>().join(" ");
            print(format!("{:<22} {about}", scenario.name));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Lists the sets of queries that scenarios can name, or prints one.
#[derive(Debug, Args)]
pub(super) struct Queries {
    /// Print this one.
    #[arg(value_name = "SET")]
    name: Option<String>,
}

impl Queries {
    pub(super) fn run(self) -> Result<ExitCode> {
        let Some(name) = self.name else {
            for name in queries::names() {
                print(format!("{:<22} {} queries", name, queries::named(name).len()));
            }
            return Ok(ExitCode::SUCCESS);
        };
        let set = queries::named(&name);
        if set.is_empty() {
            bail!(
                "there is no set {name:?}; there are {}",
                queries::names().collect::<Vec<_>>().join(", ")
            );
        }
        for query in set {
            print(format!("{} = {}", query.name, query.expr));
        }
        Ok(ExitCode::SUCCESS)
    }
}
