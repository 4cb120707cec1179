//! The plan with what each part of it cost.

/// A part of a plan as it was evaluated.
///
/// Times are of the evaluation's own thread, in nanoseconds of the caller's clock: what helper threads compute
/// meanwhile shows where the evaluation's thread waits for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Explained {
    /// What it does, for people: `select up{job="node"}`, `sum by (mode)`.
    pub operation: String,
    /// Its parts included, what takes its series excluded.
    pub took_ns: u64,
    /// What of it is its own.
    pub own_ns: u64,
    /// Series it handed on.
    pub series: u64,
    /// Their samples; a histogram counts as its size.
    pub samples: u64,
    /// Their columns and labels in memory. They pass one after the other, so this is no peak.
    pub bytes: u64,
    /// What it took from the source.
    pub read: Option<ReadCost>,
    pub parts: Vec<Explained>,
}

/// Samples that came from a source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadCost {
    pub series: u64,
    pub samples: u64,
    /// Decoded, with labels.
    pub bytes: u64,
}
