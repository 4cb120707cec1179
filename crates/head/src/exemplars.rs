//! A tenant's newest exemplars.

use std::collections::{HashMap, VecDeque};

use roaring::RoaringBitmap;
use vigie_model::{Exemplar, Labels, read_uvarint, read_varint, write_uvarint, write_varint};

/// Why an exemplar was not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExemplarError {
    /// Older than the newest of its series and than the time late ones are taken, or at the same time with a
    /// smaller value or labels.
    OutOfOrder,
    /// The series it belongs to is not known.
    UnknownSeries,
}

/// How many exemplars there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExemplarStats {
    pub stored: u64,
    pub series: u64,
    /// Of the one that came first, and is the next to go.
    pub first_ms: Option<i64>,
}

impl ExemplarStats {
    /// Of several buffers.
    pub fn plus(self, other: ExemplarStats) -> ExemplarStats {
        ExemplarStats {
            stored: self.stored + other.stored,
            series: self.series + other.series,
            first_ms: [self.first_ms, other.first_ms].into_iter().flatten().min(),
        }
    }
}

/// A buffer in which the newest take the place of those that came first, whatever their series: a busy
/// series shortens the memory of all.
///
/// Part of the logical state: what is kept follows from the entries applied alone.
#[derive(Debug, Default)]
pub(crate) struct Exemplars {
    /// By age; the first has the number `first`.
    entries: VecDeque<Entry>,
    first: u64,
    capacity: usize,
    /// The numbers of each series' exemplars, by time. They are never empty.
    by_series: HashMap<u32, VecDeque<u64>>,
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    series: u32,
    exemplar: Exemplar,
}

impl Exemplars {
    /// Drops those that came first until the rest fit.
    pub(crate) fn resize(&mut self, capacity: usize) {
        self.capacity = capacity;
        while self.entries.len() > capacity {
            self.drop_first();
        }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Takes an exemplar that is at most `late_window_ms` older than the newest of its series. One that is
    /// there already changes nothing.
    pub(crate) fn add(
        &mut self,
        series: u32,
        exemplar: Exemplar,
        late_window_ms: i64,
    ) -> Result<(), ExemplarError> {
        if self.capacity == 0 || !exemplar.fits() {
            return Ok(());
        }
        if let Some(newest) = self.newest(series) {
            if newest.repeats(&exemplar) {
                return Ok(());
            }
            let is_old = exemplar.timestamp_ms < newest.timestamp_ms
                && exemplar.timestamp_ms <= newest.timestamp_ms.saturating_sub(late_window_ms);
            // At one time, several are told apart by their order: they belong to different buckets.
            let is_before = exemplar.timestamp_ms == newest.timestamp_ms && exemplar.order(newest).is_lt();
            if is_old || is_before {
                return Err(ExemplarError::OutOfOrder);
            }
            if self.has_late_at(series, exemplar.timestamp_ms) {
                return Ok(());
            }
        }
        if self.entries.len() >= self.capacity {
            self.drop_first();
        }
        let number = self.first + self.entries.len() as u64;
        let at = self.position(series, exemplar.timestamp_ms);
        self.entries.push_back(Entry { series, exemplar });
        self.by_series.entry(series).or_default().insert(at, number);
        Ok(())
    }

    pub(crate) fn stats(&self) -> ExemplarStats {
        ExemplarStats {
            stored: self.entries.len() as u64,
            series: self.by_series.len() as u64,
            first_ms: self.entries.front().map(|entry| entry.exemplar.timestamp_ms),
        }
    }

    /// The series that have exemplars.
    pub(crate) fn series(&self) -> RoaringBitmap {
        self.by_series.keys().copied().collect()
    }

    /// Those of a series between two times, both inclusive, by time.
    pub(crate) fn of_series(
        &self,
        series: u32,
        start_ms: i64,
        end_ms: i64,
    ) -> impl Iterator<Item = &Exemplar> {
        self.numbers(series)
            .filter_map(|number| self.get(number))
            .filter(move |exemplar| (start_ms..=end_ms).contains(&exemplar.timestamp_ms))
    }

    fn numbers(&self, series: u32) -> impl DoubleEndedIterator<Item = u64> + '_ {
        self.by_series.get(&series).into_iter().flatten().copied()
    }

