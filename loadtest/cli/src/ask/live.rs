use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use parking_lot::Mutex;
use vigie_report::LatencyHistogram;
use vigie_systems::Api;

use super::question::Question;
use super::store::{AnswerStore, Key};
use crate::scenario::When;
use crate::send::Frontiers;

/// The name of asking threads; at most 15 bytes.
const THREAD_NAME: &str = "lt-query";

/// From the time since the start to the time of the data.
#[derive(Debug, Clone)]
pub struct LiveClock {
    /// Time of the data that are due at the start.
    pub start_ms: i64,
    pub speed: f64,
    /// Time between two samples of a series.
    pub interval_ms: i64,
    pub frontiers: Frontiers,
}

impl LiveClock {
    /// The time a question that is due at `due` asks for: so far back that all data until then have been sent if the
    /// server keeps up. It depends on the timetable alone, so every server is asked for the same times.
    fn asked_ms(&self, due: Duration) -> i64 {
        self.start_ms + (due.as_secs_f64() * 1000.0 * self.speed) as i64 - self.lag_ms()
    }

    /// Two rounds, the second for HA replicas, which scrape half an interval later.
    fn lag_ms(&self) -> i64 {
        2 * self.interval_ms + 1000
    }

    /// Whether everything until `time_ms` has met its fate. A frontier is the newest time in a request, whose oldest
    /// may be up to a round older.
    fn is_complete(&self, time_ms: i64) -> bool {
        let frontier = self.frontiers.complete_before_ms();
        frontier.saturating_sub(2 * self.interval_ms) >= time_ms
    }
}

/// What was asked in an interval.
#[derive(Debug, Clone, Default)]
pub struct LiveCut {
    pub queries: u64,
    pub failed: u64,
    pub latency: LatencyHistogram,
}

/// What was asked of one question.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    pub(super) latency: LatencyHistogram,
    pub(super) failed: u64,
    pub(super) refused: u64,
    /// Times at which the data were complete when it was asked, so that the answer can be checked.
    pub(super) checkable: Vec<i64>,
    /// The first failures, in words.
    pub(super) texts: Vec<String>,
}

/// Threads that ask while data come in.
#[derive(Debug)]
pub struct LiveAsker {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Result<()>>>,
}

#[derive(Debug)]
struct Shared {
    stop: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    interval: LiveCut,
    asked: BTreeMap<usize, Asked>,
    answers: AnswerStore,
}

/// What live asking has found.
#[derive(Debug)]
pub struct LiveAnswers {
    pub(super) asked: BTreeMap<usize, Asked>,
    pub(super) answers: AnswerStore,
}

impl LiveAsker {
    /// Asks every question of the live kind, each on its group's timetable from `started` on.
    pub fn start(questions: &[Question], api: &Api, clock: &LiveClock, started: Instant) -> Result<Self> {
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            inner: Mutex::new(Inner {
                interval: LiveCut::default(),
                asked: BTreeMap::new(),
                answers: AnswerStore::new()?,
            }),
        });
        let mut lanes: BTreeMap<(usize, u32), Vec<(usize, Question)>> = BTreeMap::new();
        for (number, question) in questions.iter().enumerate() {
            if question.when == When::Live {
                lanes
                    .entry(question.lane)
                    .or_default()
                    .push((number, question.clone()));
            }
        }
        let mut threads = Vec::new();
        for lane in lanes.into_values() {
            let (shared, api, clock) = (Arc::clone(&shared), api.clone(), clock.clone());
            let thread = std::thread::Builder::new()
                .name(THREAD_NAME.to_owned())
                .spawn(move || shared.run(&lane, &api, &clock, started))
                .context("start a thread that asks")?;
            threads.push(thread);
        }
        Ok(Self { shared, threads })
    }

    /// Ends an interval.
    pub fn cut(&self) -> LiveCut {
        std::mem::take(&mut self.shared.inner.lock().interval)
    }

    pub fn finish(self) -> Result<LiveAnswers> {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread
                .join()
                .map_err(|_| anyhow!("a thread that asks panicked"))??;
        }
        let mut inner = self.shared.inner.lock();
        Ok(LiveAnswers {
            asked: std::mem::take(&mut inner.asked),
            answers: std::mem::replace(&mut inner.answers, AnswerStore::new()?),
        })
    }
}

/// How often a waiting thread looks whether it should stop.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

impl Shared {
    fn run(&self, lane: &[(usize, Question)], api: &Api, clock: &LiveClock, started: Instant) -> Result<()> {
        for round in 0.. {
            for (number, question) in lane {
                let due = question.due(round);
                while started.elapsed() < due {
                    if self.stop.load(Ordering::Relaxed) {
                        return Ok(());
                    }
                    std::thread::sleep(LOOK_INTERVAL.min(due.saturating_sub(started.elapsed())));
                }
                if self.stop.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let time_ms = clock.asked_ms(due);
                // There is nothing to ask for yet.
                if time_ms > clock.start_ms {
                    let is_complete = clock.is_complete(time_ms);
                    self.ask(*number, question, api, time_ms, is_complete, started + due)?;
                }
            }
        }
        Ok(())
    }

    fn ask(
        &self,
        number: usize,
        question: &Question,
        api: &Api,
        time_ms: i64,
        is_complete: bool,
        due: Instant,
    ) -> Result<()> {
        let answer = question.ask(api, time_ms);
        let micros = u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut inner = self.inner.lock();
        let inner = &mut *inner;
        let asked = inner.asked.entry(number).or_default();
        inner.interval.queries += 1;
        match answer {
            Ok(answer) if answer.status == 200 => {
                inner.interval.latency.record_us(micros);
                asked.latency.record_us(micros);
                if question.check && is_complete {
                    let key = Key {
                        question: number,
                        time_ms,
                    };
                    inner.answers.keep(key, &answer)?;
                    asked.checkable.push(time_ms);
                }
            }
            Ok(_) if question.may_be_refused => asked.refused += 1,
            Ok(answer) => {
                inner.interval.failed += 1;
                asked.fail(&format!("{}: {}", answer.status, answer.body.trim()));
            }
            Err(error) => {
                inner.interval.failed += 1;
                asked.fail(&format!("{error:#}"));
            }
        }
        Ok(())
    }
}

impl Asked {
    pub(super) fn fail(&mut self, text: &str) {
        const MAX_TEXTS: usize = 3;
        self.failed += 1;
        if self.texts.len() < MAX_TEXTS {
            self.texts.push(text.chars().take(300).collect());
        }
    }
}
