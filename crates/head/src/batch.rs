//! The entries of a shard's log: sample batches, built by the distributor and stored unchanged, and
//! the retention command. docs/formats/sample-batch.md describes them byte by byte.

mod decode;
mod encode;
mod error;
mod exemplars;
mod header;
mod histograms;
mod rows;
mod starts;

pub use encode::{BatchEncoder, DeclaredIndex, HistogramRecord, TenantIndex};
pub use error::CorruptEntry;
pub use exemplars::ExemplarSeries;
pub(crate) use exemplars::ExemplarView;
pub use header::{HEADER_BYTES, Stamp, encode_retain, stamp};
pub(crate) use header::{MAX_EXEMPLARS_AT, ROW_COUNT_AT};

pub(crate) use decode::{BatchView, Entry, take_metadata, take_str};
pub(crate) use encode::{write_bytes, write_metadata};
pub(crate) use histograms::HistogramRow;
pub(crate) use rows::Rows;
#[cfg(test)]
pub(crate) use starts::StartRun;

/// Checks an entry as [`crate::Head::apply`] will, without a head. What passes here cannot be refused by
/// `apply`, so a leader proposes nothing that has not passed. Gives the number of rows.
pub fn verify(entry: &[u8]) -> Result<usize, CorruptEntry> {
    match Entry::parse(entry)? {
        Entry::Batch(view) => {
            let mut rows = Rows::default();
            view.rows_into(&mut rows)?;
            let mut histograms = rows.histograms.iter();
            match histograms.find(|row| row.histogram.to_any().validate().is_err()) {
                Some(invalid) => Err(CorruptEntry::InvalidHistogram(invalid.row)),
                None => Ok(view.row_count),
            }
        }
        Entry::Retain { .. } => Ok(0),
    }
}

/// Section identifiers of a batch's body.
mod section {
    pub(super) const TENANTS: u8 = 1;
    pub(super) const DECLARED: u8 = 2;
    pub(super) const METADATA: u8 = 3;
    pub(super) const ROW_KINDS: u8 = 4;
    pub(super) const KNOWN_IDS: u8 = 5;
    pub(super) const DECLARED_INDEXES: u8 = 6;
    pub(super) const TIMES: u8 = 7;
    pub(super) const FLOATS: u8 = 8;
    /// Rows whose value is a native histogram; in the column of floats they have 0.
    pub(super) const HISTOGRAMS: u8 = 9;
    pub(super) const EXEMPLARS: u8 = 10;
    /// When floats began to count.
    pub(super) const STARTS: u8 = 11;
}

#[cfg(test)]
mod tests;
