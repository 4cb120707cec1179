//! Applying entries: the only way the logical state of a head changes.

mod exemplars;

use std::collections::BTreeMap;
use std::hint::black_box;

use vigie_chunk::OpenChunk;
use vigie_model::SeriesId;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::admission::TimeBounds;
use crate::batch::{BatchView, CorruptEntry, Entry, Rows, Stamp};
use crate::checkpoint::Journal;
use crate::out_of_order::{LateSamples, chunk_of};
use crate::recent::BatchKey;
use crate::series::{NO_WINDOW, Series};
use crate::waiting::WaitingChunks;
use crate::{BatchOutcome, Head, HeadOptions, RowError};

/// Rows that are brought into the cache together: few enough to stay in its first level, enough to
/// overlap their misses.
const BLOCK: usize = 128;

/// Late samples a series collects before they become chunks: they take 16 bytes each until then.
const MAX_LATE_SAMPLES: usize = 120;

impl Head {
    /// Applies one log entry. An entry is applied whole or, on error, not at all; what
    /// [`crate::batch::verify`] accepts is not refused here.
    pub fn apply(&mut self, entry: &[u8]) -> Result<BatchOutcome, CorruptEntry> {
        match Entry::parse(entry)? {
            Entry::Batch(view) => {
                let key = BatchKey::of(entry, &view.stamp);
                let mut rows = std::mem::take(&mut self.rows);
                let outcome = view
                    .rows_into(&mut rows)
                    .and_then(|()| self.apply_batch(key, &view, &mut rows));
                self.rows = rows;
                outcome
            }
            Entry::Retain { cutoff_ms } => {
                self.retain(cutoff_ms);
                Ok(BatchOutcome::default())
            }
        }
    }

    fn apply_batch(
        &mut self,
        key: BatchKey,
        view: &BatchView<'_>,
        rows: &mut Rows,
    ) -> Result<BatchOutcome, CorruptEntry> {
        // The last id is kept free, so that `next_id` always fits.
        if view.declared.len() as u64 >= u64::from(u32::MAX - self.next_id) {
            return Err(CorruptEntry::IdsExhausted);
        }
        let tenants: Vec<u32> = view
            .tenants
            .iter()
            .map(|tenant| self.enter_tenant(tenant))
            .collect();
        let mut outcome = BatchOutcome::default();
        let mut pairs = Vec::new();
        for declared in &view.declared {
            let tenant = tenants[declared.tenant];
            outcome
                .declared
                .push(self.enter_series(tenant, declared.packed_labels, &mut pairs));
        }
        if let Some(rejected) = self.recent.rejected(key) {
            outcome.rejected = rejected.to_vec();
            outcome.duplicates = (rows.ids.len() - rejected.len()) as u32;
            return Ok(outcome);
        }
        for (tenant, name, metadata) in &view.metadata {
            self.tenants[tenants[*tenant] as usize].set_metadata(name, metadata.clone());
        }
        for range in &rows.declared_rows {
            for id in &mut rows.ids[range.clone()] {
                *id = outcome.declared[*id as usize].0;
            }
        }
        self.append_rows(&view.stamp, rows, &mut outcome);
        // Behind the rows: a series may be named by labels that the batch declares.
        if !view.exemplars.is_empty() {
            self.append_exemplars(view, &tenants, &mut outcome);
        }
        self.recent.remember(key, &outcome.rejected);
        Ok(outcome)
    }

    /// The id of a declared series, which is created if it is new.
    fn enter_series(&mut self, tenant: u32, packed_labels: &[u8], pairs: &mut Vec<u32>) -> SeriesId {
        let index = &self.tenants[tenant as usize].index;
        if index.find_all(packed_labels, pairs)
            && let Some(id) = self.find_series(tenant, pairs)
        {
            return SeriesId(id);
        }
        let id = self.next_id;
        self.next_id += 1;
        self.insert_series(id, tenant, packed_labels);
        self.journal.created(id);
        SeriesId(id)
    }

