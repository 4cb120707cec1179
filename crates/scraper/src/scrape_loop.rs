//! The life of one target: wait for its moment, scrape, write, and say goodbye.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout_at};
use tokio_util::sync::CancellationToken;
use vigie_exposition::{ExpositionOptions, Format};

use crate::append::{Collected, Counts, Reading, SeriesAppender};
use crate::client::JobClient;
use crate::fetch::{Fetched, fetch};
use crate::report::{Report, ReportSeries};
use crate::sample_labels::SampleRules;
use crate::service::Shared;
use crate::target::{LastScrape, Target, TargetState};
use crate::{Health, ScrapeBatch, ScrapeError, WriteSummary};

/// Larger bodies are read on a thread that may block, so that other targets are not held up.
const INLINE_BODY_BYTES: usize = 256 << 10;
/// A scrape that comes this much late is written with its due time, which keeps the distance
/// between timestamps constant and thereby almost free to store. At most 1 % of the interval.
const ALIGNMENT_TOLERANCE_MS: i64 = 2;
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(2);

/// What a reload may change about a running target.
#[derive(Debug, Clone)]
pub(crate) struct LoopContext {
    pub(crate) rules: SampleRules,
    pub(crate) client: Arc<JobClient>,
    /// Fails every scrape without asking the target.
    pub(crate) forced_error: Option<ScrapeError>,
}

/// A request to scrape at once, answered when the scrape is written.
pub(crate) type ScrapeNow = oneshot::Sender<()>;

/// How the pool and a loop are connected.
pub(crate) struct LoopInputs {
    pub(crate) context: watch::Receiver<Arc<LoopContext>>,
    pub(crate) scrape_now: mpsc::Receiver<ScrapeNow>,
    /// The target is gone.
    pub(crate) removed: CancellationToken,
    /// The target is back; its end need not be marked. Cancelled by the loop itself when it ends.
    pub(crate) back: CancellationToken,
}

pub(crate) struct ScrapeLoop {
    shared: Arc<Shared>,
    target: Arc<Target>,
    state: Arc<TargetState>,
    context: Arc<LoopContext>,
    appender: SeriesAppender,
    report: ReportSeries,
    last_start: Option<Instant>,
    last_body_bytes: usize,
    /// That histograms are not stored is said once.
    has_told_of_histograms: AtomicBool,
}

/// A scrape before it is written.
struct Outcome {
    collected: Collected,
    body_size_bytes: i64,
    error: Option<ScrapeError>,
}

impl ScrapeLoop {
    pub(crate) fn new(
        shared: Arc<Shared>,
        target: Arc<Target>,
        state: Arc<TargetState>,
        context: Arc<LoopContext>,
    ) -> ScrapeLoop {
        ScrapeLoop {
            appender: SeriesAppender::new(shared.cache_seed),
            report: ReportSeries::new(&context.rules),
            shared,
            target,
            state,
            context,
            last_start: None,
            last_body_bytes: 0,
            has_told_of_histograms: AtomicBool::new(false),
        }
    }

