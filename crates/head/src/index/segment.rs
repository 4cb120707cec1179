//! Values of one label, one behind the other.

use vigie_model::{Finder, read_uvarint};

/// A segment with so many bytes takes no more values. Small enough that a hit's value is soon found from
/// the segment's start, large enough that a scan seldom starts anew.
const FULL_BYTES: usize = 16 << 10;

/// Values in the order of arrival, each behind its length: as they are in packed pairs, without the name.
///
/// So a text is looked for in hundreds of values at once, and reading them all is reading memory forward.
#[derive(Debug, Default)]
pub(crate) struct Segment {
    /// The number of the label name.
    pub(super) name: u32,
    packed: Vec<u8>,
    /// The numbers of the values' pairs, in the same order.
    pub(super) pairs: Vec<u32>,
}

/// A value and its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) pair: u32,
    pub(super) value: &'a [u8],
    /// The value behind its length.
    pub(super) packed: &'a [u8],
    end: usize,
}

impl Segment {
    pub(super) fn new(name: u32) -> Segment {
        Segment {
            name,
            packed: Vec::new(),
            pairs: Vec::new(),
        }
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.packed.capacity() + self.pairs.capacity() * size_of::<u32>()
    }

    pub(super) fn is_full(&self) -> bool {
        self.packed.len() >= FULL_BYTES
    }

    /// Adds a value and returns its offset, which fits: a segment is full long before.
    pub(super) fn push(&mut self, packed_value: &[u8], pair: u32) -> u32 {
        let offset = self.packed.len() as u32;
        self.packed.extend_from_slice(packed_value);
        self.pairs.push(pair);
        if self.is_full() {
            self.packed.shrink_to_fit();
            self.pairs.shrink_to_fit();
        }
        offset
    }

    /// Everything from an offset on; the value that starts there is first.
    #[inline]
    pub(super) fn from(&self, offset: u32) -> &[u8] {
        self.packed.get(offset as usize..).unwrap_or_default()
    }

    /// The value at an offset, behind its length.
    #[inline]
    pub(super) fn packed_value(&self, offset: u32) -> &[u8] {
        let start = self.from(offset);
        let mut rest = start;
        let length = read_uvarint(&mut rest).unwrap_or_default() as usize;
        start.get(..start.len() - rest.len() + length).unwrap_or_default()
    }

    pub(super) fn value(&self, offset: u32) -> &[u8] {
        let mut rest = self.from(offset);
        let length = read_uvarint(&mut rest).unwrap_or_default() as usize;
        rest.get(..length).unwrap_or_default()
    }

    /// All values in their order.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut start = 0;
        self.pairs.iter().map_while(move |&pair| {
            let from = &self.packed[start..];
            let mut rest = from;
            let length = read_uvarint(&mut rest)? as usize;
            let value = rest.get(..length)?;
            let packed = &from[..from.len() - rest.len() + length];
            start += packed.len();
            Some(Entry {
                pair,
                value,
                packed,
                end: start,
            })
        })
    }

    /// Calls `visit` with each value in which the finder finds something.
    pub(super) fn find<'a>(&'a self, finder: &Finder, mut visit: impl FnMut(Entry<'a>)) {
        let mut entries = self.entries();
        let mut from = 0;
        while let Some((start, end)) = finder.find_at(&self.packed, from) {
            let Some(entry) = entries.by_ref().find(|entry| entry.end > start) else {
                return;
            };
            // What was found may begin in the value's length, or go on into the next one's.
            let value_start = entry.end - entry.value.len();
            if start >= value_start && end <= entry.end {
                visit(entry);
                from = entry.end;
                continue;
            }
            let inside = self.find_inside(finder, &entry, start + 1);
            if inside {
                visit(entry);
            }
            from = entry.end;
        }
    }

    /// Whether anything is found in the rest of a value, after a hit that was not inside it.
    fn find_inside(&self, finder: &Finder, entry: &Entry<'_>, from: usize) -> bool {
        let value_start = entry.end - entry.value.len();
        let rest = &self.packed[..entry.end];
        finder.find_at(rest, from.max(value_start)).is_some()
    }
}
