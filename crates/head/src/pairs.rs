//! Which label pairs each series has.

use std::num::NonZeroU32;

use vigie_model::{read_uvarint, write_uvarint};

/// Bytes of a page, unless a single list is larger.
const PAGE_BYTES: usize = 16 << 10;
/// Lists take whole units.
const UNIT_BYTES: usize = 4;
/// A handle has the page in its high bits and the unit in its low ones.
const UNIT_BITS: u32 = 12;
const UNIT_MASK: u32 = (1 << UNIT_BITS) - 1;
/// Lists of more units have a page each.
const MAX_SHARED_UNITS: usize = 64;
/// Ends a list of free slots.
const NO_UNIT: u32 = u32::MAX;

/// Names a list. Not zero, so that a series' row has a value to say that there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PairList(NonZeroU32);

/// Lists of pair numbers, as LEB128 after their count. Pairs of many series have small numbers, so a
/// list takes one to two bytes a label, and no allocation of its own.
///
/// Lists of one length share pages, and a page that lost its last list is freed.
#[derive(Debug, Default)]
pub(crate) struct PairLists {
    pages: Vec<Page>,
    /// By the number of units in a list: pages that may have room for one.
    with_room: Vec<Vec<u32>>,
    /// Pages without memory.
    unused: Vec<u32>,
    scratch: Vec<u8>,
}

#[derive(Debug, Default)]
struct Page {
    /// Empty if the page is unused.
    bytes: Box<[u8]>,
    /// Units a list takes here.
    slot_units: usize,
    lists: u32,
    /// The units from here on were never used.
    fresh: u32,
    /// The first of the slots that were freed; each holds the next.
    free: u32,
    /// Whether it is in `with_room`.
    is_listed: bool,
}

impl Page {
    fn units(&self) -> usize {
        self.bytes.len() / UNIT_BYTES
    }

    fn has_room(&self) -> bool {
        self.free != NO_UNIT || self.fresh as usize + self.slot_units <= self.units()
    }

    fn slot(&mut self, unit: u32) -> &mut [u8] {
        let start = unit as usize * UNIT_BYTES;
        &mut self.bytes[start..start + self.slot_units * UNIT_BYTES]
    }

    /// A free slot's first unit.
    fn take(&mut self) -> u32 {
        self.lists += 1;
        if self.free == NO_UNIT {
            let unit = self.fresh;
            self.fresh += self.slot_units as u32;
            return unit;
        }
        let unit = self.free;
        let next = self.slot(unit).first_chunk().copied().unwrap_or_default();
        self.free = u32::from_le_bytes(next);
        unit
    }

    fn put_back(&mut self, unit: u32) {
        self.lists -= 1;
        let next = self.free.to_le_bytes();
        self.slot(unit)[..next.len()].copy_from_slice(&next);
        self.free = unit;
    }
}

impl PairLists {
    pub(crate) fn insert(&mut self, pairs: &[u32]) -> PairList {
        let mut encoded = std::mem::take(&mut self.scratch);
        encode(pairs, &mut encoded);
        let units = encoded.len().div_ceil(UNIT_BYTES);
        let number = self.page_with_room(units);
        let page = &mut self.pages[number as usize];
        let unit = page.take();
        page.slot(unit)[..encoded.len()].copy_from_slice(&encoded);
        self.scratch = encoded;
        PairList(NonZeroU32::MIN.saturating_add(number << UNIT_BITS | unit))
    }

    pub(crate) fn get(&self, list: PairList) -> impl Iterator<Item = u32> {
        let mut input = self.encoded(list);
        let count = read_uvarint(&mut input).unwrap_or_default();
        (0..count).map_while(move |_| read_uvarint(&mut input).map(|pair| pair as u32))
    }