    pub(crate) async fn run(mut self, mut inputs: LoopInputs) {
        let shutdown = self.shared.shutdown.clone();
        let offset = self.target.offset(since_epoch(), self.shared.options.offset_seed);
        let mut ticks = interval_at(Instant::now() + offset, self.target.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut due_ms = None;
        loop {
            let answer = tokio::select! {
                biased;
                // A process that stops will be back, so its targets' series do not end.
                () = shutdown.cancelled() => return,
                () = inputs.removed.cancelled() => break,
                Some(answer) = inputs.scrape_now.recv() => Some(answer),
                _ = ticks.tick() => None,
            };
            let context = inputs.context.borrow_and_update().clone();
            self.adopt(context);
            let now_ms = wall_clock_ms();
            let time_ms = if answer.is_some() {
                now_ms
            } else {
                self.aligned(&mut due_ms, now_ms)
            };
            self.scrape(time_ms).await;
            if let Some(answer) = answer {
                // Who asked may have gone.
                let _ = answer.send(());
            }
        }
        // Whoever asked for a scrape just now need not wait for the end.
        drop(inputs.scrape_now);
        self.retire(&inputs.back).await;
        inputs.back.cancel();
    }

    /// Takes over a changed configuration.
    fn adopt(&mut self, context: Arc<LoopContext>) {
        if Arc::ptr_eq(&self.context, &context) {
            return;
        }
        if !self.context.rules.agree_with(&context.rules) {
            self.appender.reset();
        }
        self.report = ReportSeries::new(&context.rules);
        self.context = context;
    }

    /// The due time, if the scrape is hardly late.
    fn aligned(&self, due_ms: &mut Option<i64>, now_ms: i64) -> i64 {
        let interval_ms = duration_ms(self.target.interval).max(1);
        let mut due = due_ms.unwrap_or(now_ms);
        due += (now_ms - due).max(0) / interval_ms * interval_ms;
        *due_ms = Some(due);
        let tolerance_ms = ALIGNMENT_TOLERANCE_MS.min(interval_ms / 100);
        if (0..=tolerance_ms).contains(&(now_ms - due)) {
            due
        } else {
            now_ms
        }
    }

    async fn scrape(&mut self, time_ms: i64) {
        let start = Instant::now();
        let metrics = &self.shared.metrics;
        if let Some(last) = self.last_start.replace(start) {
            metrics.observe_interval(self.target.interval, start.duration_since(last));
        }
        let Some(outcome) = self.attempt(time_ms).await else {
            return;
        };
        let duration = start.elapsed();
        let Outcome {
            collected,
            body_size_bytes,
            error,
        } = outcome;
        let Collected {
            mut values,
            metadata,
            counts,
        } = collected;
        self.count(&error, &counts);
        self.publish(time_ms, duration, &error);
        let config = &self.context.rules.config;
        let report = Report {
            is_up: error.is_none(),
            duration,
            counts,
            timeout: self.target.timeout,
            sample_limit: config.limits.samples,
            body_size_bytes,
        };
        self.report.write(&report, time_ms, &mut values.samples);
        let batch = ScrapeBatch {
            tenant: self.shared.options.tenant.clone(),
            samples: values.samples,
            histograms: values.histograms,
            exemplars: values.exemplars,
            metadata,
            reject_out_of_order: false,
        };
        if !self.write(&batch).await {
            self.state.metadata.lock().unsent(batch.metadata);
        }
        self.shared
            .metrics
            .scrape_duration
            .observe(start.elapsed().as_secs_f64());
    }

    /// Asks the target and reads the answer. Nothing if the process is shutting down.
    async fn attempt(&mut self, time_ms: i64) -> Option<Outcome> {
        let fetched = match &self.context.forced_error {
            Some(error) => Err(error.clone()),
            None => self.fetch().await?,
        };
        let body_size_bytes = match &fetched {
            Ok(fetched) => i64::try_from(fetched.body.len()).unwrap_or(i64::MAX),
            Err(ScrapeError::BodySize) => -1,
            Err(_) => 0,
        };
        let (collected, error) = match fetched {
            Ok(fetched) if fetched.body.is_empty() => (self.fail(time_ms), None),
            Ok(fetched) => {
                self.last_body_bytes = fetched.body.len();
                match self.append(fetched, time_ms).await {
                    Ok(collected) => (collected, None),
                    Err((error, counts)) => {
                        let collected = self.fail(time_ms);
                        (Collected { counts, ..collected }, Some(error))
                    }
                }
            }
            Err(error) => (self.fail(time_ms), Some(error)),
        };
        Some(Outcome {
            collected,
            body_size_bytes,
            error,
        })
    }

    async fn fetch(&self) -> Option<Result<Fetched, ScrapeError>> {
        let limit = self.context.rules.config.limits.body_size_bytes;
        let cap = self.shared.options.max_body_bytes;
        let limit = if limit == 0 { cap } else { limit.min(cap) };
        // Some room, as bodies vary by the digits of their values.
        let capacity = self.last_body_bytes + self.last_body_bytes / 16;
        let request = fetch(
            &self.context.client,
            &self.target.url,
            self.target.timeout,
            limit,
            capacity,
        );
        tokio::select! {
            biased;
            () = self.shared.shutdown.cancelled() => None,
            outcome = request => Some(outcome),
        }
    }

    async fn append(&mut self, fetched: Fetched, time_ms: i64) -> Result<Collected, (ScrapeError, Counts)> {
        let fallback = self
            .context
            .rules
            .config
            .fallback_scrape_protocol
            .and_then(|protocol| Format::from_protocol_name(protocol.as_str()));
        let format = Format::from_content_type(&fetched.content_type, fallback)
            .map_err(|error| (error.into(), Counts::default()))?;
        let options = &self.shared.options;
        let reading = Reading {
            format,
            options: ExpositionOptions {
                start_timestamps: options.start_timestamps,
                ..self.target.exposition
            },
            exemplars: options.exemplars,
            time_ms,
        };
        if fetched.body.len() <= INLINE_BODY_BYTES {
            let mut metadata = self.state.metadata.lock();
            return self
                .appender
                .append(&self.context.rules, reading, &fetched.body, &mut metadata);
        }
        let placeholder = SeriesAppender::new(self.shared.cache_seed);
        let mut appender = std::mem::replace(&mut self.appender, placeholder);
        let context = self.context.clone();
        let state = self.state.clone();
        let work = tokio::task::spawn_blocking(move || {
            let mut metadata = state.metadata.lock();
            let outcome = appender.append(&context.rules, reading, &fetched.body, &mut metadata);
            (appender, outcome)
        });
        match work.await {
            Ok((appender, outcome)) => {
                self.appender = appender;
                outcome
            }
            Err(_) => Err((ScrapeError::Interrupted, Counts::default())),
        }
    }

    /// What a scrape without an answer amounts to.
    fn fail(&mut self, time_ms: i64) -> Collected {
        let (values, was_swept) = self.appender.fail(time_ms);
        if was_swept {
            self.shared.metrics.cache_flush_forced.inc();
        }
        Collected {
            values,
            ..Collected::default()
        }
    }

    fn count(&self, error: &Option<ScrapeError>, counts: &Counts) {
        let metrics = &self.shared.metrics;
        match error {
            Some(ScrapeError::BodySize) => drop(metrics.exceeded_body_size_limit.inc()),
            Some(ScrapeError::SampleLimit) => drop(metrics.exceeded_sample_limit.inc()),
            Some(ScrapeError::BucketLimit) => drop(metrics.exceeded_bucket_limit.inc()),
            Some(ScrapeError::LabelLimit(_)) => drop(metrics.exceeded_label_limits.inc()),
            Some(_) | None => {}
        }
        metrics.sample_duplicate.inc_by(counts.duplicates);
        metrics.sample_out_of_bounds.inc_by(counts.out_of_bounds);
        if let Some(error) = error {
            tracing::debug!(target_url = %self.target.url, %error, "Scrape failed");
        }
    }

    fn publish(&self, time_ms: i64, duration: Duration, error: &Option<ScrapeError>) {
        *self.state.last.lock() = LastScrape {
            health: if error.is_none() { Health::Up } else { Health::Down },
            error: error.as_ref().map(ToString::to_string).unwrap_or_default(),
            time_ms: Some(time_ms),
            duration,
            series: self.appender.series_count(),
        };
    }

    /// Writes, and tries again while that can help, until the next scrape is due. Returns whether the
    /// batch is written.
    async fn write(&self, batch: &ScrapeBatch) -> bool {
        let deadline = Instant::now() + self.target.interval;
        let mut pause = FIRST_RETRY;
        loop {
            let reason = match timeout_at(deadline, self.shared.sink.write(batch)).await {
                Ok(Ok(summary)) => {
                    self.count_refused(&summary);
                    return true;
                }
                Ok(Err(error)) if error.retryable && Instant::now() + pause < deadline => {
                    tracing::debug!(target_url = %self.target.url, %error, "Scrape commit failed, trying again");
                    tokio::select! {
                        biased;
                        () = self.shared.shutdown.cancelled() => error.message,
                        () = tokio::time::sleep(pause) => {
                            pause = (pause * 2).min(LAST_RETRY);
                            continue;
                        }
                    }
                }
                Ok(Err(error)) => error.message,
                Err(_) => "deadline exceeded".to_owned(),
            };
            self.shared.metrics.write_failed.inc();
            tracing::error!(target_url = %self.target.url, error = reason, "Scrape commit failed");
            return false;
        }
    }

    fn count_refused(&self, summary: &WriteSummary) {
        let metrics = &self.shared.metrics;
        metrics.sample_out_of_order.inc_by(summary.out_of_order);
        metrics.sample_duplicate.inc_by(summary.duplicate);
        metrics.sample_out_of_bounds.inc_by(summary.out_of_bounds);
        metrics
            .exemplar_out_of_order
            .inc_by(summary.out_of_order_exemplars);
        metrics.histograms_dropped.inc_by(summary.dropped_histograms);
        if summary.out_of_order_exemplars > 0 {
            tracing::warn!(
                target_url = %self.target.url,
                num_dropped = summary.out_of_order_exemplars,
                "Error on ingesting out-of-order exemplars"
            );
        }
        if summary.dropped_histograms > 0 && !self.has_told_of_histograms.swap(true, Relaxed) {
            tracing::warn!(target_url = %self.target.url, "Native histograms of this target are not stored");
        }
        if summary.out_of_order + summary.duplicate + summary.out_of_bounds > 0 {
            tracing::warn!(
                target_url = %self.target.url,
                out_of_order = summary.out_of_order,
                duplicate = summary.duplicate,
                out_of_bounds = summary.out_of_bounds,
                "Error on ingesting samples"
            );
        }
    }

    /// Marks all series as ended, but only after two more intervals and a bit: a target that is only
    /// renamed or moved within the configuration has been scraped again by then, and markers
    /// that are older than its samples are refused.
    async fn retire(mut self, back: &CancellationToken) {
        let Some(last_start) = self.last_start else {
            return;
        };
        let interval = self.target.interval;
        let next_tick = (last_start + interval).max(Instant::now());
        let wait = async {
            tokio::time::sleep_until(next_tick).await;
            let stale_ms = wall_clock_ms();
            tokio::time::sleep_until(next_tick + interval + interval / 10).await;
            stale_ms
        };
        let stale_ms = tokio::select! {
            biased;
            () = self.shared.shutdown.cancelled() => return,
            () = back.cancelled() => return,
            stale_ms = wait => stale_ms,
        };
        let (mut values, _) = self.appender.fail(stale_ms);
        self.report.write_stale(stale_ms, &mut values.samples);
        let batch = ScrapeBatch {
            tenant: self.shared.options.tenant.clone(),
            samples: values.samples,
            histograms: values.histograms,
            exemplars: Vec::new(),
            metadata: Vec::new(),
            reject_out_of_order: true,
        };
        self.write(&batch).await;
    }
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn wall_clock_ms() -> i64 {
    duration_ms(since_epoch())
}

fn duration_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
