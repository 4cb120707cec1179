//! Native histograms of a shard, beside the series: those that have none pay nothing for them.
//!
//! The newest samples of a series are floats or histograms. When the other kind follows, the open chunk
//! is sealed; so one of the two open chunks is empty, and the order of both kinds is that of their times.

use std::collections::HashMap;

use bytes::Bytes;
use vigie_chunk::{ChunkError, HistogramSample, OpenHistogramChunk};

use crate::RowError;
use crate::admission::TimeBounds;
use crate::apply::{MAX_LATE_SAMPLES, Target};

/// An open chunk of histograms may be this many times as large as one of floats: a histogram takes as many
/// bytes as it has buckets.
const BYTES_FACTOR: usize = 16;

/// By series id; only those that have histograms in memory that are not sealed.
pub(crate) type HistogramTable = HashMap<u32, SeriesHistograms>;

/// Histograms of one series that are not sealed.
#[derive(Debug, Clone, Default)]
pub(crate) struct SeriesHistograms {
    /// The newest samples of the series, unless those are floats.
    pub(crate) open: OpenHistogramChunk,
    /// Sorted by time; older than the newest sample.
    pub(crate) late: Vec<HistogramSample>,
}

impl SeriesHistograms {
    pub(crate) fn is_unused(&self) -> bool {
        self.open.is_empty() && self.late.is_empty()
    }

    /// The late ones from `start_ms` to `end_ms`, both inclusive, as a chunk.
    pub(crate) fn late_chunk(&self, start_ms: i64, end_ms: i64) -> Option<OpenHistogramChunk> {
        let from = self.late.partition_point(|sample| sample.time_ms < start_ms);
        let to = self.late.partition_point(|sample| sample.time_ms <= end_ms);
        (from < to).then(|| chunk_of(&self.late[from..to]))
    }

    /// Chunks with samples from `start_ms` to `end_ms`, both inclusive.
    pub(crate) fn chunks(&self, start_ms: i64, end_ms: i64, chunks: &mut Vec<Bytes>) {
        if let Some(late) = self.late_chunk(start_ms, end_ms) {
            chunks.push(Bytes::from(late.to_bytes()));
        }
        if let (Some(first), Some(last)) = (self.open.first_time_ms(), self.open.last_time_ms())
            && first <= end_ms
            && last >= start_ms
        {
            chunks.push(Bytes::from(self.open.to_bytes()));
        }
    }

    /// Whether [`SeriesHistograms::chunks`] would give any.
    pub(crate) fn has_samples(&self, start_ms: i64, end_ms: i64) -> bool {
        let open = self.open.first_time_ms().zip(self.open.last_time_ms());
        open.is_some_and(|(first, last)| first <= end_ms && last >= start_ms)
            || self
                .late
                .iter()
                .any(|sample| (start_ms..=end_ms).contains(&sample.time_ms))
    }

    /// Approximate bytes on the heap, this included.
    pub(crate) fn heap_bytes(&self) -> usize {
        let late: usize = self.late.iter().map(|sample| sample.histogram.heap_bytes()).sum();
        let slots = self.late.capacity() * size_of::<HistogramSample>();
        size_of::<SeriesHistograms>() + self.open.heap_bytes() + slots + late
    }

    /// The sample at a time, if it is among these.
    fn at(&self, time_ms: i64) -> Option<HistogramSample> {
        if let Ok(at) = self.late.binary_search_by_key(&time_ms, |sample| sample.time_ms) {
            return self.late.get(at).cloned();
        }
        if self.open.first_time_ms()? > time_ms {
            return None;
        }
        let mut samples = Vec::new();
        self.open.samples_into(&mut samples).ok()?;
        let at = samples
            .binary_search_by_key(&time_ms, |sample| sample.time_ms)
            .ok()?;
        Some(samples.swap_remove(at))
    }

    /// Approximate bytes in a checkpoint.
    pub(crate) fn record_bytes(&self) -> usize {
        let late: usize = self
            .late
            .iter()
            .map(|sample| 32 + sample.histogram.heap_bytes())
            .sum();
        64 + self.open.stream_bytes() + late
    }

    /// Each chunk with its length before it.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for chunk in [&self.open, &chunk_of(&self.late)] {
            crate::batch::write_bytes(out, &chunk.to_bytes());
        }
    }

    /// Reads what [`SeriesHistograms::write`] wrote.
    pub(crate) fn read(input: &mut &[u8]) -> Result<SeriesHistograms, ChunkError> {
        let mut take = || {
            let length = vigie_model::read_uvarint(input).ok_or(ChunkError::Truncated)?;
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let (bytes, rest) = input.split_at_checked(length).ok_or(ChunkError::Truncated)?;
            *input = rest;
            OpenHistogramChunk::from_bytes(bytes)
        };
        let open = take()?;
        let mut late = Vec::new();
        take()?.samples_into(&mut late)?;
        Ok(SeriesHistograms { open, late })
    }
}

/// A chunk of sorted samples, at most as many as a chunk holds.
fn chunk_of(samples: &[HistogramSample]) -> OpenHistogramChunk {
    let mut chunk = OpenHistogramChunk::new();
    for sample in samples {
        // Times ascend strictly and the count is bounded, so nothing is refused.
        let appended = chunk.append(sample.clone());
        debug_assert!(appended.is_ok());
    }
    chunk
}

