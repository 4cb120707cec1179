use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use vigie_workload::{Compression, Millis, ShapeSpec, Workload, WorkloadSpec};

use crate::ask::{Question, questions};
use crate::data::Supply;
use crate::progress::{Progress, short_count};
use crate::recording::record_this_machine;
use crate::scenario::{Scenario, SendMode};

/// How much data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Samples of a series, history included.
    Rounds(u64),
    /// In the data's own time, after the history.
    Duration(Millis),
}

/// What a run adds to its scenario.
#[derive(Debug, Clone)]
pub struct PlanOptions {
    pub seed: u64,
    /// Targets of each shape, as a factor of the scenario's.
    pub scale: Option<f64>,
    /// In place of the scenario's number of rounds.
    pub size: Option<Size>,
    /// Time of the first sample; else such that data end, or begin to be live, at the present.
    pub start_ms: Option<i64>,
    /// Make requests as they are sent, and do not prepare them.
    pub live: bool,
}

/// A scenario with its data, ready to be run against any number of servers with the same bytes.
#[derive(Debug)]
pub struct Plan {
    pub scenario: Scenario,
    /// The scenario file as it is.
    pub text: String,
    pub seed: u64,
    pub supply: Supply,
    pub questions: Vec<Question>,
    /// In what the data are not the scenario's, for the report.
    pub deviations: Vec<String>,
}

impl Plan {
    /// Decides the times of the data and prepares the requests in `dir`.
    pub fn new(
        mut scenario: Scenario,
        text: String,
        options: &PlanOptions,
        dir: &Path,
        progress: &Progress,
    ) -> Result<Self> {
        let questions = questions(&scenario.queries)?;
        let now_ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .context("read the clock")?
            .as_millis() as i64;
        let is_closed = scenario.send.mode == SendMode::Closed && scenario.scrape.is_none();
        if let Some(record) = scenario.record {
            record_what_is_missing(scenario.data()?, record.scrapes, progress)?;
        }
        let data = scenario.data_mut()?;
        resize(data, options)?;
        place_in_time(data, options, now_ms, is_closed);
        let is_live = options.live || data.rounds.is_none();
        if is_live {
            // What is made while it is sent must cost the cores little that it shares with the server.
            data.compression = Compression::Patched;
        }
        let data = data.clone();
        let workload = Workload::new(&data, options.seed)?;
        let supply = if is_live || scenario.scrape.is_some() {
            Supply::live(workload)
        } else {
            prepare(workload, &data, dir, progress)?
        };
        Ok(Self {
            scenario,
            text,
            seed: options.seed,
            supply,
            questions,
            deviations: deviations(options, is_live),
        })
    }

    pub fn data(&self) -> &WorkloadSpec {
        self.supply.workload().spec()
    }

    /// The time after the last sample; absent for data without an end.
    pub fn end_ms(&self) -> Option<i64> {
        let data = self.data();
        let span_ms = i64::try_from(data.rounds?).ok()?.checked_mul(data.interval.0)?;
        Some(data.start_ms + span_ms)
    }

    /// History that is sent as fast as it is taken ends here.
    pub fn live_from_ms(&self) -> Option<i64> {
        let backfill = self.data().backfill.filter(|backfill| backfill.speed == 0.0)?;
        Some(self.data().start_ms + backfill.history.0)
    }
}

/// What makes the data of a run again; kept beside its ledgers, which name requests by their number only.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    seed: u64,
    workload: WorkloadSpec,
    /// Whether the server scraped it, and so has series that it made itself.
    #[serde(default)]
    is_scraped: bool,
}

const REPLAY_FILE: &str = "workload.json";

impl Replay {
    pub(super) fn of(plan: &Plan) -> Self {
        Self {
            seed: plan.seed,
            workload: plan.data().clone(),
            is_scraped: plan.scenario.scrape.is_some(),
        }
    }

    pub(super) fn write(&self, dir: &Path) -> Result<()> {
        let path = dir.join(REPLAY_FILE);
        let text = serde_json::to_string_pretty(self).context("write down the workload")?;
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))
    }

    /// The workload of the ledgers in `dir`, and whether it was scraped.
    pub fn read(dir: &Path) -> Result<(Workload, bool)> {
        let path = dir.join(REPLAY_FILE);
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!(
                "read {}, which says what the ledger's requests were",
                path.display()
            )
        })?;
        let replay: Self = serde_json::from_str(&text).with_context(|| format!("read {}", path.display()))?;
        Ok((Workload::new(&replay.workload, replay.seed)?, replay.is_scraped))
    }
}

