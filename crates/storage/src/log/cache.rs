//! The tail of a group's log in memory.

use std::collections::VecDeque;

use bytes::Bytes;

/// Memory of a cached entry beside its payload.
const ENTRY_OVERHEAD_BYTES: usize = 64;

/// Contiguous last entries of a group. Entries that are not yet durable are always here, as nothing else has
/// them.
#[derive(Debug, Default)]
pub(super) struct TailCache {
    first_index: u64,
    entries: VecDeque<Cached>,
}

#[derive(Debug)]
struct Cached {
    /// Number of the operation that brought it, to tell an entry from an overwritten one of the same index.
    op: u64,
    entry: Bytes,
}

impl TailCache {
    /// Index of the first entry, if there is any.
    pub(super) fn first_index(&self) -> Option<u64> {
        (!self.entries.is_empty()).then_some(self.first_index)
    }

    /// Adds the entry after the last one. Gives the bytes it takes.
    pub(super) fn push(&mut self, index: u64, op: u64, entry: Bytes) -> usize {
        if self.entries.is_empty() {
            self.first_index = index;
        }
        let size = size_of_entry(&entry);
        self.entries.push_back(Cached { op, entry });
        size
    }

    /// Removes entries from `index` on. Gives the bytes freed.
    pub(super) fn truncate_from(&mut self, index: u64) -> usize {
        let keep = usize::try_from(index.saturating_sub(self.first_index)).unwrap_or(usize::MAX);
        if keep >= self.entries.len() {
            return 0;
        }
        self.entries
            .drain(keep..)
            .map(|cached| size_of_entry(&cached.entry))
            .sum()
    }

    /// Removes entries up to `index` that operations up to `op` brought. Gives the bytes freed.
    pub(super) fn evict_through(&mut self, index: u64, op: u64) -> usize {
        let mut freed = 0;
        while self.first_index <= index && self.entries.front().is_some_and(|cached| cached.op <= op) {
            freed += self
                .entries
                .pop_front()
                .map_or(0, |cached| size_of_entry(&cached.entry));
            self.first_index += 1;
        }
        freed
    }

    /// Entries of `start..end`, or none if `start` is not here; stops once they exceed `max_bytes`, but not
    /// before the first.
    pub(super) fn read(&self, start: u64, end: u64, max_bytes: usize, into: &mut Vec<(u64, Bytes)>) -> usize {
        let Some(skip) = start
            .checked_sub(self.first_index)
            .and_then(|skip| usize::try_from(skip).ok())
        else {
            return 0;
        };
        let mut bytes = 0;
        for (index, cached) in (start..end).zip(self.entries.iter().skip(skip)) {
            if !into.is_empty() && bytes + cached.entry.len() > max_bytes {
                break;
            }
            bytes += cached.entry.len();
            into.push((index, cached.entry.clone()));
        }
        bytes
    }
}

/// Bytes that `entry` is accounted with.
pub(super) fn size_of_entry(entry: &Bytes) -> usize {
    entry.len() + ENTRY_OVERHEAD_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(byte: u8) -> Bytes {
        Bytes::copy_from_slice(&[byte; 10])
    }

    #[test]
    fn keeps_a_contiguous_tail() {
        let mut cache = TailCache::default();
        assert_eq!(cache.first_index(), None);
        for index in 5..10 {
            assert_eq!(cache.push(index, index, entry(0)), 74);
        }
        let mut read = Vec::new();
        assert_eq!(cache.read(4, 10, 1000, &mut read), 0);
        assert_eq!(cache.read(7, 100, 1000, &mut read), 30);
        assert_eq!(
            read.iter().map(|(index, _)| *index).collect::<Vec<_>>(),
            [7, 8, 9]
        );
        read.clear();
        assert_eq!(cache.read(7, 10, 5, &mut read), 10);
        assert_eq!(cache.evict_through(6, 5), 74);
        assert_eq!(cache.first_index(), Some(6));
        assert_eq!(cache.truncate_from(8), 2 * 74);
        assert_eq!(cache.truncate_from(8), 0);
        // The entry at 8 is another one now: an eviction meant for the former must leave it.
        cache.push(8, 20, entry(1));
        assert_eq!(cache.evict_through(9, 9), 2 * 74);
        assert_eq!(cache.first_index(), Some(8));
        assert_eq!(cache.truncate_from(0), 74);
        assert_eq!(cache.first_index(), None);
    }
}
