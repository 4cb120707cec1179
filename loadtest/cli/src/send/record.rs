//! What senders count, shared between them and the clock that cuts the run into intervals.

use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;

/// Microseconds; longer ones are counted as this.
const MAX_LATENCY_US: u64 = 600_000_000;
/// Three digits keep a percentile within 0.1 %.
const SIGNIFICANT_DIGITS: u8 = 3;
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
#[derive(Debug, Clone)]
pub struct Stretch {
    pub counts: Counts,
    pub latency: Latency,
}

/// Percentiles of acknowledged requests in milliseconds; zero where there were none.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Latency {
    pub requests: u64,
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    pub max_ms: f64,
}

/// Shared by all senders of a run.
#[derive(Debug)]
pub struct Recorder {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    total: Counts,
    total_latency: Histogram<u64>,
    interval: Counts,
    interval_latency: Histogram<u64>,
    texts: Vec<String>,
}

impl Recorder {
    pub fn new() -> Result<Self, hdrhistogram::CreationError> {
        let histogram = || Histogram::new_with_bounds(1, MAX_LATENCY_US, SIGNIFICANT_DIGITS);
        Ok(Self {
            inner: Mutex::new(Inner {
                total: Counts::default(),
                total_latency: histogram()?,
                interval: Counts::default(),
                interval_latency: histogram()?,
                texts: Vec::new(),
            }),
        })
    }

    /// An acknowledged request, `latency` after it was due.
    pub fn acked(&self, samples: u32, bytes: usize, latency: Duration) {
        let micros = u64::try_from(latency.as_micros())
            .unwrap_or(u64::MAX)
            .clamp(1, MAX_LATENCY_US);
        let mut inner = self.inner.lock();
        inner.interval.acked_requests += 1;
        inner.interval.acked_samples += u64::from(samples);
        inner.interval.acked_bytes += bytes as u64;
        inner.interval_latency.saturating_record(micros);
    }

    pub fn missed(&self, samples: u32) {
        let mut inner = self.inner.lock();
        inner.interval.missed_requests += 1;
        inner.interval.missed_samples += u64::from(samples);
    }

    pub fn shed(&self) {
        self.inner.lock().interval.shed += 1;
    }

    /// A failed attempt; `text` says why.
    pub fn failed(&self, text: &str) {
        let mut inner = self.inner.lock();
        inner.interval.failed += 1;
        inner.keep_text(text);
    }

    /// Something a reader of the report should know.
    pub fn note(&self, text: &str) {
        self.inner.lock().keep_text(text);
    }

    pub fn refused(&self, samples: u32, text: &str) {
        let mut inner = self.inner.lock();
        inner.interval.refused_requests += 1;
        inner.interval.refused_samples += u64::from(samples);
        inner.keep_text(text);
    }

    pub fn unknown(&self, samples: u32) {
        let mut inner = self.inner.lock();
        inner.interval.unknown_requests += 1;
        inner.interval.unknown_samples += u64::from(samples);
    }

    /// Ends an interval and says what happened in it.
    pub fn cut(&self) -> Stretch {
        let mut inner = self.inner.lock();
        let inner = &mut *inner;
        let counts = std::mem::take(&mut inner.interval);
        let latency = percentiles(&inner.interval_latency);
        // Both histograms have the same bounds, so this cannot be refused.
        let _ = inner.total_latency.add(&inner.interval_latency);
        inner.interval_latency.reset();
        inner.total.add(&counts);
        Stretch { counts, latency }
    }

    /// Everything until now, the running interval included.
    pub fn total(&self) -> Stretch {
        let inner = self.inner.lock();
        let mut counts = inner.total;
        counts.add(&inner.interval);
        let mut latency = inner.total_latency.clone();
        let _ = latency.add(&inner.interval_latency);
        Stretch {
            counts,
            latency: percentiles(&latency),
        }
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

impl Counts {
    pub fn add(&mut self, other: &Self) {
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

/// Percentiles of a histogram of microseconds.
pub fn percentiles(histogram: &Histogram<u64>) -> Latency {
    let at = |quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1000.0;
    Latency {
        requests: histogram.len(),
        p50_ms: at(0.5),
        p90_ms: at(0.9),
        p99_ms: at(0.99),
        p999_ms: at(0.999),
        max_ms: histogram.max() as f64 / 1000.0,
    }
}
