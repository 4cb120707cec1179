//! One tenant's label pairs.

use std::collections::BTreeMap;

use hashbrown::HashTable;
use roaring::RoaringBitmap;
use vigie_model::{MatcherRegex, write_uvarint};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::packed::{pair_name, split_pair};
use super::segment::Segment;
use super::{Postings, packed_pairs};

/// Every pair of name and value is stored once and has a number; a series' labels are the numbers of its
/// pairs: 4 bytes a label, from which the packed label set is put together by copying.
///
/// The values of a name are in segments of its own, apart from those of others, so that a matcher reads
/// what it asks about and nothing else.
#[derive(Debug, Default)]
pub(crate) struct LabelIndex {
    pairs: Vec<Pair>,
    /// Numbers of pairs that no series has.
    free: Vec<u32>,
    by_text: HashTable<u32>,
    names: BTreeMap<Box<str>, u32>,
    /// By the number of the name.
    labels: Vec<LabelName>,
    free_labels: Vec<u32>,
    segments: Vec<Segment>,
    free_segments: Vec<u32>,
    /// The pairs of the series inserted last.
    last_inserted: Vec<u32>,
    /// All series of the tenant.
    pub(crate) all: RoaringBitmap,
}

/// Where a pair's value is, and who has it.
#[derive(Debug, Default)]
struct Pair {
    segment: u32,
    offset: u32,
    postings: Postings,
}

const _: () = assert!(size_of::<Pair>() == 32, "one per pair: see the memory budget");

/// A label name and where its values are.
#[derive(Debug, Default)]
pub(crate) struct LabelName {
    /// As packed pairs start with it.
    packed_name: Box<[u8]>,
    /// Of the packed name.
    hash: u64,
    segments: Vec<u32>,
    /// How many values there are.
    len: usize,
}

impl LabelName {
    pub(crate) fn value_count(&self) -> usize {
        self.len
    }
}

impl LabelIndex {
    /// The number of a pair, if any series has it.
    pub(crate) fn find(&self, packed_pair: &[u8]) -> Option<u32> {
        let (name, value) = split_pair(packed_pair)?;
        self.by_text
            .find(pair_hash(xxh3_64(name), value), |&pair| {
                self.is_pair(pair, packed_pair)
            })
            .copied()
    }

    /// The number of the pair of a name and a value, if any series has it.
    pub(crate) fn find_value(&self, name: &str, value: &str) -> Option<u32> {
        let mut packed = Vec::with_capacity(name.len() + value.len() + 8);
        for text in [name, value] {
            write_uvarint(&mut packed, text.len() as u64);
            packed.extend_from_slice(text.as_bytes());
        }
        self.find(&packed)
    }

    fn is_pair(&self, number: u32, packed_pair: &[u8]) -> bool {
        let pair = &self.pairs[number as usize];
        let segment = &self.segments[pair.segment as usize];
        let name = &self.labels[segment.name as usize].packed_name;
        // The length comes first, so a value that starts like another is not taken for it.
        packed_pair
            .strip_prefix(&**name)
            .is_some_and(|value| segment.from(pair.offset).starts_with(value))
    }