    pub(crate) fn remove(&mut self, list: PairList) {
        let (number, unit) = split(list);
        let Some(page) = self.pages.get_mut(number as usize) else {
            return;
        };
        page.put_back(unit);
        if page.lists == 0 {
            page.bytes = Box::default();
            if !page.is_listed {
                self.unused.push(number);
            }
        } else if !page.is_listed {
            page.is_listed = true;
            self.with_room[page.slot_units].push(number);
        }
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let pages: usize = self.pages.iter().map(|page| page.bytes.len()).sum();
        pages + self.pages.capacity() * size_of::<Page>()
    }

    /// The slot of a list, from its count on.
    fn encoded(&self, list: PairList) -> &[u8] {
        let (number, unit) = split(list);
        let bytes = self
            .pages
            .get(number as usize)
            .map_or(&[][..], |page| &page.bytes[..]);
        bytes.get(unit as usize * UNIT_BYTES..).unwrap_or_default()
    }

    fn page_with_room(&mut self, units: usize) -> u32 {
        if units > MAX_SHARED_UNITS {
            return self.new_page(units, units);
        }
        if self.with_room.is_empty() {
            self.with_room.resize_with(MAX_SHARED_UNITS + 1, Vec::new);
        }
        while let Some(&number) = self.with_room[units].last() {
            let page = &mut self.pages[number as usize];
            if !page.bytes.is_empty() && page.has_room() {
                return number;
            }
            page.is_listed = false;
            if page.bytes.is_empty() {
                self.unused.push(number);
            }
            self.with_room[units].pop();
        }
        let number = self.new_page(units, PAGE_BYTES / UNIT_BYTES);
        self.pages[number as usize].is_listed = true;
        self.with_room[units].push(number);
        number
    }

    fn new_page(&mut self, slot_units: usize, page_units: usize) -> u32 {
        let page = Page {
            bytes: vec![0; page_units * UNIT_BYTES].into(),
            slot_units,
            lists: 0,
            fresh: 0,
            free: NO_UNIT,
            is_listed: false,
        };
        if let Some(number) = self.unused.pop() {
            self.pages[number as usize] = page;
            return number;
        }
        assert!(
            self.pages.len() < (u32::MAX >> UNIT_BITS) as usize,
            "the labels of a shard's series take 16 GiB"
        );
        self.pages.push(page);
        (self.pages.len() - 1) as u32
    }
}

/// Replaces `encoded` by the form in which lists are kept.
fn encode(pairs: &[u32], encoded: &mut Vec<u8>) {
    encoded.clear();
    write_uvarint(encoded, pairs.len() as u64);
    for &pair in pairs {
        write_uvarint(encoded, u64::from(pair));
    }
}

fn split(PairList(handle): PairList) -> (u32, u32) {
    let handle = handle.get() - 1;
    (handle >> UNIT_BITS, handle & UNIT_MASK)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Inserts lists, removing some in between, and compares all that are left after each step.
    fn check(steps: &[(Vec<u32>, Option<prop::sample::Index>)]) {
        let mut lists = PairLists::default();
        let mut held: Vec<(PairList, Vec<u32>)> = Vec::new();
        for (pairs, removed) in steps {
            held.push((lists.insert(pairs), pairs.clone()));
            if let Some(index) = removed {
                lists.remove(held.swap_remove(index.index(held.len())).0);
            }
            for (list, pairs) in &held {
                assert_eq!(&lists.get(*list).collect::<Vec<u32>>(), pairs);
            }
        }
        for (list, _) in held {
            lists.remove(list);
        }
        assert!(lists.pages.iter().all(|page| page.bytes.is_empty()));
    }

    proptest! {
        #[test]
        fn lists_keep_their_pairs_and_leave_nothing_behind(
            steps in prop::collection::vec(
                (
                    prop_oneof![
                        9 => prop::collection::vec(any::<u32>().prop_map(|pair| pair >> (pair % 32)), 0..20),
                        1 => prop::collection::vec(any::<u32>(), 100..20_000),
                    ],
                    any::<Option<prop::sample::Index>>(),
                ),
                1..40,
            ),
        ) {
            check(&steps);
        }
    }
}
