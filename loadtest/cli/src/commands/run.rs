use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use anyhow::Result;
use clap::Args;
use vigie_loadtest::compare::{CompareOptions, compare, empty_result};
use vigie_loadtest::progress::Progress;
use vigie_loadtest::run::{DriveOptions, Plan, PlanOptions, Size, Target, drive};
use vigie_loadtest::scenario::{self, Scenario};
use vigie_systems::SystemKind;
use vigie_workload::Millis;

use super::output::{deliver, result_dir, stop_on_interrupt, work_dir};

/// Runs a scenario against one server: of its own (--system), or one that is there already (--url).
#[derive(Debug, Args)]
pub(super) struct Run {
    /// A scenario by name (`loadtest scenarios` lists them) or the path of a file.
    #[arg(value_name = "SCENARIO")]
    scenario: String,

    #[command(flatten)]
    plan: PlanArgs,

    #[command(flatten)]
    target: TargetArgs,
}

/// The one server of `run` and `replay`.
#[derive(Debug, Args)]
pub(super) struct TargetArgs {
    /// The server to start for this run; default vigie, unless there is --url.
    #[arg(long, value_name = "NAME", conflicts_with = "url")]
    system: Option<SystemKind>,

    /// A server that runs already, for example http://127.0.0.1:9090. Its CPU, memory and disk are not known.
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// Where it takes remote write, if not at /api/v1/write of --url.
    #[arg(long, value_name = "URL", requires = "url")]
    write_url: Option<String>,

    /// The tenant to write and read as, if the workload has none.
    #[arg(long, value_name = "NAME", requires = "url")]
    tenant: Option<String>,
}

/// What `run`, `replay` and `compare` have in common.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// Everything random follows from it.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(super) seed: u64,

    /// How much data, in their own time and after the history, in place of the scenario's; for example 10m.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, conflicts_with = "samples")]
    pub(super) duration: Option<Millis>,

    /// Samples of each series, history included, in place of the scenario's.
    #[arg(long, value_name = "N")]
    pub(super) samples: Option<u64>,

    /// Targets (hosts, nodes, series of metrics) as a factor of the scenario's: 0.1 for a try, 10 for a big machine.
    #[arg(long, value_name = "FACTOR")]
    pub(super) scale: Option<f64>,

    /// Time of the first sample in milliseconds since the epoch; to repeat a run to the byte.
    #[arg(long, value_name = "MS")]
    pub(super) start_ms: Option<i64>,

    /// Make requests while they are sent and do not prepare them: for data that would fill the disk. Costs the load
    /// tester more CPU, and requests are some bytes a sample longer, as they are compressed more cheaply.
    #[arg(long)]
    pub(super) live: bool,

    /// Where the report goes; default a new folder in loadtest-results. An older result there moves to
    /// older/<its time>.
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,

    /// Delete an older result in --out in place of moving it.
    #[arg(long, requires = "out")]
    pub(super) overwrite: bool,

    /// Where data of servers and prepared requests are kept during the run; default the system's temporary folder.
    #[arg(long, value_name = "DIR")]
    pub(super) work_dir: Option<PathBuf>,
}

pub(super) fn parse_duration(text: &str) -> Result<Millis, String> {
    Millis::parse(text)
}

impl PlanArgs {
    /// `scenario` with its text.
    pub(super) fn plan(
        &self,
        (scenario, text): (Scenario, String),
        dir: &Path,
        progress: &Progress,
    ) -> Result<Plan> {
        let options = PlanOptions {
            seed: self.seed,
            scale: self.scale,
            size: self
                .duration
                .map(Size::Duration)
                .or(self.samples.map(Size::Rounds)),
            start_ms: self.start_ms,
            live: self.live,
        };
        Plan::new(scenario, text, &options, &dir.join("requests"), progress)
    }

    /// The folder of the result, empty of older ones.
    pub(super) fn result_dir(&self, scenario: &str) -> Result<PathBuf> {
        let out = self.out.as_deref();
        result_dir(out, scenario, self.overwrite)
    }
}

impl Run {
    pub(super) fn run(self) -> Result<ExitCode> {
        let scenario = scenario::load(&self.scenario)?;
        self.target.run(&self.plan, scenario)
    }
}

impl TargetArgs {
    /// Takes the server through a scenario and delivers the result.
    pub(super) fn run(&self, plan_args: &PlanArgs, scenario: (Scenario, String)) -> Result<ExitCode> {
        let progress = Progress::new();
        let work_dir = work_dir(plan_args.work_dir.as_deref())?;
        let plan = plan_args.plan(scenario, work_dir.path(), &progress)?;
        let dir = plan_args.result_dir(&plan.scenario.name)?;
        let stop = stop_on_interrupt(&progress)?;
        let result = match &self.url {
            Some(url) => self.against(url, &plan, &dir, &stop, &progress)?,
            None => {
                let kind = self.system.unwrap_or(SystemKind::Vigie);
                vigie_systems::build(kind, |line| progress.say(line))?;
                let options = CompareOptions {
                    systems: vec![kind],
                    rounds: 1,
                    cores: Vec::new(),
                    memory_bytes: None,
                    dir: work_dir.path().to_owned(),
                    out: dir.clone(),
                    keep: false,
                };
                compare(&plan, &options, &stop, &progress)?
            }
        };
        deliver(&result, &dir, &progress)
    }

    fn against(
        &self,
        url: &str,
        plan: &Plan,
        dir: &Path,
        stop: &AtomicBool,
        progress: &Progress,
    ) -> Result<vigie_report::RunResult> {
        let target = Target::foreign(url, self.write_url.as_deref(), self.tenant.as_deref())?;
        let options = DriveOptions {
            dir,
            round: 1,
            is_oracle: true,
            stage: None,
            farm: None,
            stop,
            progress,
        };
        let mut result = empty_result(plan, dir);
        let mut oracle = None;
        result.systems.push(drive(plan, &target, &mut oracle, &options)?);
        Ok(result)
    }
}
