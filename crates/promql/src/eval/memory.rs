//! What a query holds, and whether it may hold more.

use std::cell::Cell;

use crate::EvalError;

use super::QueryContext;
use super::column::StepSeries;

/// Counts the samples and bytes a query holds. Not for sharing between threads.
#[derive(Debug)]
pub(crate) struct Memory {
    max_samples: u64,
    max_bytes: Option<u64>,
    samples: Cell<u64>,
    bytes: Cell<u64>,
    peak_samples: Cell<u64>,
    peak_bytes: Cell<u64>,
}

impl Memory {
    pub(crate) fn new(context: &QueryContext<'_>) -> Memory {
        Memory {
            max_samples: context.max_samples,
            max_bytes: context.max_bytes,
            samples: Cell::new(0),
            bytes: Cell::new(0),
            peak_samples: Cell::new(0),
            peak_bytes: Cell::new(0),
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

    pub(crate) fn peak_samples(&self) -> u64 {
        self.peak_samples.get()
    }

    pub(crate) fn peak_bytes(&self) -> u64 {
        self.peak_bytes.get()
    }
}

/// Held as long as what it stands for.
#[derive(Debug)]
pub(crate) struct Charge<'m> {
    memory: &'m Memory,
    samples: u64,
    bytes: u64,
}

impl Charge<'_> {
    /// Fails before the limit is passed; nothing is charged then.
    pub(crate) fn grow(&mut self, samples: u64, bytes: u64) -> Result<(), EvalError> {
        let memory = self.memory;
        let total_samples = memory.samples.get().saturating_add(samples);
        let total_bytes = memory.bytes.get().saturating_add(bytes);
        if total_samples > memory.max_samples {
            return Err(EvalError::TooManySamples);
        }
        if let Some(limit_bytes) = memory.max_bytes.filter(|limit| total_bytes > *limit) {
            return Err(EvalError::TooManyBytes { limit_bytes });
        }
        memory.samples.set(total_samples);
        memory.bytes.set(total_bytes);
        memory
            .peak_samples
            .set(memory.peak_samples.get().max(total_samples));
        memory.peak_bytes.set(memory.peak_bytes.get().max(total_bytes));
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
        let memory = self.memory;
        memory
            .samples
            .set(memory.samples.get().saturating_sub(self.samples));
        memory.bytes.set(memory.bytes.get().saturating_sub(self.bytes));
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
