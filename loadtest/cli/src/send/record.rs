//! What senders count, shared between them and the clock that cuts the run into intervals.

use std::time::Duration;

use parking_lot::Mutex;
use vigie_report::LatencyHistogram;

/// Different error texts that are kept.
const MAX_TEXTS: usize = 8;

/// Sums since a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub acked_requests: u64,
    pub acked_samples: u64,
    /// Compressed bytes of acknowledged requests.
    pub acked_bytes: u64,
    /// Attempts that were answered 429, and tried again.
    pub shed: u64,
    /// Attempts that were answered 5xx or not at all, and tried again.
    pub failed: u64,
    /// Requests refused for good (other 4xx).
    pub refused_requests: u64,
    pub refused_samples: u64,
    /// Requests dropped because more than the queue holds was due.
    pub missed_requests: u64,
    pub missed_samples: u64,
    /// Requests given up without an answer: their samples may be stored or not.
    pub unknown_requests: u64,
    pub unknown_samples: u64,
}

/// What happened in one stretch of time.
#[derive(Debug, Clone, Default)]
pub struct Stretch {
    pub counts: Counts,
    /// Of acknowledged requests, from when they were due.
    pub latency: LatencyHistogram,
}

/// Shared by all senders of a run.
#[derive(Debug, Default)]
pub struct Recorder {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    total: Stretch,
    interval: Stretch,
    texts: Vec<String>,
}

impl Recorder {
    /// An acknowledged request, `latency` after it was due.
    pub fn acked(&self, samples: u32, bytes: usize, latency: Duration) {
        let mut inner = self.inner.lock();
        let counts = &mut inner.interval.counts;
        counts.acked_requests += 1;
        counts.acked_samples += u64::from(samples);
        counts.acked_bytes += bytes as u64;
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        inner.interval.latency.record_us(micros);
    }

    pub fn missed(&self, samples: u32) {
        let mut inner = self.inner.lock();
        inner.interval.counts.missed_requests += 1;
        inner.interval.counts.missed_samples += u64::from(samples);
    }

    pub fn shed(&self) {
        self.inner.lock().interval.counts.shed += 1;
    }

    /// A failed attempt; `text` says why.
    pub fn failed(&self, text: &str) {
        let mut inner = self.inner.lock();
        inner.interval.counts.failed += 1;
        inner.keep_text(text);
    }

    /// Something a reader of the report should know.
    pub fn note(&self, text: &str) {
        self.inner.lock().keep_text(text);
    }

    pub fn refused(&self, samples: u32, text: &str) {
        let mut inner = self.inner.lock();
        inner.interval.counts.refused_requests += 1;
        inner.interval.counts.refused_samples += u64::from(samples);
        inner.keep_text(text);
    }

    pub fn unknown(&self, samples: u32) {
        let mut inner = self.inner.lock();
        inner.interval.counts.unknown_requests += 1;
        inner.interval.counts.unknown_samples += u64::from(samples);
    }

    /// Ends an interval and says what happened in it.
    pub fn cut(&self) -> Stretch {
        let mut inner = self.inner.lock();
        let interval = std::mem::take(&mut inner.interval);
        inner.total.add(&interval);
        interval
    }

    /// Everything until now, the running interval included.
    pub fn total(&self) -> Stretch {
        let inner = self.inner.lock();
        let mut total = inner.total.clone();
        total.add(&inner.interval);
        total
    }

    /// The first different texts of failed and refused requests.
    pub fn texts(&self) -> Vec<String> {
        self.inner.lock().texts.clone()
    }
}

impl Inner {
    fn keep_text(&mut self, text: &str) {
        if self.texts.len() < MAX_TEXTS && self.texts.iter().all(|known| known != text) {
            self.texts.push(text.to_owned());
        }
    }
}

impl Stretch {
    pub fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        self.latency.merge(&other.latency);
    }
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.acked_requests += other.acked_requests;
        self.acked_samples += other.acked_samples;
        self.acked_bytes += other.acked_bytes;
        self.shed += other.shed;
        self.failed += other.failed;
        self.refused_requests += other.refused_requests;
        self.refused_samples += other.refused_samples;
        self.missed_requests += other.missed_requests;
        self.missed_samples += other.missed_samples;
        self.unknown_requests += other.unknown_requests;
        self.unknown_samples += other.unknown_samples;
    }
}
