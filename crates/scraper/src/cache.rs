//! What a target exposed before: raw series bytes to the labels they are stored under.

use std::collections::HashSet;

use hashbrown::HashTable;
use vigie_model::Labels;
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// Growth over the last successful scrape that failing scrapes may cause before the cache is swept.
const FAILED_GROWTH: usize = 1_000;

/// The series of one target.
///
/// A series is identified by a 128-bit hash of its bytes, seeded per process, so the bytes are
/// neither kept nor compared. Iterations number the scrapes; an entry notes the last one it was
/// seen in and the last one it was tracked in, that is, written with the scrape's own time, so
/// that its absence from the next scrape means it has ended.
#[derive(Debug)]
pub(crate) struct SeriesCache {
    table: HashTable<Entry>,
    seed: u64,
    iteration: u32,
    /// Entries tracked in the previous iteration.
    tracked_before: usize,
    /// Entries tracked in this iteration.
    tracked_now: usize,
    /// Those of them that were tracked in the previous iteration as well.
    still_tracked: usize,
    seen_now: usize,
    /// Entries after the last successful scrape.
    successful_len: usize,
    /// Series that ended with a change of configuration, to be marked unless the next scrape has
    /// them again.
    orphans: Vec<(Labels, ValueKind)>,
}

/// What the samples of a series are, which a staleness marker has to be as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueKind {
    Float,
    Histogram,
}

#[derive(Debug)]
pub(crate) struct Entry {
    key: u128,
    /// Empty if relabelling drops the series.
    pub(crate) labels: Labels,
    seen_in: u32,
    tracked_in: u32,
    was_tracked_before: bool,
    kind: ValueKind,
}

/// How a known series was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meeting {
    First,
    Again,
}

impl Entry {
    pub(crate) fn is_dropped(&self) -> bool {
        self.labels.is_empty()
    }
}

impl SeriesCache {
    pub(crate) fn new(seed: u64) -> SeriesCache {
        SeriesCache {
            table: HashTable::new(),
            seed,
            // Two ahead of the zero in fresh entries, which therefore were never tracked.
            iteration: 2,
            tracked_before: 0,
            tracked_now: 0,
            still_tracked: 0,
            seen_now: 0,
            successful_len: 0,
            orphans: Vec::new(),
        }
    }

    pub(crate) fn key(&self, raw: &[u8]) -> u128 {
        xxh3_128_with_seed(raw, self.seed)
    }

    /// Notes that the series was exposed in this scrape.
    pub(crate) fn meet(&mut self, key: u128, track: bool, kind: ValueKind) -> Option<(&Labels, Meeting)> {
        let iteration = self.iteration;
        let entry = self.table.find_mut(bucket_hash(key), |entry| entry.key == key)?;
        let meeting = if entry.seen_in == iteration {
            Meeting::Again
        } else {
            entry.seen_in = iteration;
            self.seen_now += 1;
            Meeting::First
        };
        entry.kind = kind;
        if track && entry.tracked_in != iteration && !entry.is_dropped() {
            entry.was_tracked_before = entry.tracked_in == iteration.wrapping_sub(1);
            entry.tracked_in = iteration;
            self.tracked_now += 1;
            self.still_tracked += usize::from(entry.was_tracked_before);
        }
        Some((&entry.labels, meeting))
    }

