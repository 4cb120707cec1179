//! What a head should do, said as simply as possible.

use std::collections::BTreeMap;

use vigie_chunk::OpenChunk;

use super::*;

#[derive(Debug, Default)]
struct SeriesModel {
    /// Samples in order that were sealed.
    sealed: Vec<(i64, u64)>,
    open: Vec<(i64, u64)>,
    /// Says how many bytes the open samples take.
    encoded: OpenChunk,
    /// Late samples, and those of them that still are looked at for duplicates.
    late_sealed: Vec<(i64, u64)>,
    late: BTreeMap<i64, u64>,
}

#[derive(Debug, Default)]
pub(super) struct Model {
    series: BTreeMap<(u8, u8), SeriesModel>,
    head_max: BTreeMap<u8, i64>,
    /// The highest so far: older samples may or may not be there.
    pub(super) cutoff_ms: i64,
}

impl Model {
    /// Rejected rows, rows appended, duplicates.
    pub(super) fn apply(&mut self, rows: &[Row], stamped: &Stamp) -> (Vec<(u32, RowError)>, u32, u32) {
        let before = self.head_max.clone();
        let (mut rejected, mut appended, mut duplicates) = (Vec::new(), 0, 0);
        for &(owner, number, ..) in rows {
            self.series.entry((owner, number)).or_default();
        }
        for (row, &(owner, number, time_ms, bits)) in rows.iter().enumerate() {
            let series = self.series.get_mut(&(owner, number)).unwrap();
            match series.append(before.get(&owner).copied(), stamped, time_ms, bits) {
                Ok(true) => {
                    appended += 1;
                    let newest = self.head_max.entry(owner).or_insert(time_ms);
                    *newest = (*newest).max(time_ms);
                }
                Ok(false) => duplicates += 1,
                Err(error) => rejected.push((row as u32, error)),
            }
        }
        (rejected, appended, duplicates)
    }

    pub(super) fn retain(&mut self, cutoff_ms: i64) {
        self.cutoff_ms = self.cutoff_ms.max(cutoff_ms);
        let is_alive = |series: &SeriesModel| series.open.last().is_some_and(|last| last.0 >= cutoff_ms);
        self.series.retain(|_, series| is_alive(series));
        for series in self.series.values_mut() {
            series.late.retain(|&time_ms, _| time_ms >= cutoff_ms);
        }
    }

    /// The samples of each series at or after the cutoff.
    pub(super) fn content(&self) -> BTreeMap<(u8, String), Vec<(i64, u64)>> {
        let all = |series: &SeriesModel| {
            let in_order = series
                .sealed
                .iter()
                .chain(&series.open)
                .chain(&series.late_sealed)
                .copied();
            let mut samples: Vec<(i64, u64)> = in_order
                .chain(series.late.iter().map(|(&time_ms, &bits)| (time_ms, bits)))
                .filter(|sample| sample.0 >= self.cutoff_ms)
                .collect();
            samples.sort_unstable();
            samples.dedup();
            samples
        };
        self.series
            .iter()
            .map(|(&(owner, number), series)| ((owner, series_labels(number).to_string()), all(series)))
            .collect()
    }
}

impl SeriesModel {
    fn append(
        &mut self,
        head_max: Option<i64>,
        stamped: &Stamp,
        time_ms: i64,
        bits: u64,
    ) -> Result<bool, RowError> {
        if self.open.last() == Some(&(time_ms, bits)) {
            return Ok(false);
        }
        if time_ms < 0 || time_ms > stamped.proposed_at_ms + 600_000 {
            return Err(RowError::OutOfBounds);
        }
        let late_window = stamped.out_of_order_window_ms;
        if late_window == 0 && head_max.is_some_and(|max| time_ms < max - 3_600_000) {
            return Err(RowError::OutOfBounds);
        }
        if late_window > 0 && head_max.is_some_and(|max| time_ms < max - late_window) {
            return Err(RowError::TooOld);
        }
        let newest = self.open.last().map_or(i64::MIN, |last| last.0);
        if time_ms > newest {
            let window = |time_ms: i64| time_ms / WINDOW_MS;
            let is_full =
                self.open.len() == SAMPLES_PER_CHUNK || self.encoded.stream_bytes() >= BYTES_PER_CHUNK;
            if self
                .open
                .last()
                .is_some_and(|last| is_full || window(last.0) != window(time_ms))
            {
                self.sealed.append(&mut self.open);
            }
            if self.open.is_empty() {
                self.encoded = OpenChunk::new();
            }
            self.encoded.append(time_ms, f64::from_bits(bits)).unwrap();
            self.open.push((time_ms, bits));
            return Ok(true);
        }
        match self.open.iter().find(|sample| sample.0 == time_ms) {
            Some(sample) if sample.1 == bits => return Ok(false),
            Some(_) if time_ms == newest || late_window > 0 => return Err(RowError::DuplicateTimestamp),
            _ if late_window == 0 => return Err(RowError::OutOfOrder),
            _ => {}
        }
        match self.late.get(&time_ms) {
            Some(&known) if known == bits => return Ok(false),
            Some(_) => return Err(RowError::DuplicateTimestamp),
            None => self.late.insert(time_ms, bits),
        };
        if self.late.len() == SAMPLES_PER_CHUNK {
            self.late_sealed.extend(std::mem::take(&mut self.late));
        }
        Ok(true)
    }
}