impl Target<'_> {
    /// Takes a histogram; false if it is here already.
    pub(crate) fn append_histogram(
        &mut self,
        bounds: &TimeBounds,
        sample: HistogramSample,
    ) -> Result<bool, RowError> {
        let last = self
            .histograms
            .get(&self.id)
            .and_then(|beside| beside.open.last());
        // Before the bounds, as for floats.
        if last.is_some_and(|last| is_repetition(last, &sample)) {
            return Ok(false);
        }
        bounds.check(sample.time_ms)?;
        let newest_float = self.series.open.last_time_ms();
        let newest = newest_float.max(last.map(|last| last.time_ms));
        if newest.is_some_and(|newest| sample.time_ms <= newest) {
            return self.append_late_histogram(bounds, newest == Some(sample.time_ms), sample);
        }
        self.enter_window(sample.time_ms)?;
        // The open samples are in one window, so the newest tells which.
        let starts_window = |newest| newest < self.window.start_ms;
        if newest_float.is_some() {
            self.seal_open_floats();
        } else if newest.is_some_and(|newest| starts_window(newest) || self.is_histogram_chunk_full()) {
            self.seal_open_histograms();
        }
        // It is newer than the newest, and there is room.
        let open = &mut self.histograms.entry(self.id).or_default().open;
        open.append(sample).map_err(|_| RowError::OutOfOrder)?;
        self.journal.changed(self.id, self.series);
        Ok(true)
    }

    /// Takes a float where there is no open chunk of floats but histograms of the series are in memory.
    #[cold]
    pub(crate) fn append_beside_histograms(
        &mut self,
        bounds: &TimeBounds,
        time_ms: i64,
        value: f64,
    ) -> Result<bool, RowError> {
        let last = self
            .histograms
            .get(&self.id)
            .and_then(|beside| beside.open.last());
        let Some(last) = last else {
            return self.append_in_order(time_ms, value, bounds);
        };
        if vigie_model::is_stale_nan(value) {
            // A series ends in the form it had, as in Prometheus: scrapes send one marker for both.
            let histogram = last.histogram.stale_after();
            return self.append_histogram(
                bounds,
                HistogramSample {
                    time_ms,
                    start_ms: 0,
                    histogram,
                },
            );
        }
        bounds.check(time_ms)?;
        if time_ms == last.time_ms {
            return Err(RowError::DuplicateTimestamp);
        }
        if time_ms < last.time_ms {
            return self.append_late(bounds, time_ms, value.to_bits());
        }
        self.seal_open_histograms();
        self.append_in_order(time_ms, value, bounds)
    }

    #[cold]
    fn append_late_histogram(
        &mut self,
        bounds: &TimeBounds,
        is_newest: bool,
        sample: HistogramSample,
    ) -> Result<bool, RowError> {
        if is_newest {
            return Err(RowError::DuplicateTimestamp);
        }
        let known = self
            .histograms
            .get(&self.id)
            .and_then(|beside| beside.at(sample.time_ms));
        if known.as_ref().is_some_and(|known| is_repetition(known, &sample)) {
            return Ok(false);
        }
        if !bounds.takes_late {
            return Err(RowError::OutOfOrder);
        }
        if known.is_some() || self.has_float_at(sample.time_ms) {
            return Err(RowError::DuplicateTimestamp);
        }
        let late = &mut self.histograms.entry(self.id).or_default().late;
        let at = late.partition_point(|other| other.time_ms < sample.time_ms);
        late.insert(at, sample);
        if late.len() >= MAX_LATE_SAMPLES.min(self.options.samples_per_chunk) {
            self.seal_late_histograms();
        }
        self.journal.changed(self.id, self.series);
        Ok(true)
    }

    /// Whether a histogram that is not sealed is at this time.
    pub(crate) fn has_histogram_at(&self, time_ms: i64) -> bool {
        let beside = self.histograms.get(&self.id);
        beside.is_some_and(|beside| beside.at(time_ms).is_some())
    }

    fn is_histogram_chunk_full(&self) -> bool {
        self.histograms.get(&self.id).is_some_and(|beside| {
            beside.open.len() >= self.options.samples_per_chunk
                || beside.open.stream_bytes() >= self.options.bytes_per_chunk * BYTES_FACTOR
        })
    }

    /// Moves the open histograms into a chunk.
    pub(crate) fn seal_open_histograms(&mut self) {
        let Some(beside) = self.histograms.get_mut(&self.id) else {
            return;
        };
        let full = std::mem::take(&mut beside.open);
        if beside.is_unused() {
            self.histograms.remove(&self.id);
        }
        if let Some(newest_ms) = full.last_time_ms() {
            self.hand_over(&full.to_bytes(), newest_ms, 0);
        }
    }

    /// Moves the late histograms into chunks, one per window.
    fn seal_late_histograms(&mut self) {
        let Some(beside) = self.histograms.get_mut(&self.id) else {
            return;
        };
        let samples = std::mem::take(&mut beside.late);
        if beside.is_unused() {
            self.histograms.remove(&self.id);
        }
        let window_ms = self.options.window_ms;
        let window_of = |sample: &HistogramSample| sample.time_ms / window_ms;
        for same in samples.chunk_by(|left, right| window_of(left) == window_of(right)) {
            let newest_ms = same[same.len() - 1].time_ms;
            let late = self.late.entry(self.id).or_default();
            late.sealed_count += 1;
            late.sealed_max_ms = late.sealed_max_ms.max(newest_ms);
            let ordinal = late.sealed_count;
            self.hand_over(&chunk_of(same).to_bytes(), newest_ms, ordinal);
        }
    }
}

/// The same sample again: its hint and start say the same as before or are not known.
fn is_repetition(known: &HistogramSample, sample: &HistogramSample) -> bool {
    known.time_ms == sample.time_ms && known.histogram.is_same_but_hint(&sample.histogram)
}
