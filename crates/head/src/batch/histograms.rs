//! The column of rows whose value is a native histogram.

use vigie_chunk::FlatHistogram;
use vigie_model::{read_uvarint, read_varint, write_uvarint, write_varint};

use super::CorruptEntry;

/// A row whose value is a histogram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HistogramRow {
    /// Its number in the batch.
    pub(crate) row: u32,
    /// When the histogram began to count; 0 if that is not known.
    pub(crate) start_ms: i64,
    pub(crate) histogram: FlatHistogram,
}

/// Collects section 9.
#[derive(Debug, Default)]
pub(super) struct HistogramColumn {
    pub(super) records: Vec<u8>,
    pub(super) count: u32,
    last_row: u32,
}

impl HistogramColumn {
    /// `record` as [`FlatHistogram::write`] writes it.
    pub(super) fn push(&mut self, row: u32, start_ms: i64, record: &[u8]) {
        write_uvarint(&mut self.records, u64::from(row - self.last_row));
        write_varint(&mut self.records, start_ms);
        self.records.extend_from_slice(record);
        self.last_row = row;
        self.count += 1;
    }
}

/// Reads section 9. Rows ascend strictly and are among the batch's.
pub(super) fn read(
    mut input: &[u8],
    row_count: usize,
    rows: &mut Vec<HistogramRow>,
) -> Result<(), CorruptEntry> {
    rows.clear();
    if input.is_empty() {
        return Ok(());
    }
    let wrong = CorruptEntry::Inconsistent("row of a histogram");
    let mut last: Option<u32> = None;
    for _ in 0..read_uvarint(&mut input).ok_or(CorruptEntry::Truncated)? {
        let distance = read_uvarint(&mut input).ok_or(CorruptEntry::Truncated)?;
        let distance = u32::try_from(distance).map_err(|_| wrong)?;
        let row = match last {
            Some(_) if distance == 0 => return Err(wrong),
            Some(last) => last.checked_add(distance).ok_or(wrong)?,
            None => distance,
        };
        if row as usize >= row_count {
            return Err(wrong);
        }
        last = Some(row);
        rows.push(HistogramRow {
            row,
            start_ms: read_varint(&mut input).ok_or(CorruptEntry::Truncated)?,
            histogram: FlatHistogram::read(&mut input).map_err(CorruptEntry::Histogram)?,
        });
    }
    if input.is_empty() {
        Ok(())
    } else {
        Err(CorruptEntry::Inconsistent("bytes after the last histogram"))
    }
}