/// The recordings that the workload names and that are not there.
fn record_what_is_missing(data: &WorkloadSpec, scrapes: u64, progress: &Progress) -> Result<()> {
    let interval = Duration::from_millis(data.interval.0.unsigned_abs());
    for shape in &data.shapes {
        if let ShapeSpec::Recording { file, .. } = shape
            && !Path::new(file).exists()
        {
            // Ctrl-C ends the program, as no server runs yet.
            let never = AtomicBool::new(false);
            record_this_machine(Path::new(file), interval, scrapes, &never, progress)
                .with_context(|| format!("record {file}"))?;
        }
    }
    Ok(())
}

fn resize(data: &mut WorkloadSpec, options: &PlanOptions) -> Result<()> {
    if let Some(factor) = options.scale {
        ensure!(
            factor > 0.0 && factor <= 1000.0,
            "the scale is {factor}; it must be above 0 and at most 1000"
        );
        data.scale(factor);
    }
    match options.size {
        None => {}
        Some(Size::Rounds(rounds)) => data.rounds = Some(rounds),
        Some(Size::Duration(duration)) => {
            let history_ms = data.backfill.map_or(0, |backfill| backfill.history.0);
            let span_ms = duration.0.saturating_add(history_ms);
            data.rounds = Some((span_ms / data.interval.0).max(1).unsigned_abs());
        }
    }
    Ok(())
}

fn deviations(options: &PlanOptions, is_live: bool) -> Vec<String> {
    let mut deviations = Vec::new();
    if let Some(factor) = options.scale {
        deviations.push(format!("{factor} times the scenario's targets (--scale)"));
    }
    match options.size {
        None => {}
        Some(Size::Rounds(rounds)) => deviations.push(format!(
            "{rounds} samples of a series in place of the scenario's number (--samples)"
        )),
        Some(Size::Duration(duration)) => deviations.push(format!(
            "{duration} of data in place of the scenario's time (--duration)"
        )),
    }
    if is_live {
        deviations.push(
            "requests were made while they were sent, and compressed from templates: some bytes a sample longer \
             than prepared ones"
                .to_owned(),
        );
    }
    deviations
}

/// Whole seconds, so that times look alike in all reports.
fn place_in_time(workload: &mut WorkloadSpec, options: &PlanOptions, now_ms: i64, is_closed: bool) {
    let history_ms = workload.backfill.map_or(0, |backfill| backfill.history.0);
    let before_now_ms = match (is_closed, workload.rounds) {
        // Everything is sent at once, so all of it is history.
        (true, Some(rounds)) => i64::try_from(rounds)
            .unwrap_or(0)
            .saturating_mul(workload.interval.0),
        _ => history_ms,
    };
    workload.start_ms = options.start_ms.unwrap_or((now_ms - before_now_ms) / 1000 * 1000);
}

fn prepare(workload: Workload, data: &WorkloadSpec, dir: &Path, progress: &Progress) -> Result<Supply> {
    let rounds = data.rounds.unwrap_or(0);
    // The number of samples is known only when they are made; senders are done one after the other.
    let stage = progress.stage("preparing requests", u64::from(data.senders));
    let mut first_of_sender = 0;
    let mut senders_done = 0;
    let supply = Supply::prepare(workload, dir, |totals| {
        if totals.samples < first_of_sender {
            senders_done += 1;
        }
        first_of_sender = totals.samples;
        stage.set(
            senders_done,
            format!(
                "{} samples, {} MB",
                short_count(totals.samples as f64),
                totals.file_bytes >> 20
            ),
        );
    })?;
    drop(stage);
    if let Some(totals) = supply.totals() {
        progress.say(format!(
            "prepared {} samples of {} series in {rounds} rounds: {} requests, {:.1} bytes a sample on the wire",
            short_count(totals.samples as f64),
            short_count(totals.series as f64),
            totals.requests,
            totals.body_bytes as f64 / totals.samples.max(1) as f64,
        ));
    }
    Ok(supply)
}
