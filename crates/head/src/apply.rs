//! Applying entries: the only way the logical state of a head changes.

mod exemplars;
mod starts;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::ops::Range;

use vigie_chunk::HistogramSample;
use vigie_model::SeriesId;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::admission::TimeBounds;
use crate::batch::{BatchView, CorruptEntry, Entry, HistogramRow, Rows, Stamp};
use crate::checkpoint::Journal;
use crate::histograms::HistogramTable;
use crate::out_of_order::LateSamples;
use crate::recent::BatchKey;
use crate::series::{NO_WINDOW, Series};
use crate::starts::{StartTable, chunk_of, with_starts};
use crate::tenant::Tenant;
use crate::waiting::WaitingChunks;
use crate::{BatchOutcome, Head, HeadOptions, RowError};

/// Rows that are brought into the cache together: few enough to stay in its first level, enough to
/// overlap their misses.
const BLOCK: usize = 128;

/// Late samples a series collects before they become chunks: they take 16 bytes each until then.
pub(crate) const MAX_LATE_SAMPLES: usize = 120;

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

    fn append_rows(&mut self, stamp: &Stamp, rows: &mut Rows, outcome: &mut BatchOutcome) {
        // A batch is judged by what was there before it, as an appender's commit is in Prometheus.
        let mut current = Current::new(stamp, &self.tenants, &self.options);
        let mut start = 0;
        for HistogramRow {
            row,
            start_ms,
            histogram,
        } in std::mem::take(&mut rows.histograms)
        {
            let row = row as usize;
            self.append_floats(start..row, rows, &mut current, outcome);
            start = row + 1;
            let sample = HistogramSample {
                time_ms: rows.times_ms[row],
                start_ms,
                histogram,
            };
            self.append_row(rows.ids[row], row, &mut current, outcome, |target, bounds| {
                let time_ms = sample.time_ms;
                target
                    .append_histogram(bounds, sample)
                    .map(|is_new| is_new.then_some(time_ms))
            });
        }
        self.append_floats(start..rows.ids.len(), rows, &mut current, outcome);
        current.leave(&mut self.tenants);
    }

    /// Appends in passes over blocks of rows: one touches the series, one the ends of their buffers,
    /// so that the cache misses of a block overlap instead of adding up.
    fn append_floats(
        &mut self,
        range: Range<usize>,
        rows: &Rows,
        current: &mut Current,
        outcome: &mut BatchOutcome,
    ) {
        for start in range.clone().step_by(BLOCK) {
            let block = start..range.end.min(start + BLOCK);
            self.touch(&rows.ids[block.clone()]);
            if !rows.starts.is_empty() {
                self.append_started_floats(block, rows, current, outcome);
                continue;
            }
            for row in block {
                let (time_ms, value) = (rows.times_ms[row], rows.values[row]);
                self.append_row(rows.ids[row], row, current, outcome, |target, bounds| {
                    target
                        .append(bounds, time_ms, value)
                        .map(|is_new| is_new.then_some(time_ms))
                });
            }
        }
    }

    /// Has `append` take a row's sample, and notes what came of it: the time of a sample that is new.
    #[inline(always)]
    fn append_row(
        &mut self,
        id: u32,
        row: usize,
        current: &mut Current,
        outcome: &mut BatchOutcome,
        append: impl FnOnce(&mut Target<'_>, &TimeBounds) -> Result<Option<i64>, RowError>,
    ) {
        let Some(series) = self.series.get_mut(id) else {
            outcome.rejected.push((row as u32, RowError::UnknownSeries));
            return;
        };
        if series.tenant != current.tenant {
            current.enter(series.tenant, &mut self.tenants);
        }
        let mut target = Target {
            options: &self.options,
            window: &mut current.window,
            journal: &mut self.journal,
            waiting: &mut self.waiting,
            late: &mut self.late,
            histograms: &mut self.histograms,
            starts: &mut self.starts,
            start_ms: 0,
            sealed_digest: &mut self.sealed_digest,
            id,
            series,
        };
        match append(&mut target, &current.bounds) {
            Ok(Some(time_ms)) => {
                outcome.appended += 1;
                current.see(time_ms);
            }
            Ok(None) => outcome.duplicates += 1,
            Err(error) => outcome.rejected.push((row as u32, error)),
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

/// What the rows at hand have in common: they come in long runs of one tenant, and are hardly ever in
/// different windows.
#[derive(Debug)]
struct Current {
    stamp: Stamp,
    /// Each tenant's newest time before the batch.
    newest_before: Vec<Option<i64>>,
    tenant: u32,
    bounds: TimeBounds,
    /// Oldest and newest time taken in this run.
    seen_ms: Option<(i64, i64)>,
    window: Window,
}

impl Current {
    fn new(stamp: &Stamp, tenants: &[Tenant], options: &HeadOptions) -> Current {
        let newest = |tenant: &Tenant| tenant.times_ms.map(|(_, newest)| newest);
        Current {
            stamp: *stamp,
            newest_before: tenants.iter().map(newest).collect(),
            tenant: u32::MAX,
            bounds: TimeBounds::new(stamp, None),
            seen_ms: None,
            window: Window::of(0, options),
        }
    }

    fn enter(&mut self, tenant: u32, tenants: &mut [Tenant]) {
        self.leave(tenants);
        self.tenant = tenant;
        self.bounds = TimeBounds::new(&self.stamp, self.newest_before[tenant as usize]);
    }

    fn leave(&mut self, tenants: &mut [Tenant]) {
        if let Some((oldest, newest)) = self.seen_ms.take() {
            tenants[self.tenant as usize].see_times(oldest, newest);
        }
    }

    #[inline]
    fn see(&mut self, time_ms: i64) {
        let (oldest, newest) = self.seen_ms.unwrap_or((time_ms, time_ms));
        self.seen_ms = Some((oldest.min(time_ms), newest.max(time_ms)));
    }
}

/// The window of the newest row.
#[derive(Debug)]
pub(crate) struct Window {
    /// [`NO_WINDOW`] if the time is too far in the future.
    number: u32,
    pub(crate) start_ms: i64,
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
pub(crate) struct Target<'a> {
    pub(crate) options: &'a HeadOptions,
    pub(crate) window: &'a mut Window,
    pub(crate) journal: &'a mut Journal,
    waiting: &'a mut WaitingChunks,
    pub(crate) late: &'a mut BTreeMap<u32, LateSamples>,
    sealed_digest: &'a mut u128,
    pub(crate) histograms: &'a mut HistogramTable,
    pub(crate) starts: &'a mut StartTable,
    /// When the float at hand began to count; 0 if that is not known.
    pub(crate) start_ms: i64,
    pub(crate) id: u32,
    pub(crate) series: &'a mut Series,
}

impl Target<'_> {
    /// Takes a sample; false if it is here already.
    #[inline]
    pub(crate) fn append(&mut self, bounds: &TimeBounds, time_ms: i64, value: f64) -> Result<bool, RowError> {
        let newest = self.series.open.last_time_ms();
        // Before the bounds: a repeated request must not fail for having been delayed.
        if newest == Some(time_ms) && self.series.open.last_value_bits() == Some(value.to_bits()) {
            return Ok(false);
        }
        if newest.is_none() && self.histograms.contains_key(&self.id) {
            return self.append_beside_histograms(bounds, time_ms, value);
        }
        self.append_in_order(time_ms, value, bounds)
    }

    /// Takes a float that nothing is known of that would be newer than the open floats.
    #[inline]
    pub(crate) fn append_in_order(
        &mut self,
        time_ms: i64,
        value: f64,
        bounds: &TimeBounds,
    ) -> Result<bool, RowError> {
        bounds.check(time_ms)?;
        let newest = self.series.open.last_time_ms();
        if newest.is_some_and(|newest| time_ms <= newest) {
            return self.append_late(bounds, time_ms, value.to_bits());
        }
        self.enter_window(time_ms)?;
        // The open samples are in one window, so the newest tells which.
        if newest.is_some_and(|newest| newest < self.window.start_ms || self.is_open_full()) {
            self.seal_open_floats();
        }
        // It is newer than the newest, and there is room.
        let appended = self.series.open.append(time_ms, value);
        appended.map_err(|_| RowError::OutOfOrder)?;
        self.journal.changed(self.id, self.series);
        Ok(true)
    }

    /// Makes the window of a time that is not before 1970 the current one.
    #[inline]
    pub(crate) fn enter_window(&mut self, time_ms: i64) -> Result<(), RowError> {
        if !self.window.has(time_ms) {
            *self.window = Window::of(time_ms, self.options);
        }
        if self.window.number == NO_WINDOW {
            return Err(RowError::OutOfBounds);
        }
        Ok(())
    }

    #[inline]
    fn is_open_full(&self) -> bool {
        let open = &self.series.open;
        open.len() >= self.options.samples_per_chunk || open.stream_bytes() >= self.options.bytes_per_chunk
    }

    /// Moves the open floats into a chunk.
    pub(crate) fn seal_open_floats(&mut self) {
        let full = std::mem::take(&mut self.series.open);
        let starts = self.take_open_starts();
        if let Some(newest_ms) = full.last_time_ms() {
            self.hand_over(&with_starts(&full, starts.as_ref()), newest_ms, 0);
        }
    }

    #[cold]
    pub(crate) fn append_late(
        &mut self,
        bounds: &TimeBounds,
        time_ms: i64,
        bits: u64,
    ) -> Result<bool, RowError> {
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
        if known.is_some() || self.has_histogram_at(time_ms) {
            return Err(RowError::DuplicateTimestamp);
        }
        let late = self.late.entry(self.id).or_default();
        if !late.insert(time_ms, bits)? {
            return Ok(false);
        }
        let is_full = late.samples.len() >= MAX_LATE_SAMPLES.min(self.options.samples_per_chunk);
        self.note_late_start(time_ms);
        if is_full {
            self.seal_late();
        }
        self.journal.changed(self.id, self.series);
        Ok(true)
    }

    /// Whether a float that is not sealed is at this time.
    pub(crate) fn has_float_at(&self, time_ms: i64) -> bool {
        let is_late = |late: &LateSamples| {
            late.samples
                .binary_search_by_key(&time_ms, |sample| sample.0)
                .is_ok()
        };
        self.open_value_at(time_ms).is_some() || self.late.get(&self.id).is_some_and(is_late)
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
        let starts = self.take_late_starts();
        for same in samples.chunk_by(|left, right| window_of(left) == window_of(right)) {
            let newest_ms = same[same.len() - 1].0;
            let late = self.late.entry(self.id).or_default();
            late.sealed_count += 1;
            late.sealed_max_ms = late.sealed_max_ms.max(newest_ms);
            let ordinal = late.sealed_count;
            self.hand_over(&chunk_of(same, starts.as_deref()), newest_ms, ordinal);
        }
    }

    /// Hands a chunk, whose samples are in one window, over to the next checkpoint. It stays in the open
    /// form: trying codecs takes longer than applying its samples did, and is better done where it
    /// holds up nobody.
    pub(crate) fn hand_over(&mut self, bytes: &[u8], newest_ms: i64, ordinal: u32) {
        let key = u64::from(self.id) << 32 | u64::from(ordinal);
        *self.sealed_digest = self.sealed_digest.wrapping_add(xxh3_128_with_seed(bytes, key));
        let oldest = &mut self.series.oldest_sealed_window;
        *oldest = (*oldest).min(Window::of(newest_ms, self.options).number);
        let place = self.waiting.push(
            self.journal.epoch(),
            (self.id, ordinal),
            self.series.waiting,
            bytes,
        );
        self.series.waiting = Some(place);
    }
}
