//! Pages: the records of up to 64 consecutive ids under one key.
//!
//! A checkpoint writes, and a restart reads, a record of every series. One by one, RocksDB's work for each
//! key costs several times what the record's bytes do; in pages it is spread over 64 of them.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;

use crate::StorageError;

/// Ids on one page.
const PAGE_IDS: u32 = 64;
const VERSION: u8 = 1;
/// Version and the mask of ids.
const HEADER_BYTES: usize = 9;
const LENGTH_BYTES: usize = 4;
const CRC_BYTES: usize = 4;

/// Number of the page that `id` is on.
fn page_of(id: u32) -> u32 {
    id / PAGE_IDS
}

/// The bit of `id` in its page's mask.
fn bit_of(id: u32) -> u64 {
    1 << (id % PAGE_IDS)
}

/// A verified page.
#[derive(Debug, Clone)]
pub(super) struct Page {
    bytes: Bytes,
    mask: u64,
}

impl Page {
    pub(super) fn parse(bytes: Bytes) -> Result<Page, StorageError> {
        let (body, crc) = bytes
            .split_last_chunk::<CRC_BYTES>()
            .ok_or_else(|| bad("shorter than its checksum"))?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
            return Err(bad("checksum mismatch"));
        }
        let ([version, mask @ ..], rest) = body
            .split_first_chunk::<HEADER_BYTES>()
            .ok_or_else(|| bad("shorter than its header"))?;
        if *version != VERSION {
            return Err(bad("written by another version"));
        }
        let mask = u64::from_le_bytes(*mask);
        let (lengths, records) = rest
            .split_at_checked(mask.count_ones() as usize * LENGTH_BYTES)
            .ok_or_else(|| bad("ends within its lengths"))?;
        let total: u64 = lengths
            .chunks_exact(LENGTH_BYTES)
            .map(|raw| u64::from(length(raw)))
            .sum();
        if total != records.len() as u64 {
            return Err(bad("lengths do not add up"));
        }
        Ok(Page { mask, bytes })
    }

    /// Ids, as their places on the page, with where their records are in [`Page::bytes`]; ascending.
    pub(super) fn records(&self) -> impl Iterator<Item = (u32, Range<usize>)> {
        let mut mask = self.mask;
        let mut length_at = HEADER_BYTES;
        let mut at = HEADER_BYTES + mask.count_ones() as usize * LENGTH_BYTES;
        std::iter::from_fn(move || {
            let place = mask.trailing_zeros();
            if place == u64::BITS {
                return None;
            }
            mask &= mask - 1;
            let record = at..at + length(&self.bytes[length_at..length_at + LENGTH_BYTES]) as usize;
            length_at += LENGTH_BYTES;
            at = record.end;
            Some((place, record))
        })
    }

    pub(super) fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

/// The first id of a page.
pub(super) fn first_id(page: u32) -> u32 {
    page.saturating_mul(PAGE_IDS)
}

/// Changes to records, by page.
#[derive(Debug, Default)]
pub(super) struct PageChanges {
    pages: BTreeMap<u32, Changes>,
    /// The page changed last, taken out of the map: ids mostly ascend.
    current: Option<(u32, Changes)>,
    bytes: usize,
}

/// Changes to one page. Of several to one id the last counts.
#[derive(Debug, Default)]
pub(super) struct Changes {
    mask: u64,
    /// Place on the page, and where in `bytes` its record is; `None` if it goes.
    records: Vec<(u8, Option<Range<u32>>)>,
    bytes: Vec<u8>,
}

impl PageChanges {
    pub(super) fn put(&mut self, id: u32, record: &[u8]) -> Result<(), StorageError> {
        self.bytes += record.len() + LENGTH_BYTES;
        let changes = self.at(page_of(id));
        let start = changes.bytes.len();
        changes.bytes.extend_from_slice(record);
        let too_long = |_| bad("longer than a page can say");
        let range =
            u32::try_from(start).map_err(too_long)?..u32::try_from(changes.bytes.len()).map_err(too_long)?;
        changes.note(id, Some(range));
        Ok(())
    }

    pub(super) fn remove(&mut self, id: u32) {
        self.at(page_of(id)).note(id, None);
    }

    /// Bytes of the records, about.
    pub(super) fn size_bytes(&self) -> usize {
        self.bytes
    }

    /// All pages that change, ascending.
    pub(super) fn into_pages(mut self) -> BTreeMap<u32, Changes> {
        self.pages.extend(self.current.take());
        self.pages
    }

    fn at(&mut self, page: u32) -> &mut Changes {
        if self.current.as_ref().is_none_or(|(current, _)| *current != page) {
            let mut next = self.pages.remove(&page).unwrap_or_default();
            if let Some((former, changes)) = self.current.take() {
                // Neighbours are about alike.
                next.bytes.reserve(changes.bytes.len());
                next.records.reserve(changes.records.len());
                self.pages.insert(former, changes);
            }
            self.current = Some((page, next));
        }
        let (_, changes) = self.current.get_or_insert_with(Default::default);
        changes
    }
}

