//! When the floats of a chunk began to count, where that is known: beside the chunk while it is open, before
//! its body once it is written. Chunks without start times have neither.

use vigie_model::{write_uvarint, write_varint};

use crate::codec::column;
use crate::frame::{self, Kind, take_uvarint, take_varint};
use crate::{ChunkError, MAX_CHUNK_SAMPLES, open, sealed};

/// The start times of an open chunk's samples, by their positions. Those of positions that nothing was said of
/// are not known, so a sample without a start time needs no call.
///
/// A counter has one start time for as long as it lives: 16 bytes for each that follows another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StartRuns {
    /// By ascending positions, which overlap nowhere.
    runs: Vec<StartRun>,
}

/// Samples one after the other with one start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StartRun {
    /// Position of the first.
    first: u16,
    /// At least 1.
    length: u16,
    /// Milliseconds since the Unix epoch; not 0, which says that it is not known.
    start_ms: i64,
}

impl StartRun {
    fn end(self) -> usize {
        usize::from(self.first) + usize::from(self.length)
    }
}

impl StartRuns {
    /// Whether no start time is known.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.runs.capacity() * size_of::<StartRun>()
    }

    /// Roughly the bytes they take in a chunk.
    pub fn encoded_bytes(&self) -> usize {
        self.runs.len() * 8
    }

    /// Notes the start time of the sample at `position`, which is after all that were noted before. 0 is not
    /// noted, nor a position that no chunk has.
    pub fn push(&mut self, position: usize, start_ms: i64) {
        let end = self.runs.last().map_or(0, |run| run.end());
        let Ok(first) = u16::try_from(position) else {
            return;
        };
        if start_ms == 0 || position < end || position >= MAX_CHUNK_SAMPLES {
            return;
        }
        match self.runs.last_mut() {
            Some(last) if position == end && last.start_ms == start_ms => last.length += 1,
            _ => {
                if self.runs.len() == self.runs.capacity() {
                    // By a half: there is one of these per series, and most never have a second run.
                    self.runs.reserve_exact(self.runs.len().div_ceil(2).max(1));
                }
                self.runs.push(StartRun {
                    first,
                    length: 1,
                    start_ms,
                });
            }
        }
    }

    /// Appends the section of an open chunk. There must be some.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut section = Vec::with_capacity(8 + self.encoded_bytes());
        write_uvarint(&mut section, self.runs.len() as u64);
        let (mut end, mut start_before) = (0, 0);
        for run in &self.runs {
            write_uvarint(&mut section, (usize::from(run.first) - end) as u64);
            write_uvarint(&mut section, u64::from(run.length));
            write_varint(&mut section, run.start_ms.wrapping_sub(start_before));
            (end, start_before) = (run.end(), run.start_ms);
        }
        write_section(out, &section);
    }

    /// Reads the section of an open chunk of `count` samples.
    pub(crate) fn read(mut input: &[u8], count: usize) -> Result<StartRuns, ChunkError> {
        let wrong = ChunkError::Inconsistent("runs of start times");
        let mut runs = Vec::new();
        let (mut end, mut start_ms) = (0usize, 0i64);
        for _ in 0..take_uvarint(&mut input)? {
            let mut take = || usize::try_from(take_uvarint(&mut input)?).map_err(|_| wrong);
            let (distance, length) = (take()?, take()?);
            let first = end.checked_add(distance).ok_or(wrong)?;
            end = first
                .checked_add(length)
                .filter(|end| *end <= count)
                .ok_or(wrong)?;
            start_ms = start_ms.wrapping_add(take_varint(&mut input)?);
            if length == 0 || start_ms == 0 {
                return Err(wrong);
            }
            runs.push(StartRun {
                first: u16::try_from(first).map_err(|_| wrong)?,
                length: u16::try_from(length).map_err(|_| wrong)?,
                start_ms,
            });
        }
        if runs.is_empty() || !input.is_empty() {
            return Err(wrong);
        }
        Ok(StartRuns { runs })
    }

    /// Appends those of `count` samples, 0 where they are not known.
    fn expand_into(&self, count: usize, starts_ms: &mut Vec<i64>) {
        let before = starts_ms.len();
        for run in &self.runs {
            starts_ms.resize(before + usize::from(run.first), 0);
            starts_ms.resize(before + run.end(), run.start_ms);
        }
        starts_ms.resize(before + count, 0);
    }
}

/// Appends the section of a sealed chunk. There must be at least one start time.
pub(crate) fn write_column(out: &mut Vec<u8>, starts_ms: &[i64]) {
    let numbers: Vec<u64> = starts_ms.iter().map(|start| start.cast_unsigned()).collect();
    let mut section = Vec::new();
    column::encode(&mut section, &numbers);
    write_section(out, &section);
}

fn write_section(out: &mut Vec<u8>, section: &[u8]) {
    write_uvarint(out, section.len() as u64);
    out.extend_from_slice(section);
}

/// Takes the section off the front of a body; what is left is the body of a chunk without start times.
pub(crate) fn take_section<'a>(body: &mut &'a [u8]) -> Result<&'a [u8], ChunkError> {
    let length = usize::try_from(take_uvarint(body)?).unwrap_or(usize::MAX);
    let (section, rest) = body.split_at_checked(length).ok_or(ChunkError::Truncated)?;
    *body = rest;
    Ok(section)
}

/// As [`crate::decode_into`], with the start times of the samples.
///
/// `starts_ms` is as long as `times_ms` or shorter: what is missing at its end is not known, so that it stays
/// empty as long as no chunk has start times. After an error all three are as they were.
pub fn decode_with_starts_into(
    bytes: &[u8],
    times_ms: &mut Vec<i64>,
    values: &mut Vec<f64>,
    starts_ms: &mut Vec<i64>,
) -> Result<(), ChunkError> {
    let (kind, mut body) = frame::open_frame(bytes)?;
    let before = (times_ms.len(), values.len(), starts_ms.len());
    let decoded = match kind {
        Kind::Open => open::decode_body(body, times_ms, values),
        Kind::Sealed => sealed::decode_body(body, times_ms, values),
        Kind::OpenWithStarts | Kind::SealedWithStarts => take_section(&mut body).and_then(|section| {
            let is_open = kind == Kind::OpenWithStarts;
            if is_open {
                open::decode_body(body, times_ms, values)?;
            } else {
                sealed::decode_body(body, times_ms, values)?;
            }
            let count = times_ms.len() - before.0;
            starts_ms.resize(before.0, 0);
            if is_open {
                StartRuns::read(section, count)?.expand_into(count, starts_ms);
                return Ok(());
            }
            read_column(section, count, starts_ms)
        }),
        Kind::OpenHistograms | Kind::SealedHistograms => {
            Err(ChunkError::Inconsistent("not a chunk of floats"))
        }
    };
    if decoded.is_err() {
        times_ms.truncate(before.0);
        values.truncate(before.1);
        starts_ms.truncate(before.2);
    }
    decoded
}

/// Appends the `count` start times of a sealed chunk.
fn read_column(mut section: &[u8], count: usize, starts_ms: &mut Vec<i64>) -> Result<(), ChunkError> {
    let mut numbers = Vec::new();
    column::decode(&mut section, count, &mut numbers)?;
    if !section.is_empty() {
        return Err(ChunkError::Inconsistent("bytes after the start times"));
    }
    starts_ms.extend(numbers.iter().map(|number| number.cast_signed()));
    Ok(())
}
