use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use vigie_report::{Figure, Generator, Outcome, Setting, SystemRun, Totals};
use vigie_systems::System;
use vigie_systems::faults::{Schedule, Stage};

use super::plan::{Plan, Replay};
use super::target::Target;
use super::write::{LiveClockSpec, Writing, Written};
use crate::ask::{Oracle, judge};
use crate::data::Ledgers;
use crate::farm::Farm;
use crate::progress::{Progress, short_count};
use crate::scenario::SendMode;
use crate::send::{Endpoint, Pace, Source};

/// Besides the plan.
#[derive(Debug)]
pub struct DriveOptions<'a> {
    /// An existing folder for the ledger.
    pub dir: &'a Path,
    /// From 1.
    pub round: u32,
    /// Whether this run's answers become the oracle's, if there is none yet.
    pub is_oracle: bool,
    /// What faults can happen to; needed by scenarios with faults.
    pub stage: Option<&'a Stage>,
    /// The targets that the server was told to scrape; needed by scenarios that scrape.
    pub farm: Option<&'a Farm>,
    /// Ends the run early, in order.
    pub stop: &'a AtomicBool,
    pub progress: &'a Progress,
}

/// Takes a running server through the plan. An error of the server, such as its death, is a result; an error returned
/// here is one of the load tester or of its user.
pub fn drive(
    plan: &Plan,
    target: &Target,
    oracle: &mut Option<Oracle>,
    options: &DriveOptions<'_>,
) -> Result<SystemRun> {
    let mut run = SystemRun {
        system: target.name().to_owned(),
        version: version(target),
        round: options.round,
        durability: "not known: a server that others run".to_owned(),
        ..SystemRun::default()
    };
    if let Some(system) = target.system() {
        run.durability = system.durability().to_owned();
        run.settings = settings(system);
    }
    let mut driver = Driver {
        plan,
        target,
        options,
        run,
    };
    if let Err(error) = driver.everything(oracle) {
        options
            .progress
            .say(format!("{}: failed: {error:#}", target.name()));
        driver.run.outcome = Outcome::Failed(format!("{error:#}"));
    }
    Ok(driver.run)
}

/// Writes all data of a plan into a server as fast as it takes them, measures nothing and proves nothing.
pub fn feed(plan: &Plan, target: &Target, dir: &Path, progress: &Progress) -> Result<()> {
    let ledgers = Ledgers::create(dir, &plan.supply.workload().tenants(), "fed")?;
    let sources = plan.supply.sources(&ledgers, target.tenant())?;
    let send = &plan.scenario.send;
    let writing = Writing {
        target,
        endpoint: Endpoint::new(
            &target.write_url(),
            Duration::from_millis(send.timeout.0.unsigned_abs()),
        )?,
        pace: Pace::Closed,
        give_up_after: Duration::from_millis(send.give_up.0.unsigned_abs()),
        live: None,
        faults: &Schedule::default(),
        stage: None,
        interval: Duration::from_secs(1),
        samples: plan.supply.totals().map_or(0, |totals| totals.samples),
        title: format!("{}: writing", target.name()),
    };
    let portions = sources.iter().map(|source| source.portion(None)).collect();
    let written = writing.run(portions, Duration::ZERO, &AtomicBool::new(false), progress)?;
    let counts = &written.total.counts;
    ensure!(
        counts.refused_requests + counts.unknown_requests + counts.missed_requests == 0,
        "{} has not taken everything: {}",
        target.name(),
        written.texts.join("; ")
    );
    Ok(())
}

/// A server on its way through a plan, and what is known of it so far.
pub(super) struct Driver<'a> {
    pub(super) plan: &'a Plan,
    pub(super) target: &'a Target,
    pub(super) options: &'a DriveOptions<'a>,
    pub(super) run: SystemRun,
}

