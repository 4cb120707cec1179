//! Several servers through one plan, one after the other on the same cores, in fresh data folders.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use vigie_ledger::Fault;
use vigie_report::{Answers, Outcome, RunResult, SCHEMA_VERSION, Scenario, SystemRun};
use vigie_systems::{StartOptions, System, SystemKind};

use crate::ask::Oracle;
use crate::farm::{Farm, scrape_config};
use crate::progress::Progress;
use crate::run::{Arena, DriveOptions, Plan, Target, drive, machine};
use crate::summary::query_summary;

/// Which servers, and how they are run.
#[derive(Debug, Clone)]
pub struct CompareOptions {
    pub systems: Vec<SystemKind>,
    /// Each server runs so often, every second round in the opposite order.
    pub rounds: u32,
    /// Cores of the servers; empty for all.
    pub cores: Vec<usize>,
    /// What each server is told to keep within.
    pub memory_bytes: Option<u64>,
    /// An existing folder for data; each server's is deleted after its run.
    pub dir: PathBuf,
    /// An existing folder for what stays: the ledgers.
    pub out: PathBuf,
    /// Keep data folders.
    pub keep: bool,
}

/// Runs all and puts their results together; what fails is part of the result.
pub fn compare(
    plan: &Plan,
    options: &CompareOptions,
    stop: &AtomicBool,
    progress: &Progress,
) -> Result<RunResult> {
    let mut result = empty_result(plan, &options.dir);
    let (order, oracle_kind) = order(&options.systems);
    result.remarks.extend(remarks(options));
    let mut oracle = None;
    for round in 1..=options.rounds {
        let mut kinds = order.clone();
        if round.is_multiple_of(2) {
            kinds.reverse();
        }
        for kind in kinds {
            if stop.load(Ordering::Relaxed) {
                result.remarks.push("the comparison was interrupted".to_owned());
                return Ok(result);
            }
            if let Some(why) = plan.scenario.without.get(kind.name()) {
                if round == 1 {
                    result.remarks.push(format!("{kind} is left out: {why}"));
                }
                continue;
            }
            let is_oracle = kind == oracle_kind;
            let run = run_one(plan, kind, round, is_oracle, options, &mut oracle, stop, progress)?;
            result.systems.push(run);
        }
    }
    let summary = query_summary(&result, oracle_kind.name());
    result.remarks.extend(summary);
    Ok(result)
}

/// A result without runs.
pub fn empty_result(plan: &Plan, dir: &std::path::Path) -> RunResult {
    let start_ms = plan.data().start_ms;
    let mut remarks = plan.deviations.clone();
    remarks.push(format!(
        "data begin at {start_ms} ms since the epoch; the same bytes again: --seed {} --start-ms {start_ms}",
        plan.seed
    ));
    RunResult {
        schema: SCHEMA_VERSION,
        title: format!("{}: {}", plan.scenario.name, plan.scenario.about.trim()),
        started: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        machine: machine(dir),
        scenario: Scenario {
            name: plan.scenario.name.clone(),
            text: plan.text.clone(),
            seed: plan.seed,
        },
        systems: Vec::new(),
        remarks,
    }
}

/// Prometheus first, if it takes part: its answers are what others' are compared with.
fn order(systems: &[SystemKind]) -> (Vec<SystemKind>, SystemKind) {
    let mut order = systems.to_vec();
    order.sort_by_key(|kind| *kind != SystemKind::Prometheus);
    let first = order.first().copied().unwrap_or(SystemKind::Vigie);
    (order, first)
}

fn remarks(options: &CompareOptions) -> Vec<String> {
    let mut remarks = Vec::new();
    if options.cores.is_empty() {
        remarks.push(
            "servers and load tester share all cores; what the load tester used is in the table, and wall times \
             include it"
                .to_owned(),
        );
    } else {
        remarks.push(format!("servers are pinned to cores {:?}", options.cores));
    }
    if let Some(bytes) = options.memory_bytes {
        remarks.push(format!("each server was told to keep within {} MiB", bytes >> 20));
    }
    remarks
}

