use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use vigie_loadtest::recording::{mean_interval_ms, open};
use vigie_loadtest::scenario::Scenario;
use vigie_workload::Millis;

use super::run::{PlanArgs, TargetArgs};

/// Sends recordings of `loadtest record`, multiplied over many hosts, by remote write; with ledger and report as `run`.
///
/// Each host begins at another place of the recording and goes on beyond its end with increments and values like those
/// recorded, so no two are alike and nothing repeats. The data are an hour that ends now (--duration, --samples), sent as
/// fast as they are taken; with --speed they begin now and are sent as time goes by.
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// Files of `loadtest record`, all of one interval.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// How many hosts each recording becomes.
    #[arg(long, default_value_t = 10, value_name = "N")]
    hosts: u32,

    /// Of remote write.
    #[arg(long, value_enum, default_value_t = Version::V1)]
    protocol: Version,

    /// Connections.
    #[arg(long, default_value_t = 4, value_name = "N")]
    senders: u32,

    /// Seconds of data a second, in place of as fast as they are taken; 1 for real time.
    #[arg(long, value_name = "FACTOR")]
    speed: Option<f64>,

    #[command(flatten)]
    plan: PlanArgs,

    #[command(flatten)]
    target: TargetArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Version {
    /// Remote write 1.0.
    V1,
    /// Remote write 2.0.
    V2,
}

impl Replay {
    pub(super) fn run(self) -> Result<ExitCode> {
        let text = self.scenario()?;
        let scenario = Scenario::parse(&text).context("make a scenario of the recordings")?;
        self.target.run(&self.plan, (scenario, text))
    }

    /// A scenario file that says the same; it is in the report.
    fn scenario(&self) -> Result<String> {
        let mut interval: Option<Millis> = None;
        let mut shapes = String::new();
        for file in &self.files {
            let recording = open(file)?;
            let own = mean_interval_ms(&recording).with_context(|| {
                let file = file.display();
                format!("{file} has a single scrape, too few to go on from")
            })?;
            let own = round_interval(own);
            match interval {
                None => interval = Some(own),
                Some(first) => ensure!(
                    first == own,
                    "{} was recorded every {own}, and the file before it every {first}",
                    file.display()
                ),
            }
            let file = file
                .canonicalize()
                .with_context(|| format!("resolve {}", file.display()))?;
            // JSON's strings are YAML's too.
            let file = serde_json::Value::from(file.display().to_string());
            shapes.push_str(&format!(
                "    - recording: {{file: {file}, hosts: {}}}\n",
                self.hosts
            ));
        }
        let Some(interval) = interval else {
            bail!("no recording was given");
        };
        let rounds = (3_600_000 / interval.0).max(1);
        let protocol = match self.protocol {
            Version::V1 => "v1",
            Version::V2 => "v2",
        };
        let send = match self.speed {
            None => "{mode: closed}".to_owned(),
            Some(speed) => format!("{{mode: open, speed: {speed}}}"),
        };
        let hosts = self.hosts;
        Ok(format!(
            "name: replay\nabout: Recordings of real exporters, each of them as {hosts} hosts.\nworkload:\n  \
             shapes:\n{shapes}  interval: {interval}\n  rounds: {rounds}\n  senders: {}\n  protocol: {protocol}\n\
             send: {send}\n",
            self.senders
        ))
    }
}

/// To whole seconds where it is nearly that: clocks are never exact.
fn round_interval(interval_ms: i64) -> Millis {
    let whole = (interval_ms + 500) / 1000 * 1000;
    if whole > 0 && (whole - interval_ms).abs() * 100 <= whole {
        Millis(whole)
    } else {
        Millis(interval_ms)
    }
}
