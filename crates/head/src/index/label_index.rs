//! One tenant's label pairs.

use std::collections::BTreeMap;

use hashbrown::HashTable;
use roaring::RoaringBitmap;
use xxhash_rust::xxh3::xxh3_64;

use super::packed::{pair_name, pair_value};
use super::{Postings, packed_pairs};

/// Every pair of name and value is stored once, in packed form, and has a number; a series' labels
/// are the numbers of its pairs: 4 bytes a label, from which the packed label set is put together
/// by copying.
#[derive(Debug, Default)]
pub(crate) struct LabelIndex {
    pairs: Vec<Pair>,
    /// Numbers of pairs that no series has.
    free: Vec<u32>,
    by_text: HashTable<u32>,
    names: BTreeMap<Box<str>, LabelName>,
    /// The pairs of the series inserted last.
    last_inserted: Vec<u32>,
    /// All series of the tenant.
    pub(crate) all: RoaringBitmap,
}

#[derive(Debug, Default)]
struct Pair {
    packed: Box<[u8]>,
    postings: Postings,
}

/// A label name's pairs.
#[derive(Debug, Default)]
pub(crate) struct LabelName {
    /// In no order.
    pub(crate) pairs: Vec<u32>,
}

impl LabelIndex {
    /// The number of a pair, if any series has it.
    pub(crate) fn find(&self, packed_pair: &[u8]) -> Option<u32> {
        self.by_text
            .find(xxh3_64(packed_pair), |&pair| {
                *self.pairs[pair as usize].packed == *packed_pair
            })
            .copied()
    }

    /// [`LabelIndex::find`], trying the pair at the same place of another series first.
    fn find_like(&self, other: &[u32], at: usize, packed_pair: &[u8]) -> Option<u32> {
        let same = other.get(at).copied();
        same.filter(|&number| *self.pairs[number as usize].packed == *packed_pair)
            .or_else(|| self.find(packed_pair))
    }

    /// The numbers of a label set's pairs, if all of them exist.
    pub(crate) fn find_all(&self, packed: &[u8], pairs: &mut Vec<u32>) -> bool {
        pairs.clear();
        for (at, pair) in packed_pairs(packed).enumerate() {
            match self.find_like(&self.last_inserted, at, pair) {
                Some(number) => pairs.push(number),
                None => return false,
            }
        }
        true
    }

    /// Enters a series under all its pairs.
    pub(crate) fn insert_series(&mut self, packed: &[u8], id: u32) -> &[u32] {
        let mut numbers = Vec::with_capacity(self.last_inserted.len().max(8));
        // New series come target by target, so most labels are those of the series before.
        let previous = std::mem::take(&mut self.last_inserted);
        for (at, pair) in packed_pairs(packed).enumerate() {
            let number = match self.find_like(&previous, at, pair) {
                Some(number) => number,
                None => self.insert_pair(pair),
            };
            self.pairs[number as usize].postings.insert(id);
            numbers.push(number);
        }
        self.all.insert(id);
        self.last_inserted = numbers;
        &self.last_inserted
    }

    fn insert_pair(&mut self, packed_pair: &[u8]) -> u32 {
        let pair = Pair {
            packed: packed_pair.into(),
            postings: Postings::default(),
        };
        let number = match self.free.pop() {
            Some(number) => {
                self.pairs[number as usize] = pair;
                number
            }
            None => {
                self.pairs.push(pair);
                (self.pairs.len() - 1) as u32
            }
        };
        let pairs = &self.pairs;
        self.by_text
            .insert_unique(xxh3_64(packed_pair), number, |&other| {
                xxh3_64(&pairs[other as usize].packed)
            });
        let name = pair_name(packed_pair);
        match self.names.get_mut(name) {
            Some(label) => label.pairs.push(number),
            None => {
                let label = LabelName { pairs: vec![number] };
                self.names.insert(name.into(), label);
            }
        }
        number
    }

    /// Takes a series out. [`LabelIndex::drop_unused_pairs`] must follow before the next insertion.
    pub(crate) fn remove_series(&mut self, numbers: impl Iterator<Item = u32>, id: u32) {
        for number in numbers {
            self.pairs[number as usize].postings.remove(id);
        }
        self.all.remove(id);
    }

    /// Frees the pairs that lost their last series.
    pub(crate) fn drop_unused_pairs(&mut self) {
        self.last_inserted.clear();
        let LabelIndex {
            pairs,
            free,
            by_text,
            names,
            ..
        } = self;
        names.retain(|_, label| {
            label.pairs.retain(|&number| {
                let pair = &mut pairs[number as usize];
                let used = !pair.postings.is_empty();
                if !used {
                    if let Ok(entry) = by_text.find_entry(xxh3_64(&pair.packed), |&other| other == number) {
                        entry.remove();
                    }
                    *pair = Pair::default();
                    free.push(number);
                }
                used
            });
            label.pairs.shrink_to(label.pairs.len() * 2);
            !label.pairs.is_empty()
        });
    }

    /// Puts a series' packed labels together.
    pub(crate) fn pack_labels(&self, numbers: impl Iterator<Item = u32>, packed: &mut Vec<u8>) {
        for number in numbers {
            packed.extend_from_slice(&self.pairs[number as usize].packed);
        }
    }

    /// The length of what [`LabelIndex::pack_labels`] appends.
    pub(crate) fn packed_len(&self, numbers: impl Iterator<Item = u32>) -> usize {
        numbers
            .map(|number| self.pairs[number as usize].packed.len())
            .sum()
    }

    pub(crate) fn value(&self, number: u32) -> &str {
        pair_value(&self.pairs[number as usize].packed)
    }

    pub(crate) fn postings(&self, number: u32) -> &Postings {
        &self.pairs[number as usize].postings
    }

    /// Whether the pair's label has this name, given as the bytes all packed pairs of it start with.
    pub(crate) fn has_name(&self, number: u32, packed_name: &[u8]) -> bool {
        self.pairs[number as usize].packed.starts_with(packed_name)
    }

    pub(crate) fn name(&self, name: &str) -> Option<&LabelName> {
        self.names.get(name)
    }

    /// All label names, sorted.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &LabelName)> {
        self.names.iter().map(|(name, label)| (&**name, label))
    }

    /// Bytes on the heap. Visits each pair.
    pub(crate) fn heap_bytes(&self) -> usize {
        let pairs = self.pairs.iter();
        let pairs: usize = pairs
            .map(|pair| pair.packed.len() + pair.postings.heap_bytes())
            .sum();
        let names: usize = self
            .names
            .iter()
            .map(|(name, label)| name.len() + label.pairs.capacity() * size_of::<u32>())
            .sum();
        pairs
            + self.pairs.capacity() * size_of::<Pair>()
            + self.free.capacity() * size_of::<u32>()
            + self.by_text.allocation_size()
            + names
            + self.all.serialized_size()
    }

    /// How many pairs there are.
    pub(crate) fn pair_count(&self) -> usize {
        self.by_text.len()
    }
}
