//! From labels to series id.

use hashbrown::HashTable;

/// Series ids by the hash of tenant and label pairs.
///
/// The hash is kept beside the id: growing would else have to fetch every series to hash it again.
#[derive(Debug, Default)]
pub(crate) struct LabelsTable {
    entries: HashTable<Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    id: u32,
    hash: u32,
}

impl LabelsTable {
    pub(crate) fn reserve(&mut self, additional: usize) {
        self.entries.reserve(additional, |entry| spread(entry.hash));
    }

    /// The series with this hash that `is_it` recognises.
    pub(crate) fn find(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        self.entries
            .find(spread(hash), |entry| entry.hash == hash && is_it(entry.id))
            .map(|entry| entry.id)
    }

    pub(crate) fn insert(&mut self, hash: u32, id: u32) {
        self.entries
            .insert_unique(spread(hash), Entry { id, hash }, |entry| spread(entry.hash));
    }

    pub(crate) fn remove(&mut self, hash: u32, id: u32) {
        if let Ok(entry) = self.entries.find_entry(spread(hash), |entry| entry.id == id) {
            entry.remove();
        }
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
