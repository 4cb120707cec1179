//! A batch's columns, unpacked.

use vigie_model::{read_uvarint, read_varint};

use super::starts::StartRun;
use super::{CorruptEntry, HistogramRow};

/// The rows of one batch. Reused from batch to batch, so that nothing is allocated per batch.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// Series ids; where the row is in `declared_rows`, positions in the batch's declared series.
    pub(crate) ids: Vec<u32>,
    pub(crate) times_ms: Vec<i64>,
    pub(crate) values: Vec<f64>,
    /// Ranges of rows whose series is declared.
    pub(crate) declared_rows: Vec<std::ops::Range<usize>>,
    /// The rows whose value is a histogram, ascending; `values` has 0 for them.
    pub(crate) histograms: Vec<HistogramRow>,
    /// The rows of floats that say when they began to count, ascending.
    pub(crate) starts: Vec<StartRun>,
}

impl Rows {
    pub(super) fn clear(&mut self) {
        self.ids.clear();
        self.times_ms.clear();
        self.values.clear();
        self.declared_rows.clear();
        self.histograms.clear();
        self.starts.clear();
    }

    /// Reads the alternating runs, and makes room for the ids.
    pub(super) fn read_kinds(&mut self, mut input: &[u8], row_count: usize) -> Result<(), CorruptEntry> {
        let (mut row, mut is_declared) = (0usize, false);
        while !input.is_empty() {
            let run = read_uvarint(&mut input).ok_or(CorruptEntry::Truncated)?;
            let end = usize::try_from(run)
                .ok()
                .and_then(|run| row.checked_add(run))
                .filter(|&end| end <= row_count)
                .ok_or(CorruptEntry::Inconsistent("row kinds"))?;
            if is_declared {
                self.declared_rows.push(row..end);
            }
            row = end;
            is_declared = !is_declared;
        }
        if row != row_count {
            return Err(CorruptEntry::Inconsistent("row kinds"));
        }
        self.ids.resize(row_count, 0);
        Ok(())
    }

    pub(super) fn read_known(&mut self, mut input: &[u8]) -> Result<(), CorruptEntry> {
        let (mut row, mut last) = (0, 0i64);
        let row_count = self.ids.len();
        for end in self.declared_rows.iter().map(Some).chain([None]) {
            let (known_end, next) = end.map_or((row_count, row_count), |range| (range.start, range.end));
            for id in &mut self.ids[row..known_end] {
                let difference = read_varint(&mut input).ok_or(CorruptEntry::Truncated)?;
                last = last.wrapping_add(difference);
                *id = u32::try_from(last).map_err(|_| CorruptEntry::Inconsistent("series id"))?;
            }
            row = next;
        }
        expect_end(input)
    }

    pub(super) fn read_declared(&mut self, mut input: &[u8], declared: usize) -> Result<(), CorruptEntry> {
        let mut last = 0i64;
        for range in &self.declared_rows {
            for id in &mut self.ids[range.clone()] {
                let difference = read_varint(&mut input).ok_or(CorruptEntry::Truncated)?;
                last = last.wrapping_add(difference);
                *id = u32::try_from(last)
                    .ok()
                    .filter(|&index| (index as usize) < declared)
                    .ok_or(CorruptEntry::Inconsistent("declared index"))?;
            }
        }
        expect_end(input)
    }

    pub(super) fn read_times(&mut self, mut input: &[u8]) -> Result<(), CorruptEntry> {
        let mut time = 0i64;
        self.times_ms.reserve(self.ids.len());
        for _ in 0..self.ids.len() {
            let difference = read_varint(&mut input).ok_or(CorruptEntry::Truncated)?;
            time = time.wrapping_add(difference);
            self.times_ms.push(time);
        }
        expect_end(input)
    }

    pub(super) fn read_floats(&mut self, input: &[u8]) {
        let (words, _) = input.as_chunks::<8>();
        self.values
            .extend(words.iter().map(|word| f64::from_le_bytes(*word)));
    }
}

fn expect_end(input: &[u8]) -> Result<(), CorruptEntry> {
    if input.is_empty() {
        Ok(())
    } else {
        Err(CorruptEntry::Inconsistent("column is longer than its rows"))
    }
}
