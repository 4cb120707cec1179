//! When floats began to count, beside the series: those that do not say so pay nothing for it.
//!
//! The floats themselves are where all floats are. Of the open chunk, start times are known by the position of
//! the sample, of late samples by its time; they are written into the chunk that the samples are written into.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use vigie_chunk::{OpenChunk, StartRuns};
use vigie_model::{read_uvarint, read_varint, write_uvarint, write_varint};

use crate::RowError;
use crate::admission::TimeBounds;
use crate::apply::Target;

/// By series id; only those of which a start time is known in memory.
pub(crate) type StartTable = HashMap<u32, SeriesStarts>;

/// Start times of one series' floats that are not sealed. Some are known.
#[derive(Debug, Clone, Default)]
pub(crate) struct SeriesStarts {
    /// Of the open chunk.
    pub(crate) open: StartRuns,
    /// Of the late samples, by their times. Boxed, as hardly any series has some.
    late: Option<Box<LateStarts>>,
}

/// Start times by the times of samples.
pub(crate) type LateStarts = BTreeMap<i64, i64>;

impl SeriesStarts {
    pub(crate) fn is_unused(&self) -> bool {
        self.open.is_empty() && self.late.is_none()
    }

    pub(crate) fn late(&self) -> Option<&LateStarts> {
        self.late.as_deref()
    }

    /// Forgets those of late samples before `cutoff_ms`.
    pub(crate) fn trim(&mut self, cutoff_ms: i64) {
        if let Some(late) = &mut self.late {
            **late = late.split_off(&cutoff_ms);
            if late.is_empty() {
                self.late = None;
            }
        }
    }

    /// Approximate bytes on the heap, this included.
    pub(crate) fn heap_bytes(&self) -> usize {
        let late = self.late.as_ref().map_or(0, |late| {
            size_of::<LateStarts>() + late.len() * size_of::<(i64, i64)>()
        });
        size_of::<(u32, SeriesStarts)>() + self.open.heap_bytes() + late
    }

    /// Roughly the bytes in a checkpoint.
    pub(crate) fn record_bytes(&self) -> usize {
        8 + self.open.encoded_bytes() + self.late.as_ref().map_or(0, |late| late.len() * 12)
    }

    /// Those of late samples. Those of the open chunk are written with it.
    pub(crate) fn write_late(&self, out: &mut Vec<u8>) {
        let late = self.late().into_iter().flatten();
        write_uvarint(out, late.clone().count() as u64);
        let mut previous = 0;
        for (time_ms, start_ms) in late {
            write_varint(out, time_ms.wrapping_sub(previous));
            write_varint(out, *start_ms);
            previous = *time_ms;
        }
    }

    /// Reads what [`SeriesStarts::write_late`] wrote.
    pub(crate) fn read_late(input: &mut &[u8]) -> Option<SeriesStarts> {
        let mut late = LateStarts::new();
        let mut time_ms = 0i64;
        for _ in 0..read_uvarint(input)? {
            time_ms = time_ms.wrapping_add(read_varint(input)?);
            late.insert(time_ms, read_varint(input)?);
        }
        Some(SeriesStarts {
            open: StartRuns::default(),
            late: (!late.is_empty()).then(|| Box::new(late)),
        })
    }
}

/// A chunk of sorted samples, at most as many as a chunk holds, with those start times that are known.
pub(crate) fn chunk_of(samples: &[(i64, u64)], starts: Option<&LateStarts>) -> Vec<u8> {
    let mut chunk = OpenChunk::new();
    let mut runs = StartRuns::default();
    for (position, (time_ms, bits)) in samples.iter().enumerate() {
        // Times ascend strictly and the count is bounded, so nothing is refused.
        let appended = chunk.append(*time_ms, f64::from_bits(*bits));
        debug_assert!(appended.is_ok());
        if let Some(start_ms) = starts.and_then(|starts| starts.get(time_ms)) {
            runs.push(position, *start_ms);
        }
    }
    with_starts(&chunk, Some(&runs))
}

/// An open chunk in bytes.
pub(crate) fn with_starts(chunk: &OpenChunk, starts: Option<&StartRuns>) -> Vec<u8> {
    let none = StartRuns::default();
    let starts = starts.unwrap_or(&none);
    let mut bytes = Vec::with_capacity(40 + chunk.stream_bytes() + starts.encoded_bytes());
    chunk.write_with_starts(starts, &mut bytes);
    bytes
}

impl Target<'_> {
    /// Takes a float that began to count at [`Target::start_ms`]; false if it is here already.
    #[inline]
    pub(crate) fn append_started(
        &mut self,
        bounds: &TimeBounds,
        time_ms: i64,
        value: f64,
    ) -> Result<bool, RowError> {
        let is_new = self.append(bounds, time_ms, value)?;
        // What came late is noted with the late samples. What ends histograms is a histogram, not a float.
        if is_new && self.series.open.last_time_ms() == Some(time_ms) {
            let position = self.series.open.len() - 1;
            self.starts
                .entry(self.id)
                .or_default()
                .open
                .push(position, self.start_ms);
        }
        Ok(is_new)
    }

    /// Notes the start of a late sample that was taken.
    pub(crate) fn note_late_start(&mut self, time_ms: i64) {
        if self.start_ms != 0 {
            let starts = self.starts.entry(self.id).or_default();
            starts.late.get_or_insert_default().insert(time_ms, self.start_ms);
        }
    }

    /// Takes out what is known of the open chunk.
    pub(crate) fn take_open_starts(&mut self) -> Option<StartRuns> {
        self.take_starts(|starts| std::mem::take(&mut starts.open))
    }

    /// Takes out what is known of late samples.
    pub(crate) fn take_late_starts(&mut self) -> Option<Box<LateStarts>> {
        self.take_starts(|starts| starts.late.take()).flatten()
    }

    fn take_starts<T>(&mut self, take: impl FnOnce(&mut SeriesStarts) -> T) -> Option<T> {
        // Of no series in most shards: this is asked for every chunk that is sealed.
        if self.starts.is_empty() {
            return None;
        }
        let starts = self.starts.get_mut(&self.id)?;
        let taken = take(starts);
        if starts.is_unused() {
            self.starts.remove(&self.id);
        }
        Some(taken)
    }
}