#[expect(
    clippy::too_many_arguments,
    reason = "one caller, and every one of them differs from run to run"
)]
fn run_one(
    plan: &Plan,
    kind: SystemKind,
    round: u32,
    is_oracle: bool,
    options: &CompareOptions,
    oracle: &mut Option<Oracle>,
    stop: &AtomicBool,
    progress: &Progress,
) -> Result<SystemRun> {
    let dir = options.dir.join(format!("{kind}-{round}"));
    std::fs::create_dir_all(&dir).with_context(|| format!("make the folder {}", dir.display()))?;
    progress.say(format!("{kind}: starting (round {round} of {})", options.rounds));
    let mut arena = Arena::build(plan, &dir)?;
    let farm = plan
        .scenario
        .scrape
        .as_ref()
        .map(|_| start_farm(plan, &dir))
        .transpose()?;
    let start = StartOptions {
        cores: options.cores.clone(),
        memory_bytes: options.memory_bytes,
        out_of_order_ms: plan.scenario.out_of_order_window.0.unsigned_abs(),
        namespace: arena.namespace()?,
        scrape_config: farm
            .as_ref()
            .map(|(_, config)| config.clone())
            .unwrap_or_default(),
        extra_args: plan.scenario.args.get(kind.name()).cloned().unwrap_or_default(),
        ..StartOptions::new(arena.data_dir(&dir))
    };
    let run = match System::start(kind, &start) {
        Err(error) => {
            progress.say(format!("{kind}: {error:#}"));
            SystemRun {
                system: kind.name().to_owned(),
                round,
                outcome: Outcome::Failed(format!("it did not start: {error:#}")),
                ..SystemRun::default()
            }
        }
        Ok(system) => {
            let system = Arc::new(system);
            arena.admit(&system);
            let ledger_dir = options.out.join(format!("{kind}-{round}"));
            std::fs::create_dir_all(&ledger_dir)
                .with_context(|| format!("make the folder {}", ledger_dir.display()))?;
            let drive_options = DriveOptions {
                dir: &ledger_dir,
                round,
                is_oracle,
                stage: Some(arena.stage()),
                farm: farm.as_ref().map(|(farm, _)| farm),
                stop,
                progress,
            };
            let run = drive(plan, &Target::Own(Arc::clone(&system)), oracle, &drive_options)?;
            // It has served its purpose; that it cannot be stopped in order is a remark at most.
            if let Err(error) = system.stop() {
                progress.say(format!("{kind}: {error:#}"));
            }
            run
        }
    };
    // Its disk and network go before the folder they are in.
    drop(arena);
    if !options.keep {
        std::fs::remove_dir_all(&dir).with_context(|| format!("delete {}", dir.display()))?;
    }
    Ok(run)
}

/// The targets of the plan, and the configuration of a server that scrapes them.
fn start_farm(plan: &Plan, dir: &std::path::Path) -> Result<(Farm, String)> {
    let farm = Farm::start(plan.supply.workload(), ([127, 0, 0, 1], 0).into(), true)?;
    let file = dir.join("farm.json");
    std::fs::write(&file, farm.service_discovery()?).with_context(|| format!("write {}", file.display()))?;
    let file = file.canonicalize().context("resolve a path")?;
    let config = scrape_config(&file, plan.data().interval);
    Ok((farm, config))
}

/// Whether an event of a report is a fault of the scenario, and not the restart at its end.
fn is_fault(event: &vigie_report::Event) -> bool {
    event.what.starts_with('{')
}

/// What is wrong with the runs of Vigie, or of a server that others run; peers may answer as they like.
pub fn failures(result: &RunResult) -> Vec<String> {
    let is_peer = |run: &SystemRun| {
        run.system
            .parse::<SystemKind>()
            .is_ok_and(|kind| !kind.is_vigie())
    };
    let mut failures = Vec::new();
    // Between a kill and the restart nobody answers, which is no fault of the server.
    let is_harmed = result.systems.iter().any(|run| run.events.iter().any(is_fault));
    for run in result.systems.iter().filter(|run| !is_peer(run)) {
        let name = format!("{} (round {})", run.system, run.round);
        match &run.outcome {
            Outcome::Finished => {}
            Outcome::NotSupported => failures.push(format!("{name} refused everything")),
            Outcome::Failed(why) => failures.push(format!("{name}: {why}")),
        }
        let refused = run.totals.requests_refused;
        if refused > 0 && run.outcome == Outcome::Finished {
            // Scenarios send nothing that a server they set up may refuse.
            failures.push(format!(
                "{name} refused {refused} requests; see its remarks for the reason"
            ));
        }
        if let Some(verdict) = &run.verdict {
            for fault in Fault::ALL {
                let count = verdict.count(fault);
                if count > 0 {
                    failures.push(format!("{name}: {count} {}", fault.words()));
                }
            }
        }
        for query in &run.queries {
            if query.failed > 0 && !is_harmed {
                failures.push(format!(
                    "{name}: {} failed {} times: {}",
                    query.name, query.failed, query.expr
                ));
            }
            if let Answers::Differ {
                to,
                differing,
                examples,
                ..
            } = &query.answers
            {
                let example = examples.first().map_or("", String::as_str);
                failures.push(format!(
                    "{name}: {differing} answers to {} differ from {to}: {}: {example}",
                    query.name, query.expr
                ));
            }
        }
    }
    failures
}
