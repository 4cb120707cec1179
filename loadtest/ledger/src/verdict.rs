use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

/// A way in which what was read differs from what must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Acknowledged and not there.
    Missing,
    /// Read more than once at one time, or both of an HA pair.
    Duplicated,
    /// There, with other bits than were sent.
    WrongValue,
    /// A series nobody may have stored.
    UnexpectedSeries,
    /// A sample nobody may have stored, in a series that is known.
    UnexpectedSample,
    /// The system's own count differs from what it gave to read.
    OtherTotals,
}

impl Fault {
    pub const ALL: [Self; 6] = [
        Self::Missing,
        Self::Duplicated,
        Self::WrongValue,
        Self::UnexpectedSeries,
        Self::UnexpectedSample,
        Self::OtherTotals,
    ];

    /// The fault in words, for counts.
    pub fn words(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Duplicated => "duplicated",
            Self::WrongValue => "with a wrong value",
            Self::UnexpectedSeries => "unexpected series",
            Self::UnexpectedSample => "unexpected samples",
            Self::OtherTotals => "totals that differ",
        }
    }
}

/// Where exactly a fault is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    pub fault: Fault,
    /// The series, as in PromQL; empty if the fault is of no one series.
    pub series: String,
    /// Absent if the fault is of no one sample.
    pub time_ms: Option<i64>,
    /// What was sent and what was read.
    pub what: String,
}

/// Requests by their fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FateCounts {
    pub acked: u64,
    pub refused: u64,
    pub unknown: u64,
    pub not_sent: u64,
}

/// What the comparison of the ledger with the system found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Verdict {
    pub requests: FateCounts,
    /// Distinct series with at least one sample that must be there.
    pub series_expected: u64,
    /// Distinct samples that must be there, those of HA pairs and hidden staleness markers not counted.
    pub samples_expected: u64,
    pub series_read: u64,
    pub samples_read: u64,
    /// Read samples with exactly the bits that were sent.
    pub samples_exact: u64,
    /// Read samples of which only NaN was compared, because the reader does not show a NaN's bits.
    pub samples_only_nan: u64,
    /// Acknowledged staleness markers that the reader cannot show; they did not show as samples.
    pub stale_markers_hidden: u64,
    /// Samples that may be there (unknown or partly refused requests), by whether they were.
    pub optional_found: u64,
    pub optional_absent: u64,
    /// Series of HA pairs, per pair of requests, of which exactly one side was found.
    pub pairs_proven: u64,
    /// The same where only one side was acknowledged and nothing was found, which an HA tracker may do rightly.
    pub pairs_unproven: u64,
    /// Counts of faults; those that did not occur are absent.
    pub faults: BTreeMap<Fault, u64>,
    /// The first of each fault.
    pub examples: Vec<Example>,
    /// What limits the proof, such as a journal that was not closed.
    pub remarks: Vec<String>,
}

impl Verdict {
    /// Whether no fault was found. That proves little if nothing was expected; the counts say how much was.
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    pub fn count(&self, fault: Fault) -> u64 {
        self.faults.get(&fault).copied().unwrap_or(0)
    }

    /// Counts a fault, and keeps it as an example while there are fewer than `limit` of its kind.
    pub(crate) fn fault(&mut self, limit: usize, fault: Fault, example: impl FnOnce() -> Example) {
        let count = self.faults.entry(fault).or_default();
        *count += 1;
        if *count <= limit as u64 {
            self.examples.push(example());
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requests = &self.requests;
        writeln!(
            f,
            "requests: {} acknowledged, {} refused, {} unknown, {} not sent",
            requests.acked, requests.refused, requests.unknown, requests.not_sent
        )?;
        writeln!(
            f,
            "expected: {} series, {} samples; read: {} series, {} samples, of them {} exact and {} only NaN",
            self.series_expected,
            self.samples_expected,
            self.series_read,
            self.samples_read,
            self.samples_exact,
            self.samples_only_nan
        )?;
        writeln!(
            f,
            "optional: {} found, {} absent; hidden staleness markers: {}; HA pairs: {} proven, {} unproven",
            self.optional_found,
            self.optional_absent,
            self.stale_markers_hidden,
            self.pairs_proven,
            self.pairs_unproven
        )?;
        if self.is_clean() {
            writeln!(f, "no fault found")?;
        }
        for (fault, count) in &self.faults {
            writeln!(f, "{count} {}", fault.words())?;
        }
        for example in &self.examples {
            let time = example
                .time_ms
                .map_or(String::new(), |time_ms| format!(" at {time_ms} ms"));
            writeln!(f, "  {}{time}: {}", example.series, example.what)?;
        }
        for remark in &self.remarks {
            writeln!(f, "remark: {remark}")?;
        }
        Ok(())
    }
}