    fn get(&self, number: u64) -> Option<&Exemplar> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.entries.get(at).map(|entry| &entry.exemplar)
    }

    fn newest(&self, series: u32) -> Option<&Exemplar> {
        self.get(self.numbers(series).next_back()?)
    }

    /// Whether a late one would have the time of another: then it is taken for the same.
    fn has_late_at(&self, series: u32, time_ms: i64) -> bool {
        let is_late = self
            .newest(series)
            .is_some_and(|newest| time_ms < newest.timestamp_ms);
        is_late
            && self
                .numbers(series)
                .rev()
                .filter_map(|number| self.get(number))
                .find(|exemplar| exemplar.timestamp_ms <= time_ms)
                .is_some_and(|exemplar| exemplar.timestamp_ms == time_ms)
    }

    /// Behind all of the series that are not newer. Late ones are rare and hardly late.
    fn position(&self, series: u32, time_ms: i64) -> usize {
        let newer = self
            .numbers(series)
            .rev()
            .filter_map(|number| self.get(number))
            .take_while(|exemplar| exemplar.timestamp_ms > time_ms)
            .count();
        self.by_series.get(&series).map_or(0, VecDeque::len) - newer
    }

    fn drop_first(&mut self) {
        let Some(entry) = self.entries.pop_front() else {
            return;
        };
        let number = self.first;
        self.first += 1;
        if let Some(numbers) = self.by_series.get_mut(&entry.series) {
            // Nearly always the first: only late ones come in another order.
            if let Some(at) = numbers.iter().position(|other| *other == number) {
                numbers.remove(at);
            }
            if numbers.is_empty() {
                self.by_series.remove(&entry.series);
            }
        }
    }

    /// Appends all of it in the order it came.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        write_uvarint(out, self.capacity as u64);
        write_uvarint(out, self.entries.len() as u64);
        for Entry { series, exemplar } in &self.entries {
            write_uvarint(out, u64::from(*series) << 1 | u64::from(exemplar.has_own_time));
            write_varint(out, exemplar.timestamp_ms);
            out.extend_from_slice(&exemplar.value.to_bits().to_le_bytes());
            let labels = exemplar.labels.as_packed();
            write_uvarint(out, labels.len() as u64);
            out.extend_from_slice(labels);
        }
    }

    pub(crate) fn read(input: &mut &[u8]) -> Option<Exemplars> {
        let mut exemplars = Exemplars {
            capacity: usize::try_from(read_uvarint(input)?).ok()?,
            ..Exemplars::default()
        };
        for number in 0..read_uvarint(input)? {
            let tag = read_uvarint(input)?;
            let series = u32::try_from(tag >> 1).ok()?;
            let timestamp_ms = read_varint(input)?;
            let (bits, rest) = input.split_first_chunk::<8>()?;
            *input = rest;
            let length = usize::try_from(read_uvarint(input)?).ok()?;
            let (labels, rest) = input.split_at_checked(length)?;
            *input = rest;
            let exemplar = Exemplar {
                labels: read_labels(labels)?,
                value: f64::from_bits(u64::from_le_bytes(*bits)),
                timestamp_ms,
                has_own_time: tag & 1 == 1,
            };
            let at = exemplars.position(series, timestamp_ms);
            exemplars.entries.push_back(Entry { series, exemplar });
            exemplars.by_series.entry(series).or_default().insert(at, number);
        }
        Some(exemplars)
    }
}

/// Packed labels that may be none.
pub(crate) fn read_labels(packed: &[u8]) -> Option<Labels> {
    if packed.is_empty() {
        return Some(Labels::empty());
    }
    Labels::from_packed(packed).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds exemplars, written `series:time:value`, late ones within 100 ms taken; gives what was refused,
    /// and what is kept of each series.
    fn check(capacity: usize, added: &str, refused: &str, kept: &[(u32, &str)]) {
        let mut exemplars = Exemplars::default();
        exemplars.resize(capacity);
        let mut out_of_order = Vec::new();
        for text in added.split_whitespace() {
            let fields: Vec<i64> = text.split(':').map(|field| field.parse().unwrap()).collect();
            let exemplar = Exemplar {
                labels: Labels::from_pairs([("id", "x")]).unwrap(),
                value: fields[2] as f64,
                timestamp_ms: fields[1],
                has_own_time: true,
            };
            if exemplars.add(fields[0] as u32, exemplar, 100).is_err() {
                out_of_order.push(text);
            }
        }
        assert_eq!(out_of_order.join(" "), refused);
        let mut written = Vec::new();
        exemplars.write(&mut written);
        let restored = Exemplars::read(&mut written.as_slice()).unwrap();
        for exemplars in [exemplars, restored] {
            for (series, expected) in kept {
                let found: Vec<String> = exemplars
                    .of_series(*series, i64::MIN, i64::MAX)
                    .map(|exemplar| format!("{}:{}", exemplar.timestamp_ms, exemplar.value))
                    .collect();
                assert_eq!(found.join(" "), *expected, "series {series}");
            }
            assert!(exemplars.entries.len() <= capacity);
        }
    }

    #[test]
    fn the_newest_of_all_series_are_kept() {
        check(
            3,
            "1:1:1 1:2:2 2:1:1 1:3:3",
            "",
            &[(1, "2:2 3:3"), (2, "1:1"), (3, "")],
        );
        check(2, "1:1:1 2:1:1 2:2:1 2:3:1", "", &[(1, ""), (2, "2:1 3:1")]);
        check(0, "1:1:1", "", &[(1, "")]);
    }

    #[test]
    fn repetitions_and_late_ones_follow_prometheus() {
        check(9, "1:5:1 1:5:1", "", &[(1, "5:1")]);
        // At one time: ascending only.
        check(9, "1:5:1 1:5:2 1:5:1", "1:5:1", &[(1, "5:1 5:2")]);
        check(
            9,
            "1:500:1 1:450:1 1:400:1 1:450:9",
            "1:400:1",
            &[(1, "450:1 500:1")],
        );
        // Older than all that there are.
        check(9, "1:500:1 1:460:1 1:450:1", "", &[(1, "450:1 460:1 500:1")]);
        // The place of the one that came first is taken, though it is not the oldest.
        check(2, "1:500:1 1:450:1 1:460:2", "", &[(1, "450:1 460:2")]);
    }
}
