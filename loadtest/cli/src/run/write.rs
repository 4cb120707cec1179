//! Writing: the fleet at work, watched once per interval, with queriers and faults beside it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use vigie_report::{Event, Interval};
use vigie_systems::faults::{Applied, Schedule, Stage};
use vigie_systems::own_cpu_seconds;

use super::target::Target;
use crate::ask::{LiveAnswers, LiveAsker, LiveClock, LiveCut, Question};
use crate::progress::{Progress, short_count};
use crate::scenario::When;
use crate::send::{Endpoint, Fleet, FleetOptions, Pace, Source, Stretch};

/// The disk is walked in every so many intervals, because that costs more than all the rest.
const DISK_EVERY: usize = 10;
/// How often the end of the fleet is looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// One stretch of writing.
pub(super) struct Writing<'a> {
    pub(super) target: &'a Target,
    pub(super) endpoint: Endpoint,
    pub(super) pace: Pace,
    pub(super) give_up_after: Duration,
    /// What is asked meanwhile, and the clock to do it by; nothing while history is sent.
    pub(super) live: Option<(&'a [Question], LiveClockSpec)>,
    pub(super) faults: &'a Schedule,
    /// What faults can happen to.
    pub(super) stage: Option<&'a Stage>,
    /// Length of an interval of the report.
    pub(super) interval: Duration,
    /// Samples that will be sent, for the bar; 0 if there is no end.
    pub(super) samples: u64,
    pub(super) title: String,
}

/// A [`LiveClock`] without the frontiers, which the fleet brings.
#[derive(Debug, Clone, Copy)]
pub(super) struct LiveClockSpec {
    pub(super) start_ms: i64,
    pub(super) speed: f64,
    pub(super) interval_ms: i64,
}

/// What was measured.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) elapsed: Duration,
    pub(super) total: Stretch,
    pub(super) intervals: Vec<Interval>,
    pub(super) events: Vec<Event>,
    pub(super) texts: Vec<String>,
    pub(super) answers: Option<LiveAnswers>,
    /// Of the whole generator, queriers and their parsing included.
    pub(super) generator_cpu_seconds: f64,
}

impl Writing<'_> {
    /// Sends all of `sources`, or until `stop`. `since_start` is the time that earlier stretches took.
    pub(super) fn run(
        &self,
        sources: Vec<Box<dyn Source>>,
        since_start: Duration,
        stop: &AtomicBool,
        progress: &Progress,
    ) -> Result<Written> {
        let own_before = own_cpu_seconds()?;
        let options = FleetOptions {
            endpoint: self.endpoint.clone(),
            pace: self.pace,
            give_up_after: self.give_up_after,
        };
        let stage = progress.stage(&self.title, self.samples);
        let fleet = Fleet::start(options, sources)?;
        let started = Instant::now();
        let asker = self.start_asking(&fleet, started)?;
        let faults_stop = AtomicBool::new(false);
        let mut written = Written::default();
        let applied = std::thread::scope(|scope| -> Result<Vec<Applied>> {
            let faults = self.start_faults(scope, started, &faults_stop, progress)?;
            let watched = self.watch(&fleet, asker.as_ref(), since_start, stop, &stage, &mut written);
            // Whatever happened, the threads beside must end before this scope does.
            faults_stop.store(true, Ordering::Relaxed);
            fleet.stop();
            let applied = match faults {
                Some(thread) => thread
                    .join()
                    .map_err(|_| anyhow!("the thread of faults panicked"))?,
                None => Vec::new(),
            };
            watched.map(|()| applied)
        })?;
        written.elapsed = fleet.elapsed();
        let recorder = fleet.join()?;
        written.total = recorder.total();
        written.texts = recorder.texts();
        written.answers = asker.map(LiveAsker::finish).transpose()?;
        written.generator_cpu_seconds = own_cpu_seconds()? - own_before;
        written.events = applied
            .iter()
            .map(|applied| event(applied, since_start))
            .collect();
        Ok(written)
    }

    fn start_asking(&self, fleet: &Fleet, started: Instant) -> Result<Option<LiveAsker>> {
        let Some((questions, clock)) = &self.live else {
            return Ok(None);
        };
        if questions.iter().all(|question| question.when != When::Live) {
            return Ok(None);
        }
        let clock = LiveClock {
            start_ms: clock.start_ms,
            speed: clock.speed,
            interval_ms: clock.interval_ms,
            frontiers: fleet.frontiers(),
        };
        LiveAsker::start(questions, self.target.api(), &clock, started).map(Some)
    }

    fn start_faults<'scope>(
        &'scope self,
        scope: &'scope std::thread::Scope<'scope, '_>,
        started: Instant,
        stop: &'scope AtomicBool,
        progress: &'scope Progress,
    ) -> Result<Option<std::thread::ScopedJoinHandle<'scope, Vec<Applied>>>> {
        if self.faults.is_empty() {
            return Ok(None);
        }
        let stage = self
            .stage
            .context("a fault needs a server that the load tester runs itself: use --system")?;
        Ok(Some(scope.spawn(move || {
            self.faults.run(stage, started, stop, |applied| {
                let error = applied
                    .error
                    .as_deref()
                    .map_or_else(String::new, |error| format!(": {error}"));
                progress.say(format!("fault: {}{error}", words(applied)));
            })
        })))
    }

    /// Cuts an interval each time one is over, until the fleet is done.
    fn watch(
        &self,
        fleet: &Fleet,
        asker: Option<&LiveAsker>,
        since_start: Duration,
        stop: &AtomicBool,
        stage: &crate::progress::Stage,
        written: &mut Written,
    ) -> Result<()> {
        let mut before = Moment::now(self.target, None)?;
        let started = before.at;
        let mut acked = 0;
        loop {
            let due = self.interval * (written.intervals.len() as u32 + 1);
            while fleet.elapsed() < due && !fleet.is_finished() {
                if stop.load(Ordering::Relaxed) {
                    fleet.stop();
                }
                std::thread::sleep(LOOK_INTERVAL.min(due.saturating_sub(fleet.elapsed())));
            }
            let is_over = fleet.is_finished();
            let walks_disk = is_over || written.intervals.len().is_multiple_of(DISK_EVERY);
            let after = Moment::now(self.target, (!walks_disk).then_some(before.disk_bytes))?;
            let stretch = fleet.recorder().cut();
            let asked = asker.map(LiveAsker::cut).unwrap_or_default();
            acked += stretch.counts.acked_samples;
            let end = since_start + (after.at - started);
            let interval = interval(end, &before, &after, &stretch, &asked);
            let note = note(&interval, &after);
            written.intervals.push(interval);
            if is_over {
                return Ok(());
            }
            stage.set(acked, note);
            before = after;
            if self.faults.is_empty()
                && let Some(system) = self.target.system()
            {
                system.check_running().context("while it was written to")?;
            }
        }
    }
}