impl Changes {
    /// Ids that change, one bit each.
    pub(super) fn mask(&self) -> u64 {
        self.mask
    }

    /// The page after the changes and its ids, `None` if it is empty. `stored` is what it was before, and may
    /// be left out if all its ids change.
    pub(super) fn apply(&self, stored: Option<&Page>, out: &mut Vec<u8>) -> Option<u64> {
        let mut records = [None::<&[u8]>; PAGE_IDS as usize];
        if let Some(stored) = stored {
            for (place, range) in stored.records() {
                records[place as usize] = Some(&stored.bytes[range]);
            }
        }
        for (place, range) in &self.records {
            records[usize::from(*place)] = range
                .as_ref()
                .map(|range| &self.bytes[range.start as usize..range.end as usize]);
        }
        out.clear();
        out.push(VERSION);
        let mut mask = 0u64;
        for (place, record) in records.iter().enumerate() {
            mask |= u64::from(record.is_some()) << place;
        }
        if mask == 0 {
            return None;
        }
        out.extend_from_slice(&mask.to_le_bytes());
        for record in records.iter().flatten() {
            out.extend_from_slice(&(record.len() as u32).to_le_bytes());
        }
        for record in records.iter().flatten() {
            out.extend_from_slice(record);
        }
        let crc = crc32c::crc32c(out);
        out.extend_from_slice(&crc.to_le_bytes());
        Some(mask)
    }

    fn note(&mut self, id: u32, record: Option<Range<u32>>) {
        self.mask |= bit_of(id);
        self.records.push(((id % PAGE_IDS) as u8, record));
    }
}

/// Which ids the pages of one column family and shard hold, as far as is known: pages whose ids all change
/// need not be read before they are written.
#[derive(Debug, Default)]
pub(super) struct Occupancy {
    /// By page; pages beyond are not known.
    masks: Vec<u64>,
}

impl Occupancy {
    /// Ids that may be on the page.
    pub(super) fn mask(&self, page: u32) -> u64 {
        self.masks.get(page as usize).copied().unwrap_or(u64::MAX)
    }

    /// Notes what is on the page; `u64::MAX` says that it is not known.
    pub(super) fn set(&mut self, page: u32, mask: u64) {
        let page = page as usize;
        if page >= self.masks.len() {
            self.masks.resize(page + 1, u64::MAX);
        }
        self.masks[page] = mask;
    }
}

fn length(raw: &[u8]) -> u32 {
    raw.first_chunk().map_or(0, |raw| u32::from_le_bytes(*raw))
}

fn bad(reason: &'static str) -> StorageError {
    StorageError::Corrupt {
        what: "page of series",
        reason,
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn page(changes: PageChanges, stored: Option<&Page>) -> Option<Page> {
        let (_, changes) = changes.into_pages().pop_first().unwrap();
        let mut bytes = Vec::new();
        let mask = changes.apply(stored, &mut bytes)?;
        let page = Page::parse(bytes.into()).unwrap();
        assert_eq!(page.mask, mask);
        Some(page)
    }

    #[test]
    fn pages_keep_their_bytes() {
        let mut changes = PageChanges::default();
        changes.put(65, b"ab").unwrap();
        changes.put(127, b"c").unwrap();
        let page = page(changes, None).unwrap();
        assert_eq!(
            page.bytes()[..],
            *b"\x01\x02\0\0\0\0\0\0\x80\x02\0\0\0\x01\0\0\0abc\x52\xa7\x71\x20"
        );
    }

    proptest! {
        #[test]
        fn pages_are_maps(
            rounds in vec(vec((0..64u32, any::<Option<[u8; 3]>>()), 1..80), 1..4),
            flip: prop::sample::Index,
            noise in vec(any::<u8>(), 0..60),
        ) {
            let mut model = BTreeMap::new();
            let mut stored = None;
            for round in rounds {
                let mut changes = PageChanges::default();
                for (id, record) in round {
                    match record {
                        Some(record) => {
                            changes.put(id, &record[..(id % 4) as usize]).unwrap();
                            model.insert(id, record[..(id % 4) as usize].to_vec());
                        }
                        None => {
                            changes.remove(id);
                            model.remove(&id);
                        }
                    }
                }
                stored = page(changes, stored.as_ref());
                let held: BTreeMap<u32, Vec<u8>> = stored.iter().flat_map(|page| {
                    page.records().map(|(id, range)| (id, page.bytes()[range].to_vec())).collect::<Vec<_>>()
                }).collect();
                prop_assert_eq!(&held, &model);
            }
            if let Some(page) = stored {
                let mut damaged = page.bytes().to_vec();
                let at = flip.index(damaged.len());
                damaged[at] ^= 1;
                prop_assert!(Page::parse(damaged.into()).is_err());
            }
            // A checksum over nonsense must not make it panic.
            let mut sealed = noise.clone();
            sealed.extend_from_slice(&crc32c::crc32c(&noise).to_le_bytes());
            if let Ok(page) = Page::parse(sealed.into()) {
                page.records().for_each(|(_, range)| drop(page.bytes().slice(range)));
            }
        }
    }
}