    /// Appends in passes over blocks of rows: one touches the series, one the ends of their buffers,
    /// so that the cache misses of a block overlap instead of adding up.
    fn append_rows(&mut self, stamp: &Stamp, rows: &Rows, outcome: &mut BatchOutcome) {
        // A batch is judged by what was there before it, as an appender's commit is in Prometheus.
        let newest_before: Vec<Option<i64>> = self
            .tenants
            .iter()
            .map(|tenant| tenant.times_ms.map(|(_, newest)| newest))
            .collect();
        let mut current = CurrentTenant::new(stamp);
        let mut window = Window::of(0, &self.options);
        for start in (0..rows.ids.len()).step_by(BLOCK) {
            let block = start..rows.ids.len().min(start + BLOCK);
            self.touch(&rows.ids[block.clone()]);
            for row in block {
                let (id, time_ms, value) = (rows.ids[row], rows.times_ms[row], rows.values[row]);
                let Some(series) = self.series.get_mut(id) else {
                    outcome.rejected.push((row as u32, RowError::UnknownSeries));
                    continue;
                };
                if series.tenant != current.tenant {
                    if let Some((oldest, newest)) = current.seen_ms.take() {
                        self.tenants[current.tenant as usize].see_times(oldest, newest);
                    }
                    current.tenant = series.tenant;
                    current.bounds = TimeBounds::new(stamp, newest_before[series.tenant as usize]);
                }
                let mut target = Target {
                    options: &self.options,
                    window: &mut window,
                    journal: &mut self.journal,
                    waiting: &mut self.waiting,
                    late: &mut self.late,
                    sealed_digest: &mut self.sealed_digest,
                    id,
                    series,
                };
                match target.append(&current.bounds, time_ms, value) {
                    Ok(true) => {
                        outcome.appended += 1;
                        current.see(time_ms);
                    }
                    Ok(false) => outcome.duplicates += 1,
                    Err(error) => outcome.rejected.push((row as u32, error)),
                }
            }
        }
        if let Some((oldest, newest)) = current.seen_ms {
            self.tenants[current.tenant as usize].see_times(oldest, newest);
        }
    }

    fn touch(&self, ids: &[u32]) {
        let mut rows: [Option<&Series>; BLOCK] = [None; BLOCK];
        let mut touched = 0usize;
        for (row, &id) in rows.iter_mut().zip(ids) {
            *row = self.series.get(id);
            if let Some(series) = row {
                touched += series.dirty_epoch as usize + series.open.len();
            }
        }
        black_box(touched);
        let mut touched = 0u8;
        for series in rows.iter().flatten() {
            touched ^= series.open.tail();
        }
        black_box(touched);
    }
}

/// The tenant of the rows at hand: they come in long runs of one tenant.
#[derive(Debug)]
struct CurrentTenant {
    tenant: u32,
    bounds: TimeBounds,
    /// Oldest and newest time taken in this run.
    seen_ms: Option<(i64, i64)>,
}

impl CurrentTenant {
    fn new(stamp: &Stamp) -> CurrentTenant {
        CurrentTenant {
            tenant: u32::MAX,
            bounds: TimeBounds::new(stamp, None),
            seen_ms: None,
        }
    }

    #[inline]
    fn see(&mut self, time_ms: i64) {
        let (oldest, newest) = self.seen_ms.unwrap_or((time_ms, time_ms));
        self.seen_ms = Some((oldest.min(time_ms), newest.max(time_ms)));
    }
}

/// The window of the newest row: those after it are hardly ever in another.
#[derive(Debug)]
struct Window {
    /// [`NO_WINDOW`] if the time is too far in the future.
    number: u32,
    start_ms: i64,
    /// Exclusive.
    end_ms: i64,
}

impl Window {
    /// `time_ms` must not be before 1970.
    fn of(time_ms: i64, options: &HeadOptions) -> Window {
        let number = time_ms / options.window_ms;
        let start_ms = number * options.window_ms;
        Window {
            number: u32::try_from(number).unwrap_or(NO_WINDOW),
            start_ms,
            end_ms: start_ms.saturating_add(options.window_ms),
        }
    }

    #[inline]
    fn has(&self, time_ms: i64) -> bool {
        (self.start_ms..self.end_ms).contains(&time_ms)
    }
}

/// A series and what appending to it touches besides.
#[derive(Debug)]
struct Target<'a> {
    options: &'a HeadOptions,
    window: &'a mut Window,
    journal: &'a mut Journal,
    waiting: &'a mut WaitingChunks,
    late: &'a mut BTreeMap<u32, LateSamples>,
    sealed_digest: &'a mut u128,
    id: u32,
    series: &'a mut Series,
}

