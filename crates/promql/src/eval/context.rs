//! What the caller allows an evaluation, and what it gets.

use crate::{Annotations, QueryValue};

/// Why the caller stops an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// Its deadline passed.
    Timeout,
    /// Nobody waits for the answer any more.
    Canceled,
}

/// Limits of one evaluation.
#[derive(Clone, Copy)]
pub struct QueryContext<'a> {
    /// Samples held at a time: those of collected series, and those of the series being read.
    pub max_samples: u64,
    /// Bytes held at a time, or no limit.
    pub max_bytes: Option<u64>,
    /// Asked for each batch of series and at least every few milliseconds of work, by each thread. The
    /// crate has no clock.
    pub interrupted: &'a (dyn Fn() -> Option<Interrupt> + Sync),
    /// How many threads decode series and compute windows, the calling one among them. The answer is the same to the last
    /// bit whatever their number.
    pub threads: usize,
}

impl QueryContext<'_> {
    /// Prometheus's default limit of 50 million samples, and no other.
    pub fn unlimited() -> QueryContext<'static> {
        QueryContext {
            max_samples: 50_000_000,
            max_bytes: None,
            interrupted: &|| None,
            threads: 1,
        }
    }
}

impl std::fmt::Debug for QueryContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QueryContext")
            .field("max_samples", &self.max_samples)
            .field("max_bytes", &self.max_bytes)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

/// The outcome of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub value: QueryValue,
    pub annotations: Annotations,
    pub stats: QueryStats,
}

/// What an evaluation cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueryStats {
    /// Samples the source handed over, whether used or not; those of an expression that stands in the query twice count
    /// twice, although they are read once.
    pub samples_read: u64,
    /// Most samples held at a time.
    pub peak_samples: u64,
    /// Most bytes held at a time.
    pub peak_bytes: u64,
}