impl Driver<'_> {
    fn everything(&mut self, oracle: &mut Option<Oracle>) -> Result<()> {
        if self.plan.scenario.scrape.is_some() {
            return self.everything_scraped();
        }
        let cpu_before = self.target.cpu_seconds();
        let tenants = self.plan.supply.workload().tenants();
        let description = format!("{}, seed {}", self.plan.scenario.name, self.plan.seed);
        let ledgers = Ledgers::create(self.options.dir, &tenants, &description)?;
        Replay::of(self.plan).write(self.options.dir)?;
        let written = self.write(&ledgers)?;
        let files = ledgers.close()?;
        self.totals(&written, cpu_before);
        if self.is_unsupported(&written) {
            return Ok(());
        }
        self.settle(cpu_before)?;
        let quiet = self.ask(&written, oracle)?;
        self.run.queries = judge(
            &self.plan.questions,
            written.answers.as_ref(),
            Some(&quiet),
            oracle.as_ref(),
        )?;
        if self.plan.scenario.restart {
            self.restart()?;
        }
        self.verify(&files)?;
        if let Some(account) = self.target.quick_account() {
            self.run.totals.resident_bytes_peak = Figure::Value(account.peak_resident_bytes as f64);
        }
        Ok(())
    }

    fn everything_scraped(&mut self) -> Result<()> {
        let farm = self.options.farm.context(
            "scraping needs a server that the load tester runs itself: use --system, or `loadtest farm`",
        )?;
        let cpu_before = self.target.cpu_seconds();
        let written = self.scrape(farm)?;
        self.totals(&written, cpu_before);
        self.run.totals.active_series = farm.pages().series() as u64;
        self.settle(cpu_before)?;
        Replay::of(self.plan).write(self.options.dir)?;
        let file = self.write_down_scrapes(farm, self.options.dir)?;
        self.verify(&[file])
    }

    /// History as fast as it is taken, then everything else by the scenario's pace.
    fn write(&mut self, ledgers: &Ledgers) -> Result<Written> {
        let scenario = &self.plan.scenario;
        let send = &scenario.send;
        let endpoint = Endpoint::new(
            &self.target.write_url(),
            Duration::from_millis(send.timeout.0.unsigned_abs()),
        )?;
        let sources = self.plan.supply.sources(ledgers, self.target.tenant())?;
        let portions = |until_ms: Option<i64>| -> Vec<Box<dyn Source>> {
            sources.iter().map(|source| source.portion(until_ms)).collect()
        };
        let data = self.plan.data();
        let none = Schedule::default();
        let samples = self.plan.supply.totals().map_or(0, |totals| totals.samples);
        let span_ms = self
            .plan
            .end_ms()
            .map_or(3_600_000, |end_ms| end_ms - data.start_ms);
        let mut writing = Writing {
            target: self.target,
            endpoint,
            pace: Pace::Closed,
            give_up_after: Duration::from_millis(send.give_up.0.unsigned_abs()),
            live: None,
            faults: &none,
            stage: self.options.stage,
            interval: Duration::from_secs(1),
            samples,
            title: format!("{}: writing as fast as it is taken", self.target.name()),
        };
        let mut all = Written::default();
        let live_from_ms = match send.mode {
            SendMode::Closed => None,
            SendMode::Open => Some(self.plan.live_from_ms().unwrap_or(data.start_ms)),
        };
        if live_from_ms != Some(data.start_ms) {
            all = writing.run(
                portions(live_from_ms),
                Duration::ZERO,
                self.options.stop,
                self.options.progress,
            )?;
        }
        if let Some(start_ms) = live_from_ms {
            writing.pace = Pace::Open {
                speed: send.speed,
                queue: Duration::from_millis(send.queue.0.unsigned_abs()),
            };
            writing.live = Some((
                &self.plan.questions,
                LiveClockSpec {
                    start_ms,
                    speed: send.speed,
                    interval_ms: data.interval.0,
                },
            ));
            writing.faults = &scenario.faults;
            // At most some 600 points in a plot.
            let live_ms = (span_ms - (start_ms - data.start_ms)) as f64 / send.speed;
            writing.interval = Duration::from_secs((live_ms / 600_000.0).ceil().max(1.0) as u64);
            writing.title = format!("{}: writing on schedule", self.target.name());
            writing.samples = samples.saturating_sub(all.total.counts.acked_samples);
            let since_start = all.elapsed;
            let live = writing.run(
                portions(None),
                since_start,
                self.options.stop,
                self.options.progress,
            )?;
            all = join(all, live);
        }
        Ok(all)
    }

    fn totals(&mut self, written: &Written, cpu_before: Option<f64>) {
        let counts = &written.total.counts;
        let spent = self.spent_since(cpu_before);
        let active_series = self.active_series();
        let elapsed = written.elapsed.as_secs_f64();
        self.run.totals = Totals {
            elapsed_seconds: elapsed,
            active_series,
            samples_sent: counts.acked_samples + counts.refused_samples + counts.unknown_samples,
            samples_acked: counts.acked_samples,
            requests_acked: counts.acked_requests,
            requests_refused: counts.refused_requests,
            requests_failed: counts.failed + counts.shed,
            requests_missed: counts.missed_requests,
            bytes_sent: counts.acked_bytes,
            cpu_seconds: spent,
            ..Totals::default()
        };
        self.run.intervals.clone_from(&written.intervals);
        self.run.ack_latency = written.total.latency.clone();
        self.run.events.clone_from(&written.events);
        self.run.generator = Generator {
            cpu_seconds: Figure::Value(written.generator_cpu_seconds),
            resident_bytes_peak: Figure::from_option(
                vigie_systems::ProcStat::read(std::process::id())
                    .ok()
                    .map(|stat| stat.peak_resident_bytes as f64),
            ),
        };
        for text in &written.texts {
            self.run.remarks.push(format!("writing: {text}"));
        }
        if counts.shed > 0 {
            let shed = counts.shed;
            self.run
                .remarks
                .push(format!("{shed} attempts were answered 429 and sent again"));
        }
        if counts.unknown_requests > 0 {
            let unknown = counts.unknown_requests;
            self.run
                .remarks
                .push(format!("{unknown} requests were given up without an answer"));
        }
        self.say(format!(
            "{} samples acknowledged in {elapsed:.1} s, {} CPU us a sample, generator {:.3}; p50 {}, p99 {}",
            short_count(counts.acked_samples as f64),
            match &self.run.totals.cpu_seconds {
                Figure::Value(seconds) =>
                    format!("{:.3}", seconds * 1e6 / counts.acked_samples.max(1) as f64),
                _ => "unknown".to_owned(),
            },
            written.generator_cpu_seconds * 1e6 / counts.acked_samples.max(1) as f64,
            milliseconds(written.total.latency.quantile_us(0.5)),
            milliseconds(written.total.latency.quantile_us(0.99)),
        ));
    }

    /// Of all senders, both HA replicas.
    fn active_series(&self) -> u64 {
        let data = self.plan.data();
        if let Some(totals) = self.plan.supply.totals()
            && data.churn.is_none()
        {
            return totals.series;
        }
        let workload = self.plan.supply.workload();
        let replicas = if data.ha.is_some() { 2 } else { 1 };
        (0..data.senders)
            .map(|sender| workload.stream(sender).active_series() as u64 * replicas)
            .sum()
    }

    /// A server that refuses everything has no figures.
    fn is_unsupported(&mut self, written: &Written) -> bool {
        let counts = &written.total.counts;
        let is_unsupported = counts.acked_samples == 0 && counts.refused_requests > 0;
        if is_unsupported {
            self.run.outcome = Outcome::NotSupported;
            self.say("refused everything");
        }
        is_unsupported
    }

    pub(super) fn spent_since(&self, before: Option<f64>) -> Figure {
        let now = self.target.cpu_seconds();
        Figure::from_option(before.zip(now).map(|(before, now)| now - before))
    }

    pub(super) fn say(&self, text: impl AsRef<str>) {
        self.options
            .progress
            .say(format!("{}: {}", self.target.name(), text.as_ref()));
    }
}

fn join(mut first: Written, then: Written) -> Written {
    first.elapsed += then.elapsed;
    first.total.add(&then.total);
    first.intervals.extend(then.intervals);
    first.events.extend(then.events);
    first.texts.extend(then.texts);
    first.answers = then.answers.or(first.answers);
    first.generator_cpu_seconds += then.generator_cpu_seconds;
    first
}

fn version(target: &Target) -> String {
    target
        .system()
        .and_then(|system| vigie_systems::version(system).ok())
        .map_or_else(|| "unknown".to_owned(), |version| version.version)
}

fn settings(system: &System) -> Vec<Setting> {
    system
        .settings()
        .iter()
        .map(|setting| Setting {
            name: setting.name.clone(),
            value: setting.value.clone(),
            reason: setting.why.clone(),
        })
        .collect()
}

fn milliseconds(us: Option<u64>) -> String {
    us.map_or_else(|| "none".to_owned(), |us| format!("{:.1} ms", us as f64 / 1000.0))
}