impl Target<'_> {
    /// Takes a sample; false if it is here already.
    #[inline]
    fn append(&mut self, bounds: &TimeBounds, time_ms: i64, value: f64) -> Result<bool, RowError> {
        let newest = self.series.open.last_time_ms();
        // Before the bounds: a repeated request must not fail for having been delayed.
        if newest == Some(time_ms) && self.series.open.last_value_bits() == Some(value.to_bits()) {
            return Ok(false);
        }
        bounds.check(time_ms)?;
        if newest.is_some_and(|newest| time_ms <= newest) {
            return self.append_late(bounds, time_ms, value.to_bits());
        }
        if !self.window.has(time_ms) {
            *self.window = Window::of(time_ms, self.options);
        }
        if self.window.number == NO_WINDOW {
            return Err(RowError::OutOfBounds);
        }
        // The open samples are in one window, so the newest tells which.
        if newest.is_some_and(|newest| newest < self.window.start_ms || self.is_open_full()) {
            let full = std::mem::take(&mut self.series.open);
            self.seal(&full, 0);
        }
        // It is newer than the newest, and there is room.
        let appended = self.series.open.append(time_ms, value);
        appended.map_err(|_| RowError::OutOfOrder)?;
        self.journal.changed(self.id, self.series);
        Ok(true)
    }

    #[inline]
    fn is_open_full(&self) -> bool {
        let open = &self.series.open;
        open.len() >= self.options.samples_per_chunk || open.stream_bytes() >= self.options.bytes_per_chunk
    }

    #[cold]
    fn append_late(&mut self, bounds: &TimeBounds, time_ms: i64, bits: u64) -> Result<bool, RowError> {
        if self.series.open.last_time_ms() == Some(time_ms) {
            return Err(RowError::DuplicateTimestamp);
        }
        // What is still open can be compared, so that repeating a request is harmless; what was
        // sealed may be in the store, on which the verdict must not depend.
        let known = self.open_value_at(time_ms);
        if known == Some(bits) {
            return Ok(false);
        }
        if !bounds.takes_late {
            return Err(RowError::OutOfOrder);
        }
        if known.is_some() {
            return Err(RowError::DuplicateTimestamp);
        }
        let late = self.late.entry(self.id).or_default();
        if !late.insert(time_ms, bits)? {
            return Ok(false);
        }
        if late.samples.len() >= MAX_LATE_SAMPLES.min(self.options.samples_per_chunk) {
            self.seal_late();
        }
        self.journal.changed(self.id, self.series);
        Ok(true)
    }

    fn open_value_at(&self, time_ms: i64) -> Option<u64> {
        if self.series.open.first_time_ms()? > time_ms {
            return None;
        }
        let (mut times_ms, mut values) = (Vec::new(), Vec::new());
        self.series.open.samples_into(&mut times_ms, &mut values).ok()?;
        let at = times_ms.binary_search(&time_ms).ok()?;
        values.get(at).map(|value| value.to_bits())
    }

    /// Moves the late samples into chunks, one per window.
    fn seal_late(&mut self) {
        let samples = std::mem::take(&mut self.late.entry(self.id).or_default().samples);
        let window_of = |sample: &(i64, u64)| sample.0 / self.options.window_ms;
        for same in samples.chunk_by(|left, right| window_of(left) == window_of(right)) {
            let chunk = chunk_of(same);
            let late = self.late.entry(self.id).or_default();
            late.sealed_count += 1;
            late.sealed_max_ms = late.sealed_max_ms.max(chunk.last_time_ms().unwrap_or_default());
            let ordinal = late.sealed_count;
            self.seal(&chunk, ordinal);
        }
    }

    /// Hands a chunk, whose samples are in one window, over to the next checkpoint. It stays in the open
    /// form: trying codecs takes longer than applying its samples did, and is better done where it
    /// holds up nobody.
    fn seal(&mut self, chunk: &OpenChunk, ordinal: u32) {
        let Some(newest_ms) = chunk.last_time_ms() else {
            return;
        };
        let bytes = chunk.to_bytes();
        let key = u64::from(self.id) << 32 | u64::from(ordinal);
        *self.sealed_digest = self.sealed_digest.wrapping_add(xxh3_128_with_seed(&bytes, key));
        let oldest = &mut self.series.oldest_sealed_window;
        *oldest = (*oldest).min(Window::of(newest_ms, self.options).number);
        let place = self.waiting.push(
            self.journal.epoch(),
            (self.id, ordinal),
            self.series.waiting,
            &bytes,
        );
        self.series.waiting = Some(place);
    }
}