    /// [`LabelIndex::find`], trying the pair at the same place of another series first.
    fn find_like(&self, other: &[u32], at: usize, packed_pair: &[u8]) -> Option<u32> {
        let same = other.get(at).copied();
        same.filter(|&number| self.is_pair(number, packed_pair))
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
                None => match self.insert_pair(pair) {
                    Some(number) => number,
                    None => continue, // Not a pair; `packed_pairs` gives none.
                },
            };
            self.pairs[number as usize].postings.insert(id);
            numbers.push(number);
        }
        self.all.insert(id);
        self.last_inserted = numbers;
        &self.last_inserted
    }

    fn insert_pair(&mut self, packed_pair: &[u8]) -> Option<u32> {
        let (packed_name, packed_value) = split_pair(packed_pair)?;
        let label = self.enter_name(pair_name(packed_pair), packed_name);
        let number = self.free.pop().unwrap_or_else(|| {
            self.pairs.push(Pair::default());
            (self.pairs.len() - 1) as u32
        });
        self.pairs[number as usize].postings = Postings::default();
        self.place(number, label, packed_value);
        let hash = pair_hash(self.labels[label as usize].hash, packed_value);
        let LabelIndex {
            pairs,
            by_text,
            labels,
            segments,
            ..
        } = self;
        by_text.insert_unique(hash, number, |&other| {
            let pair = &pairs[other as usize];
            let segment = &segments[pair.segment as usize];
            pair_hash(
                labels[segment.name as usize].hash,
                segment.packed_value(pair.offset),
            )
        });
        Some(number)
    }

    /// The number of a name, which is entered if it is new.
    fn enter_name(&mut self, name: &str, packed_name: &[u8]) -> u32 {
        if let Some(&number) = self.names.get(name) {
            return number;
        }
        let number = self.free_labels.pop().unwrap_or_else(|| {
            self.labels.push(LabelName::default());
            (self.labels.len() - 1) as u32
        });
        self.labels[number as usize] = LabelName {
            packed_name: packed_name.into(),
            hash: xxh3_64(packed_name),
            segments: Vec::new(),
            len: 0,
        };
        self.names.insert(name.into(), number);
        number
    }

    /// Puts a pair's value behind the others of its name.
    fn place(&mut self, number: u32, label_number: u32, packed_value: &[u8]) {
        let label = &mut self.labels[label_number as usize];
        let last = label.segments.last().copied();
        let segment = match last.filter(|&last| !self.segments[last as usize].is_full()) {
            Some(segment) => segment,
            None => {
                let segment = self.free_segments.pop().unwrap_or_else(|| {
                    self.segments.push(Segment::default());
                    (self.segments.len() - 1) as u32
                });
                self.segments[segment as usize] = Segment::new(label_number);
                label.segments.push(segment);
                segment
            }
        };
        label.len += 1;
        let pair = &mut self.pairs[number as usize];
        pair.segment = segment;
        pair.offset = self.segments[segment as usize].push(packed_value, number);
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
        let unused: Vec<u32> = (0..self.labels.len() as u32)
            .filter(|&label| {
                let mut pairs = self.pairs_of(&self.labels[label as usize]);
                pairs.any(|pair| self.postings(pair).is_empty())
            })
            .collect();
        for label in unused {
            self.rewrite(label);
        }
        let LabelIndex {
            names,
            labels,
            free_labels,
            ..
        } = self;
        names.retain(|_, &mut number| {
            let label = &mut labels[number as usize];
            let is_used = label.len > 0;
            if !is_used {
                *label = LabelName::default();
                free_labels.push(number);
            }
            is_used
        });
    }

    /// Writes a name's values anew, without those that no series has.
    fn rewrite(&mut self, label_number: u32) {
        let label = &mut self.labels[label_number as usize];
        let name_hash = label.hash;
        label.len = 0;
        for old in std::mem::take(&mut label.segments) {
            let segment = std::mem::take(&mut self.segments[old as usize]);
            self.free_segments.push(old);
            for entry in segment.entries() {
                if !self.postings(entry.pair).is_empty() {
                    self.place(entry.pair, label_number, entry.packed);
                    continue;
                }
                let hash = pair_hash(name_hash, entry.packed);
                if let Ok(found) = self.by_text.find_entry(hash, |&other| other == entry.pair) {
                    found.remove();
                }
                self.pairs[entry.pair as usize] = Pair::default();
                self.free.push(entry.pair);
            }
        }
    }

    /// Puts a series' packed labels together.
    pub(crate) fn pack_labels(&self, numbers: impl Iterator<Item = u32>, packed: &mut Vec<u8>) {
        for number in numbers {
            let pair = &self.pairs[number as usize];
            let segment = &self.segments[pair.segment as usize];
            packed.extend_from_slice(&self.labels[segment.name as usize].packed_name);
            packed.extend_from_slice(segment.packed_value(pair.offset));
        }
    }

    /// The length of what [`LabelIndex::pack_labels`] appends.
    pub(crate) fn packed_len(&self, numbers: impl Iterator<Item = u32>) -> usize {
        let lengths = numbers.map(|number| {
            let pair = &self.pairs[number as usize];
            let segment = &self.segments[pair.segment as usize];
            let name = &self.labels[segment.name as usize].packed_name;
            name.len() + segment.packed_value(pair.offset).len()
        });
        lengths.sum()
    }

    pub(crate) fn value(&self, number: u32) -> &str {
        let pair = &self.pairs[number as usize];
        let value = self.segments[pair.segment as usize].value(pair.offset);
        // What is no UTF-8 is refused before it gets here.
        std::str::from_utf8(value).unwrap_or_default()
    }

    pub(crate) fn postings(&self, number: u32) -> &Postings {
        &self.pairs[number as usize].postings
    }

    /// The number of the pair's name.
    pub(crate) fn name_of(&self, number: u32) -> u32 {
        self.segments[self.pairs[number as usize].segment as usize].name
    }

    pub(crate) fn name_number(&self, name: &str) -> Option<u32> {
        self.names.get(name).copied()
    }

    pub(crate) fn label(&self, name_number: u32) -> &LabelName {
        &self.labels[name_number as usize]
    }

    pub(crate) fn label_count(&self) -> usize {
        self.labels.len()
    }

    /// All label names, sorted, with their numbers.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, u32)> {
        self.names.iter().map(|(name, &number)| (&**name, number))
    }

    /// The pairs of a name, in no order.
    pub(crate) fn pairs_of<'a>(&'a self, label: &'a LabelName) -> impl Iterator<Item = u32> + 'a {
        label
            .segments
            .iter()
            .flat_map(move |&segment| self.segments[segment as usize].pairs.iter().copied())
    }

    /// The pairs of a name with their values, in no order.
    pub(crate) fn values_of<'a>(
        &'a self,
        label: &'a LabelName,
    ) -> impl Iterator<Item = (u32, &'a [u8])> + 'a {
        label.segments.iter().flat_map(move |&segment| {
            let entries = self.segments[segment as usize].entries();
            entries.map(|entry| (entry.pair, entry.value))
        })
    }

    /// The pairs whose values match.
    pub(crate) fn matching(&self, label: &LabelName, regex: &MatcherRegex) -> Vec<u32> {
        let mut matching = Vec::new();
        let mut finder = regex.finder();
        for &segment in &label.segments {
            let segment = &self.segments[segment as usize];
            match finder {
                Some(texts) => {
                    let mut found = 0;
                    segment.find(texts, |entry| {
                        found += 1;
                        if regex.is_match_bytes(entry.value) {
                            matching.push(entry.pair);
                        }
                    });
                    // A text that is in most values only costs time.
                    if found > segment.pairs.len() / 2 {
                        finder = None;
                    }
                }
                None => matching.extend(
                    segment
                        .entries()
                        .filter(|entry| regex.is_match_bytes(entry.value))
                        .map(|entry| entry.pair),
                ),
            }
        }
        matching
    }

    /// Bytes on the heap. Visits each pair.
    pub(crate) fn heap_bytes(&self) -> usize {
        let pairs = self.pairs.iter();
        let pairs: usize = pairs.map(|pair| pair.postings.heap_bytes()).sum();
        let labels = self.labels.iter();
        let names: usize = labels
            .map(|label| 2 * label.packed_name.len() + label.segments.capacity() * size_of::<u32>())
            .sum();
        let segments: usize = self.segments.iter().map(Segment::heap_bytes).sum();
        pairs
            + self.pairs.capacity() * size_of::<Pair>()
            + self.free.capacity() * size_of::<u32>()
            + self.by_text.allocation_size()
            + names
            + self.labels.capacity() * size_of::<LabelName>()
            + segments
            + self.segments.capacity() * size_of::<Segment>()
            + self.all.serialized_size()
    }

    /// How many pairs there are.
    pub(crate) fn pair_count(&self) -> usize {
        self.by_text.len()
    }
}

fn pair_hash(name_hash: u64, packed_value: &[u8]) -> u64 {
    xxh3_64_with_seed(packed_value, name_hash)
}
