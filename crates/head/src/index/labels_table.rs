//! From labels to series id.

use hashbrown::HashTable;

/// Series ids by the hash of tenant and label pairs, 32 bits each.
///
/// The hash is kept in the series' row, so growing fetches the rows, but no labels.
#[derive(Debug, Default)]
pub(crate) struct LabelsTable {
    ids: HashTable<u32>,
}

impl LabelsTable {
    /// `hash_of` gives the hash a series was inserted under, here and below.
    pub(crate) fn reserve(&mut self, additional: usize, hash_of: impl Fn(u32) -> u32) {
        self.ids.reserve(additional, |&id| spread(hash_of(id)));
    }

    /// The series with this hash that `is_it` recognises. It is asked of a few with other hashes, too.
    pub(crate) fn find(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        self.ids.find(spread(hash), |&id| is_it(id)).copied()
    }

    pub(crate) fn insert(&mut self, hash: u32, id: u32, hash_of: impl Fn(u32) -> u32) {
        self.ids
            .insert_unique(spread(hash), id, |&id| spread(hash_of(id)));
    }

    /// Needs no rows: they may be gone.
    pub(crate) fn remove(&mut self, hash: u32, id: u32) {
        if let Ok(entry) = self.ids.find_entry(spread(hash), |&other| other == id) {
            entry.remove();
        }
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.ids.allocation_size()
    }
}

/// The table wants its bits from both ends of 64.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Mixes the numbers of the pairs. They are dense, so a multiplication each spreads them well enough.
pub(crate) fn labels_hash(tenant: u32, pairs: &[u32]) -> u32 {
    let mixed = pairs.iter().fold(u64::from(tenant), |hash, &pair| {
        (hash.rotate_left(23) ^ u64::from(pair)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    });
    (mixed >> 32) as u32
}
