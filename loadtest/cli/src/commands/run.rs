use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use anyhow::Result;
use clap::Args;
use vigie_loadtest::compare::{CompareOptions, compare, empty_result};
use vigie_loadtest::progress::Progress;
use vigie_loadtest::run::{DriveOptions, Plan, PlanOptions, Target, drive};
use vigie_loadtest::scenario;
use vigie_systems::SystemKind;
use vigie_workload::Millis;

use super::output::{deliver, result_dir, stop_on_interrupt, work_dir};

/// Runs a scenario against one server: of its own (--system), or one that is there already (--url).
#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    plan: PlanArgs,

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

/// What `run` and `compare` have in common.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// A scenario by name (`loadtest scenarios` lists them) or the path of a file.
    #[arg(value_name = "SCENARIO")]
    pub(super) scenario: String,

    /// Everything random follows from it.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(super) seed: u64,

    /// How much data, in their own time, in place of the scenario's; for example 10m.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(super) duration: Option<Millis>,

    /// Time of the first sample in milliseconds since the epoch; to repeat a run to the byte.
    #[arg(long, value_name = "MS")]
    pub(super) start_ms: Option<i64>,

    /// Make requests while they are sent and do not prepare them; costs the load tester more CPU.
    #[arg(long)]
    pub(super) live: bool,

    /// Where the report goes; default a new folder in loadtest-results.
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,

    /// Where data of servers and prepared requests are kept during the run; default the system's temporary folder.
    #[arg(long, value_name = "DIR")]
    pub(super) work_dir: Option<PathBuf>,
}

pub(super) fn parse_duration(text: &str) -> Result<Millis, String> {
    Millis::parse(text)
}

impl PlanArgs {
    pub(super) fn plan(&self, dir: &std::path::Path, progress: &Progress) -> Result<Plan> {
        let (scenario, text) = scenario::load(&self.scenario)?;
        let options = PlanOptions {
            seed: self.seed,
            duration: self.duration,
            start_ms: self.start_ms,
            live: self.live,
        };
        Plan::new(scenario, text, &options, &dir.join("requests"), progress)
    }
}

impl Run {
    pub(super) fn run(self) -> Result<ExitCode> {
        let progress = Progress::new();
        let work_dir = work_dir(self.plan.work_dir.as_deref())?;
        let plan = self.plan.plan(work_dir.path(), &progress)?;
        let dir = result_dir(self.plan.out.as_deref(), &plan.scenario.name)?;
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
        dir: &std::path::Path,
        stop: &AtomicBool,
        progress: &Progress,
    ) -> Result<vigie_report::RunResult> {
        let target = Target::foreign(url, self.write_url.as_deref(), self.tenant.as_deref())?;
        let options = DriveOptions {
            dir,
            round: 1,
            is_oracle: true,
            stage: None,
            stop,
            progress,
        };
        let mut result = empty_result(plan, dir);
        let mut oracle = None;
        result.systems.push(drive(plan, &target, &mut oracle, &options)?);
        Ok(result)
    }
}