    /// Adds a series that [`SeriesCache::meet`] does not know. Empty labels mean dropped.
    pub(crate) fn insert(&mut self, key: u128, labels: Labels, track: bool, kind: ValueKind) {
        let track = track && !labels.is_empty();
        let entry = Entry {
            key,
            labels,
            seen_in: self.iteration,
            tracked_in: if track { self.iteration } else { 0 },
            was_tracked_before: false,
            kind,
        };
        self.seen_now += 1;
        self.tracked_now += usize::from(track);
        self.table
            .insert_unique(bucket_hash(key), entry, |entry| bucket_hash(entry.key));
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Ends a successful scrape: calls `ended` for series that it had no more, and forgets what it
    /// did not expose.
    pub(crate) fn finish(&mut self, mut ended: impl FnMut(&Labels, ValueKind)) {
        let iteration = self.iteration;
        let some_ended = self.still_tracked < self.tracked_before || !self.orphans.is_empty();
        if some_ended {
            // The same series may come under other bytes, with its labels in another order, say.
            let fresh: HashSet<&Labels> = self
                .table
                .iter()
                .filter(|entry| entry.tracked_in == iteration && !entry.was_tracked_before)
                .map(|entry| &entry.labels)
                .collect();
            self.table
                .iter()
                .filter(|entry| entry.tracked_in == iteration.wrapping_sub(1))
                .map(|entry| (&entry.labels, entry.kind))
                .chain(self.orphans.iter().map(|(labels, kind)| (labels, *kind)))
                .filter(|(labels, _)| !fresh.contains(*labels))
                .for_each(|(labels, kind)| ended(labels, kind));
            self.orphans.clear();
        }
        if self.seen_now < self.table.len() {
            self.table.retain(|entry| entry.seen_in == iteration);
            let len = self.table.len();
            if self.table.capacity() > 4 * len + FAILED_GROWTH {
                self.table.shrink_to(2 * len, |entry| bucket_hash(entry.key));
            }
        }
        self.successful_len = self.table.len();
        self.tracked_before = self.tracked_now;
        self.next_iteration(1);
    }

    /// Ends a failed scrape: calls `ended` for every series of the previous one. What the failed
    /// scrape added is not written, hence not marked. Returns whether the cache had to be swept.
    pub(crate) fn fail(&mut self, mut ended: impl FnMut(&Labels, ValueKind)) -> bool {
        let iteration = self.iteration;
        if self.tracked_before > 0 {
            self.table
                .iter()
                .filter(|entry| {
                    entry.tracked_in == iteration.wrapping_sub(1)
                        || (entry.tracked_in == iteration && entry.was_tracked_before)
                })
                .for_each(|entry| ended(&entry.labels, entry.kind));
        }
        self.orphans
            .drain(..)
            .for_each(|(labels, kind)| ended(&labels, kind));
        let must_sweep = self.table.len() > 2 * self.successful_len + FAILED_GROWTH;
        if must_sweep {
            self.table.retain(|entry| entry.seen_in == iteration);
        }
        self.tracked_before = 0;
        // Nothing was tracked in this iteration, whatever the entries say.
        self.next_iteration(2);
        must_sweep
    }

    /// Starts afresh because series are now stored under other labels.
    pub(crate) fn reset(&mut self) {
        let last = self.iteration.wrapping_sub(1);
        let ended = std::mem::take(&mut self.table)
            .into_iter()
            .filter(|entry| entry.tracked_in == last);
        self.orphans.extend(ended.map(|entry| (entry.labels, entry.kind)));
        self.tracked_before = 0;
        self.successful_len = 0;
        self.next_iteration(1);
    }

    fn next_iteration(&mut self, step: u32) {
        // A scrape a second wraps after 68 years at the earliest.
        self.iteration = self.iteration.wrapping_add(step);
        self.tracked_now = 0;
        self.still_tracked = 0;
        self.seen_now = 0;
    }
}

fn bucket_hash(key: u128) -> u64 {
    key as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(name: &str) -> Labels {
        Labels::from_pairs([("__name__", name)]).unwrap()
    }

    /// Scrapes exposing the given series; a leading `!` fails the scrape. Returns what ended.
    fn scrape(cache: &mut SeriesCache, exposed: &str) -> Vec<String> {
        let failed = exposed.starts_with('!');
        for raw in exposed.trim_start_matches('!').split_whitespace() {
            let key = cache.key(raw.as_bytes());
            if cache.meet(key, true, ValueKind::Float).is_none() {
                // Spelling variants of a series end in an apostrophe.
                let labels = labels(raw.trim_end_matches('\''));
                cache.insert(key, labels, true, ValueKind::Float);
            }
        }
        let mut ended = Vec::new();
        let mut note = |labels: &Labels, _: ValueKind| ended.push(labels.metric_name().to_owned());
        if failed {
            cache.fail(&mut note);
        } else {
            cache.finish(&mut note);
        }
        ended.sort();
        ended
    }

    #[test]
    fn series_end_once() {
        let mut cache = SeriesCache::new(7);
        for (exposed, ended) in [
            ("a b c", ""),
            ("a b c", ""),
            ("a", "b c"),
            ("a", ""),
            ("a b", ""),
            // A failed scrape ends everything, also what it exposed before it failed.
            ("!a d", "a b"),
            ("!", ""),
            ("a b", ""),
            ("a' b", ""),
            ("b", "a"),
            ("", "b"),
            ("", ""),
        ] {
            assert_eq!(scrape(&mut cache, exposed).join(" "), ended, "{exposed}");
        }
        assert_eq!(cache.len(), 0);
    }

    #[test]
    fn after_a_reset_only_missing_series_end() {
        let mut cache = SeriesCache::new(7);
        scrape(&mut cache, "a b");
        cache.reset();
        assert_eq!(scrape(&mut cache, "a c"), ["b"]);
        cache.reset();
        assert_eq!(scrape(&mut cache, "!"), ["a", "c"]);
    }

    #[test]
    fn failing_scrapes_do_not_grow_the_cache_for_ever() {
        let mut cache = SeriesCache::new(7);
        for round in 0..20 {
            let exposed: Vec<String> = (0..400).map(|n| format!("s{round}_{n}")).collect();
            scrape(&mut cache, &format!("!{}", exposed.join(" ")));
            assert!(cache.len() <= FAILED_GROWTH + 400);
        }
    }
}
