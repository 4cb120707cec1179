use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Args;
use vigie_loadtest::compare::{CompareOptions, compare};
use vigie_loadtest::progress::Progress;
use vigie_loadtest::scenario;
use vigie_systems::SystemKind;

use super::output::{deliver, is_built, stop_on_interrupt, work_dir};
use super::run::PlanArgs;

/// Runs a scenario against several servers, one after the other, with the same bytes, and prints one table.
///
/// Answers are compared with Prometheus's if it takes part, else with those of the first server.
#[derive(Debug, Args)]
pub(super) struct Compare {
    /// A scenario by name (`loadtest scenarios` lists them) or the path of a file.
    #[arg(value_name = "SCENARIO")]
    scenario: String,

    #[command(flatten)]
    plan: PlanArgs,

    /// Servers that take part.
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "NAMES",
        default_value = "vigie,vigie-relaxed,prometheus,victoria-metrics,mimir"
    )]
    systems: Vec<SystemKind>,

    /// How often each runs; every second round in the opposite order.
    #[arg(long, default_value_t = 1, value_name = "N")]
    rounds: u32,

    /// Cores of the servers, as in 0,1; default all, shared with the load tester.
    #[arg(long, value_delimiter = ',', value_name = "CORES")]
    cores: Vec<usize>,

    /// Memory each server is told to keep within, in MiB.
    #[arg(long, value_name = "MIB")]
    memory: Option<u64>,

    /// Keep the data folders of the servers.
    #[arg(long)]
    keep: bool,

    /// Leave out servers that are not built, in place of building them.
    #[arg(long)]
    no_build: bool,
}

impl Compare {
    pub(super) fn run(mut self) -> Result<ExitCode> {
        ensure!(self.rounds >= 1, "--rounds must be at least 1");
        let progress = Progress::new();
        if self.no_build {
            self.systems.retain(|kind| {
                let is_there = is_built(*kind);
                if !is_there {
                    progress.say(format!("{kind} is not built and left out"));
                }
                is_there
            });
        }
        for kind in &self.systems {
            vigie_systems::build(*kind, |line| progress.say(line))
                .with_context(|| format!("build {kind}"))?;
        }
        ensure!(!self.systems.is_empty(), "no server is left to run");
        let work_dir = work_dir(self.plan.work_dir.as_deref())?;
        let scenario = scenario::load(&self.scenario)?;
        let plan = self.plan.plan(scenario, work_dir.path(), &progress)?;
        let dir = self.plan.result_dir(&plan.scenario.name)?;
        let stop = stop_on_interrupt(&progress)?;
        let options = CompareOptions {
            systems: self.systems.clone(),
            rounds: self.rounds,
            cores: self.cores.clone(),
            memory_bytes: self.memory.map(|mib| mib << 20),
            dir: work_dir.path().to_owned(),
            out: dir.clone(),
            keep: self.keep,
        };
        let result = compare(&plan, &options, &stop, &progress)?;
        if self.keep {
            progress.say(format!("data are kept in {}", work_dir.keep().display()));
        }
        deliver(&result, &dir, &progress)
    }
}
