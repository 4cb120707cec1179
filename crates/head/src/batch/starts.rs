//! The column that says when floats began to count.

use std::ops::Range;

use vigie_model::{read_uvarint, read_varint, write_uvarint, write_varint};

use super::CorruptEntry;

/// Rows one after the other whose floats began to count at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StartRun {
    pub(crate) rows: Range<usize>,
    /// Not 0.
    pub(crate) start_ms: i64,
}

/// Collects section 11.
#[derive(Debug, Default)]
pub(super) struct StartColumn {
    /// All runs but the last, encoded.
    runs: Vec<u8>,
    /// How many those are.
    count: u32,
    /// Where the last of `runs` ends, and its start.
    before: (usize, i64),
    last: Option<StartRun>,
}

impl StartColumn {
    /// Notes the start of a row. 0 is not noted, nor what is said of a row that is not behind those noted before.
    pub(super) fn push(&mut self, row: usize, start_ms: i64) {
        if start_ms == 0 {
            return;
        }
        match &mut self.last {
            Some(run) if row < run.rows.end => {}
            Some(run) if run.rows.end == row && run.start_ms == start_ms => run.rows.end += 1,
            last => {
                let run = last.replace(StartRun {
                    rows: row..row + 1,
                    start_ms,
                });
                self.close(run);
            }
        }
    }

    fn close(&mut self, run: Option<StartRun>) {
        if let Some(StartRun { rows, start_ms }) = run {
            let (end_before, start_before) = self.before;
            write_uvarint(&mut self.runs, (rows.start - end_before) as u64);
            write_uvarint(&mut self.runs, rows.len() as u64);
            write_varint(&mut self.runs, start_ms.wrapping_sub(start_before));
            self.before = (rows.end, start_ms);
            self.count += 1;
        }
    }

    /// Bytes so far, a run that may grow aside.
    pub(super) fn len_bytes(&self) -> usize {
        self.runs.len()
    }

    /// How many runs there are, and all of them encoded.
    pub(super) fn finish(&mut self) -> (u32, &[u8]) {
        let last = self.last.take();
        self.close(last);
        (self.count, &self.runs)
    }
}

/// Reads section 11. Runs ascend, and end within the batch's rows.
pub(super) fn read(
    mut input: &[u8],
    row_count: usize,
    starts: &mut Vec<StartRun>,
) -> Result<(), CorruptEntry> {
    starts.clear();
    if input.is_empty() {
        return Ok(());
    }
    let wrong = CorruptEntry::Inconsistent("runs of start times");
    let (mut end, mut start_ms) = (0usize, 0i64);
    for _ in 0..read_uvarint(&mut input).ok_or(CorruptEntry::Truncated)? {
        let mut take = || {
            let number = read_uvarint(&mut input).ok_or(CorruptEntry::Truncated)?;
            usize::try_from(number).map_err(|_| wrong)
        };
        let (distance, length) = (take()?, take()?);
        let first = end.checked_add(distance).ok_or(wrong)?;
        end = first
            .checked_add(length)
            .filter(|end| *end <= row_count)
            .ok_or(wrong)?;
        start_ms = start_ms.wrapping_add(read_varint(&mut input).ok_or(CorruptEntry::Truncated)?);
        if length == 0 || start_ms == 0 {
            return Err(wrong);
        }
        starts.push(StartRun {
            rows: first..end,
            start_ms,
        });
    }
    if input.is_empty() {
        Ok(())
    } else {
        Err(CorruptEntry::Inconsistent("bytes after the last start time"))
    }
}
