use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use vigie_loadtest::farm;
use vigie_loadtest::progress::{Progress, short_count};
use vigie_loadtest::run::{Plan, PlanOptions};
use vigie_loadtest::scenario;
use vigie_systems::own_cpu_seconds;

use super::output::{print, stop_on_interrupt};

/// Serves the targets of a scenario to scrapers until Ctrl-C: many from one process, with values that change.
///
/// A server finds them by a file for file_sd_configs (--file-sd), or by http_sd_configs under /sd. The scenario
/// `exposition` does all of it for servers that `run` and `compare` start, and proves what they stored.
#[derive(Debug, Args)]
pub(super) struct Farm {
    /// Whose data the targets show; its `interval` is how often values change.
    #[arg(value_name = "SCENARIO", default_value = "exposition")]
    scenario: String,

    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:9400", value_name = "ADDRESS")]
    listen: SocketAddr,

    /// Write the targets here, for file_sd_configs; the file is removed at the end.
    #[arg(long, value_name = "FILE")]
    file_sd: Option<PathBuf>,

    /// Targets as a factor of the scenario's.
    #[arg(long, value_name = "FACTOR")]
    scale: Option<f64>,

    /// Everything random follows from it.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
}

/// Pause between two lines.
const LINE_EVERY: Duration = Duration::from_secs(10);

impl Farm {
    pub(super) fn run(self) -> Result<ExitCode> {
        let progress = Progress::new();
        let (scenario, text) = scenario::load(&self.scenario)?;
        let options = PlanOptions {
            seed: self.seed,
            scale: self.scale,
            size: None,
            start_ms: None,
            live: true,
        };
        // Nothing is prepared for a farm, so no folder is needed.
        let plan = Plan::new(scenario, text, &options, std::path::Path::new("."), &progress)?;
        let farm = farm::Farm::start(plan.supply.workload(), self.listen, false)?;
        let pages = farm.pages();
        pages.set_open(true);
        print(format!(
            "{} targets with {} series, which change every {}",
            pages.targets().len(),
            pages.series(),
            plan.data().interval
        ));
        print(format!(
            "http_sd_configs: [{{url: 'http://{}/sd'}}]",
            farm.address()
        ));
        if let Some(file) = &self.file_sd {
            std::fs::write(file, farm.service_discovery()?)
                .with_context(|| format!("write {}", file.display()))?;
            print(format!("file_sd_configs: [{{files: ['{}']}}]", file.display()));
        }
        let stop = stop_on_interrupt(&progress)?;
        let mut line = Line::new(pages)?;
        while !stop.load(Ordering::Relaxed) {
            farm.check_running()?;
            std::thread::sleep(Duration::from_millis(100));
            if line.since.elapsed() >= LINE_EVERY {
                let next = Line::new(pages)?;
                progress.say(next.words(&line));
                line = next;
            }
        }
        if let Some(file) = &self.file_sd {
            std::fs::remove_file(file).with_context(|| format!("remove {}", file.display()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What had been served at a moment.
struct Line {
    since: Instant,
    totals: farm::FarmTotals,
    cpu_seconds: f64,
}

impl Line {
    fn new(pages: &farm::Pages) -> Result<Self> {
        Ok(Self {
            since: Instant::now(),
            totals: pages.totals(),
            cpu_seconds: own_cpu_seconds()?,
        })
    }

    fn words(&self, before: &Self) -> String {
        let seconds = (self.since - before.since).as_secs_f64();
        let samples = (self.totals.samples - before.totals.samples) as f64;
        format!(
            "{:.0} scrapes/s, {} samples/s, {:.3} CPU us a sample here",
            (self.totals.scrapes - before.totals.scrapes) as f64 / seconds,
            short_count(samples / seconds),
            1e6 * (self.cpu_seconds - before.cpu_seconds) / samples.max(1.0)
        )
    }
}
