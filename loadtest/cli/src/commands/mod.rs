//! One file per command.

mod compare;
mod diff;
mod farm;
mod older;
mod output;
mod peers;
mod record;
mod replay;
mod report;
mod run;
mod running;
mod scenarios;
mod verify;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Drives Vigie and its peers with the workloads users believe in, and proves what they stored.
///
/// Every run follows from its scenario and a seed. Exit status: 0 if all was right; 1 if Vigie, or the server given by
/// --url, has lost, repeated or changed a sample, or answered a query otherwise than the oracle; 2 if the load tester
/// could not do its work. Peers never decide the exit status.
#[derive(Debug, Parser)]
#[command(name = "loadtest", version)]
pub(crate) struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Run(run::Run),
    Compare(compare::Compare),
    Record(record::Record),
    Replay(replay::Replay),
    Farm(farm::Farm),
    #[command(subcommand)]
    Peers(peers::Peers),
    Diff(diff::Diff),
    Verify(verify::Verify),
    Report(report::Report),
    Scenarios(scenarios::Scenarios),
    Queries(scenarios::Queries),
}

impl Command {
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self.verb {
            Verb::Run(run) => run.run(),
            Verb::Compare(compare) => compare.run(),
            Verb::Record(record) => record.run(),
            Verb::Replay(replay) => replay.run(),
            Verb::Farm(farm) => farm.run(),
            Verb::Peers(peers) => peers.run(),
            Verb::Diff(diff) => diff.run(),
            Verb::Verify(verify) => verify.run(),
            Verb::Report(report) => report.run(),
            Verb::Scenarios(scenarios) => scenarios.run(),
            Verb::Queries(queries) => queries.run(),
        }
    }
}