/// The accounts at a moment.
pub(super) struct Moment {
    pub(super) at: Instant,
    cpu_seconds: Option<f64>,
    resident_bytes: Option<u64>,
    disk_bytes: Option<u64>,
    own_cpu_seconds: f64,
}

impl Moment {
    /// Walks the disk unless its last size is given.
    pub(super) fn now(target: &Target, disk_bytes: Option<Option<u64>>) -> Result<Self> {
        let account = match disk_bytes {
            Some(_) => target.quick_account(),
            None => target.account().unwrap_or(None),
        };
        Ok(Self {
            at: Instant::now(),
            cpu_seconds: account.map(|account| account.cpu_seconds),
            resident_bytes: account.map(|account| account.resident_bytes),
            disk_bytes: disk_bytes.unwrap_or(account.map(|account| account.disk_bytes)),
            own_cpu_seconds: own_cpu_seconds()?,
        })
    }
}

pub(super) fn interval(
    end: Duration,
    before: &Moment,
    after: &Moment,
    stretch: &Stretch,
    asked: &LiveCut,
) -> Interval {
    let length = after.at - before.at;
    let counts = &stretch.counts;
    let of_writers = counts.failed
        + counts.shed
        + counts.refused_requests
        + counts.missed_requests
        + counts.unknown_requests;
    Interval {
        end_seconds: end.as_secs_f64(),
        length_seconds: length.as_secs_f64(),
        samples_acked: counts.acked_samples,
        errors: of_writers + asked.failed,
        ack_p50_us: stretch.latency.quantile_us(0.5),
        ack_p99_us: stretch.latency.quantile_us(0.99),
        ack_p999_us: stretch.latency.quantile_us(0.999),
        queries: asked.queries,
        query_p99_us: asked.latency.quantile_us(0.99),
        cpu_seconds: before
            .cpu_seconds
            .zip(after.cpu_seconds)
            .map(|(before, after)| after - before),
        resident_bytes: after.resident_bytes,
        disk_bytes: after.disk_bytes,
        generator_cpu_seconds: Some(after.own_cpu_seconds - before.own_cpu_seconds),
    }
}

pub(super) fn note(interval: &Interval, after: &Moment) -> String {
    let rate = interval.samples_acked as f64 / interval.length_seconds.max(0.001);
    let mut note = format!("{} samples/s", short_count(rate));
    if let Some(p99) = interval.ack_p99_us {
        note.push_str(&format!(", p99 {:.1} ms", p99 as f64 / 1000.0));
    }
    if let Some(bytes) = after.resident_bytes {
        note.push_str(&format!(", {} MiB", bytes >> 20));
    }
    if interval.queries > 0 {
        note.push_str(&format!(", {} queries", interval.queries));
    }
    if interval.errors > 0 {
        note.push_str(&format!(", {} errors", interval.errors));
    }
    note
}

fn words(applied: &Applied) -> String {
    serde_json::to_string(&applied.fault).unwrap_or_else(|_| format!("{:?}", applied.fault))
}

fn event(applied: &Applied, since_start: Duration) -> Event {
    let mut what = words(applied);
    if let Some(error) = &applied.error {
        what.push_str(&format!(" failed: {error}"));
    }
    Event {
        at_seconds: since_start.as_secs_f64() + applied.began_seconds,
        what,
    }
}
