//! Label names or values, put together from the heads of several shards.

use bytes::Bytes;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// Distinct texts, one behind the other, so that none has an allocation of its own.
///
/// A series' shard follows from a hash, so a value that a handful of series have is in all shards, and since series come
/// target by target, it is there behind the same value as in the other shards. So a text is compared first with the one
/// behind the text that came before it, and hashed only if it is another.
#[derive(Debug, Default)]
pub struct DistinctTexts {
    bytes: Vec<u8>,
    /// Where each ends, and the next begins.
    ends: Vec<usize>,
    by_text: HashTable<usize>,
    /// The text that is expected to come next.
    expected: usize,
}

/// So many bytes of texts are compared at once.
const KEY_BYTES: usize = size_of::<u128>();

impl DistinctTexts {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub fn contains(&self, text: &[u8]) -> bool {
        self.find(xxh3_64(text), text).is_some()
    }

    pub fn insert(&mut self, text: &[u8]) {
        if self.expected < self.len() && self.text(self.expected) == text {
            self.expected += 1;
            return;
        }
        let hash = xxh3_64(text);
        let number = self.find(hash, text).unwrap_or_else(|| {
            self.bytes.extend_from_slice(text);
            self.ends.push(self.bytes.len());
            let DistinctTexts {
                bytes, ends, by_text, ..
            } = self;
            let number = ends.len() - 1;
            by_text.insert_unique(hash, number, |&other| xxh3_64(text_at(bytes, ends, other)));
            number
        });
        self.expected = number + 1;
    }

    /// All texts by their bytes, which is how UTF-8 sorts. They share one buffer.
    pub fn into_sorted(self) -> Vec<Bytes> {
        let order = self.order();
        let DistinctTexts { bytes, ends, .. } = self;
        let bytes = Bytes::from(bytes);
        let start = |number: usize| number.checked_sub(1).map_or(0, |before| ends[before]);
        let slice = |number: usize| bytes.slice(start(number)..ends[number]);
        order.into_iter().map(|(_, number)| slice(number)).collect()
    }

    /// The numbers of the texts in their order. A few bytes of each text are sorted, which takes no look at the texts; those
    /// that are alike in them are sorted by the bytes that follow.
    fn order(&self) -> Vec<(u128, usize)> {
        let mut order: Vec<(u128, usize)> = (0..self.len()).map(|number| (0, number)).collect();
        // Not by recursion: texts may be alike for as long as they are.
        let mut unsorted = vec![(0..order.len(), 0)];
        while let Some((range, offset)) = unsorted.pop() {
            let first = range.start;
            let texts = &mut order[range];
            for (key, number) in &mut *texts {
                *key = key_at(self.text(*number), offset);
            }
            texts.sort_unstable_by_key(|(key, _)| *key);
            let next = offset + KEY_BYTES;
            let mut start = first;
            for alike in texts.chunk_by_mut(|left, right| left.0 == right.0) {
                let range = start..start + alike.len();
                start = range.end;
                if alike.iter().any(|(_, number)| self.text(*number).len() > next) {
                    unsorted.push((range, next));
                } else {
                    // They differ in zeros at their ends, which keys are filled with.
                    alike.sort_unstable_by_key(|(_, number)| self.text(*number).len());
                }
            }
        }
        order
    }

    fn find(&self, hash: u64, text: &[u8]) -> Option<usize> {
        self.by_text
            .find(hash, |&number| self.text(number) == text)
            .copied()
    }

    fn text(&self, number: usize) -> &[u8] {
        text_at(&self.bytes, &self.ends, number)
    }
}

fn text_at<'a>(bytes: &'a [u8], ends: &[usize], number: usize) -> &'a [u8] {
    let start = number.checked_sub(1).map_or(0, |before| ends[before]);
    &bytes[start..ends[number]]
}

/// The bytes from an offset on, as a number that sorts as they do.
fn key_at(text: &[u8], offset: usize) -> u128 {
    let rest = text.get(offset..).unwrap_or_default();
    let mut key = [0; KEY_BYTES];
    let length = rest.len().min(KEY_BYTES);
    key[..length].copy_from_slice(&rest[..length]);
    u128::from_be_bytes(key)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn check(texts: &[Vec<u8>]) {
        let mut distinct = DistinctTexts::default();
        for text in texts {
            distinct.insert(text);
            assert!(distinct.contains(text));
        }
        let expected: BTreeSet<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        assert_eq!(distinct.len(), expected.len());
        assert!(distinct.into_sorted().iter().map(|text| &text[..]).eq(expected));
    }

    proptest! {
        #[test]
        fn texts_are_those_of_a_set(
            texts in prop::collection::vec(prop::collection::vec(0u8..3, 0..40), 0..60),
            copies in 1usize..4,
        ) {
            check(&vec![texts; copies].concat());
        }
    }

    #[test]
    fn texts_that_are_long_alike_are_told_apart() {
        let long = |end: &str| format!("{}{end}", "x".repeat(100_000)).into_bytes();
        check(&[
            long("b"),
            long(""),
            long("a"),
            long("\0"),
            b"x".to_vec(),
            Vec::new(),
        ]);
    }
}
