//! What a query holds, and whether it may hold more.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::EvalError;

use super::QueryContext;
use super::column::StepSeries;

/// Counts the samples and bytes a query holds, on all its threads.
#[derive(Debug)]
pub(crate) struct Memory {
    max_samples: u64,
    max_bytes: Option<u64>,
    samples: AtomicU64,
    bytes: AtomicU64,
    peak_samples: AtomicU64,
    peak_bytes: AtomicU64,
}

impl Memory {
    pub(crate) fn new(context: &QueryContext<'_>) -> Memory {
        Memory {
            max_samples: context.max_samples,
            max_bytes: context.max_bytes,
            samples: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            peak_samples: AtomicU64::new(0),
            peak_bytes: AtomicU64::new(0),
        }
    }

    /// A charge of nothing, to grow.
    pub(crate) fn empty_charge(&self) -> Charge<'_> {
        Charge {
            memory: self,
            samples: 0,
            bytes: 0,
        }
    }

    pub(crate) fn charge(&self, samples: u64, bytes: u64) -> Result<Charge<'_>, EvalError> {
        let mut charge = self.empty_charge();
        charge.grow(samples, bytes)?;
        Ok(charge)
    }

    /// Whether a column of this length could be held at all.
    pub(crate) fn check(&self, len: usize) -> Result<(), EvalError> {
        self.charge(len as u64, (len as u64).saturating_mul(8)).map(drop)
    }

    /// Ends what a charge left behind.
    pub(crate) fn give_back(&self, held: Held) {
        sub(&self.samples, held.samples);
        sub(&self.bytes, held.bytes);
    }

    pub(crate) fn peak_samples(&self) -> u64 {
        self.peak_samples.load(Ordering::Relaxed)
    }

    pub(crate) fn peak_bytes(&self) -> u64 {
        self.peak_bytes.load(Ordering::Relaxed)
    }
}

/// Held as long as what it stands for.
#[derive(Debug)]
pub(crate) struct Charge<'m> {
    memory: &'m Memory,
    samples: u64,
    bytes: u64,
}

/// What is charged without a guard, by those that cannot borrow the memory. Must be given back.
#[derive(Debug)]
pub(crate) struct Held {
    samples: u64,
    bytes: u64,
}

impl Charge<'_> {
    /// Leaves the charge as it is.
    pub(crate) fn into_held(self) -> Held {
        let held = Held {
            samples: self.samples,
            bytes: self.bytes,
        };
        std::mem::forget(self);
        held
    }

    /// Whether with the series it is no more than a sixteenth of what the query may hold.
    pub(crate) fn stays_small_with(&self, series: &StepSeries) -> bool {
        let limit_bytes = self.memory.max_bytes.unwrap_or(u64::MAX);
        let samples = self.samples + series.sample_count() as u64;
        let bytes = self.bytes + series_bytes(series);
        samples <= self.memory.max_samples / 16 && bytes <= limit_bytes / 16
    }

    /// Fails before the limit is passed; nothing is charged then.
    pub(crate) fn grow(&mut self, samples: u64, bytes: u64) -> Result<(), EvalError> {
        let memory = self.memory;
        let total_samples = add(&memory.samples, samples);
        if total_samples > memory.max_samples {
            sub(&memory.samples, samples);
            return Err(EvalError::TooManySamples);
        }
        let total_bytes = add(&memory.bytes, bytes);
        if let Some(limit_bytes) = memory.max_bytes.filter(|limit| total_bytes > *limit) {
            sub(&memory.samples, samples);
            sub(&memory.bytes, bytes);
            return Err(EvalError::TooManyBytes { limit_bytes });
        }
        memory.peak_samples.fetch_max(total_samples, Ordering::Relaxed);
        memory.peak_bytes.fetch_max(total_bytes, Ordering::Relaxed);
        self.samples += samples;
        self.bytes += bytes;
        Ok(())
    }

    /// Charges a series that is kept.
    pub(crate) fn grow_by_series(&mut self, series: &StepSeries) -> Result<(), EvalError> {
        self.grow(series.sample_count() as u64, series_bytes(series))
    }
}

impl Drop for Charge<'_> {
    fn drop(&mut self) {
        sub(&self.memory.samples, self.samples);
        sub(&self.memory.bytes, self.bytes);
    }
}

/// Saturates, as a subquery may ask for any number of steps. The sum of what is charged is far below.
fn add(counter: &AtomicU64, amount: u64) -> u64 {
    let total = |before: u64| before.saturating_add(amount);
    if amount > u64::MAX / 4 {
        return u64::MAX;
    }
    total(counter.fetch_add(amount, Ordering::Relaxed))
}

fn sub(counter: &AtomicU64, amount: u64) {
    if amount <= u64::MAX / 4 {
        counter.fetch_sub(amount, Ordering::Relaxed);
    }
}

/// A histogram's size is not looked up: its buckets are shared with the series it came from.
const HISTOGRAM_BYTES: usize = 256;

pub(crate) fn series_bytes(series: &StepSeries) -> u64 {
    let bytes = size_of::<StepSeries>()
        + series.labels.as_packed().len()
        + series.values.capacity() * size_of::<f64>()
        + series.histograms.len() * HISTOGRAM_BYTES;
    bytes as u64
}
