//! Which series have a label pair.

use roaring::RoaringBitmap;

/// A set of series ids. Most label pairs have one series or a few, for which a bitmap's own
/// bookkeeping would cost more than the ids.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Postings {
    /// Sorted.
    Few(Vec<u32>),
    One(u32),
    Many(Box<RoaringBitmap>),
}

/// From here on a bitmap is smaller or not much larger, and much faster.
const MANY: usize = 64;

impl Default for Postings {
    fn default() -> Postings {
        Postings::Few(Vec::new())
    }
}

impl Postings {
    /// More are a bitmap.
    pub(crate) const MAX_FEW: u64 = MANY as u64 - 1;

    pub(crate) fn len(&self) -> u64 {
        match self {
            Postings::One(_) => 1,
            Postings::Few(ids) => ids.len() as u64,
            Postings::Many(bitmap) => bitmap.len(),
        }
    }

    pub(crate) fn insert(&mut self, id: u32) {
        match self {
            Postings::Few(ids) if ids.is_empty() => *self = Postings::One(id),
            Postings::One(one) if *one == id => {}
            Postings::One(one) => {
                let mut ids = Vec::with_capacity(4);
                ids.extend([(*one).min(id), (*one).max(id)]);
                *self = Postings::Few(ids);
            }
            Postings::Few(ids) => {
                // New series have the highest id.
                if ids.last().is_none_or(|&last| last < id) {
                    ids.push(id);
                } else if let Err(at) = ids.binary_search(&id) {
                    ids.insert(at, id);
                }
                if ids.len() >= MANY {
                    *self = Postings::Many(Box::new(ids.iter().copied().collect()));
                }
            }
            Postings::Many(bitmap) => {
                bitmap.insert(id);
            }
        }
    }

    pub(crate) fn remove(&mut self, id: u32) {
        match self {
            Postings::One(one) if *one == id => *self = Postings::default(),
            Postings::One(_) => {}
            Postings::Few(ids) => {
                if let Ok(at) = ids.binary_search(&id) {
                    ids.remove(at);
                }
            }
            Postings::Many(bitmap) => {
                bitmap.remove(id);
            }
        }
    }

    /// Bytes on the heap; of bitmaps, those of their content.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Postings::One(_) => 0,
            Postings::Few(ids) => ids.capacity() * size_of::<u32>(),
            Postings::Many(bitmap) => size_of::<RoaringBitmap>() + bitmap.serialized_size(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn to_bitmap(&self) -> RoaringBitmap {
        match self {
            Postings::One(id) => RoaringBitmap::from_iter([*id]),
            Postings::Few(ids) => ids.iter().copied().collect(),
            Postings::Many(bitmap) => (**bitmap).clone(),
        }
    }

    pub(crate) fn intersect_into(&self, set: &mut RoaringBitmap) {
        match self {
            Postings::Many(bitmap) => *set &= &**bitmap,
            few => {
                let kept: RoaringBitmap = few.as_few().iter().filter(|&&id| set.contains(id)).collect();
                *set = kept;
            }
        }
    }

    pub(crate) fn subtract_from(&self, set: &mut RoaringBitmap) {
        match self {
            Postings::Many(bitmap) => *set -= &**bitmap,
            few => few.as_few().iter().for_each(|&id| {
                set.remove(id);
            }),
        }
    }

    pub(crate) fn intersects(&self, marked: &Marked<'_>) -> bool {
        match self {
            Postings::Many(bitmap) => !bitmap.is_disjoint(marked.set),
            few => few.as_few().iter().any(|&id| marked.has(id)),
        }
    }

    /// The union of many sets of ids below `end`.
    pub(crate) fn union<'a>(sets: impl Iterator<Item = &'a Postings>, end: u32) -> RoaringBitmap {
        let mut union = RoaringBitmap::new();
        let mut singles = Vec::new();
        for postings in sets {
            match postings {
                Postings::Many(bitmap) => union |= &**bitmap,
                few => singles.extend_from_slice(few.as_few()),
            }
        }
        union | set_of(singles, end)
    }

    fn as_few(&self) -> &[u32] {
        match self {
            Postings::One(id) => std::slice::from_ref(id),
            Postings::Few(ids) => ids,
            Postings::Many(_) => &[],
        }
    }
}

/// A set that is asked for single ids again and again: a bit for every id there may be.
#[derive(Debug)]
pub(crate) struct Marked<'a> {
    set: &'a RoaringBitmap,
    bits: Vec<u64>,
}

impl Marked<'_> {
    /// Of ids below `end`.
    pub(crate) fn new(set: &RoaringBitmap, end: u32) -> Marked<'_> {
        let mut bits = vec![0; end as usize / 64 + 1];
        for id in set {
            if let Some(word) = bits.get_mut(id as usize / 64) {
                *word |= 1 << (id % 64);
            }
        }
        Marked { set, bits }
    }

    /// Takes ids off. Bitmaps are compared with the whole set all the same, so [`Postings::intersects`] of a bitmap may say
    /// yes where only ids that were taken off are in both.
    pub(crate) fn remove(&mut self, postings: &Postings) {
        match postings {
            Postings::Many(bitmap) => bitmap.iter().for_each(|id| self.remove_id(id)),
            few => few.as_few().iter().for_each(|&id| self.remove_id(id)),
        }
    }

    fn remove_id(&mut self, id: u32) {
        if let Some(word) = self.bits.get_mut(id as usize / 64) {
            *word &= !(1 << (id % 64));
        }
    }

    #[inline]
    pub(crate) fn has(&self, id: u32) -> bool {
        let word = self.bits.get(id as usize / 64);
        word.is_some_and(|word| word >> (id % 64) & 1 == 1)
    }
}

/// Above one id in so many, setting bits beats sorting.
const DENSE: usize = 256;

/// A set of ids below `end` that come in no order.
fn set_of(mut ids: Vec<u32>, end: u32) -> RoaringBitmap {
    if ids.len() < end as usize / DENSE {
        ids.sort_unstable();
        return ids.into_iter().collect();
    }
    let mut bits = vec![0u8; end as usize / 8 + 1];
    for id in ids {
        if let Some(byte) = bits.get_mut(id as usize / 8) {
            *byte |= 1 << (id % 8);
        }
    }
    RoaringBitmap::from_lsb0_bytes(0, &bits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_union_is_a_union(sets in prop::collection::vec(prop::collection::vec(0u32..2000, 0..100), 0..6), end in 2000u32..1_000_000) {
            let postings: Vec<Postings> = sets
                .iter()
                .map(|ids| {
                    let mut postings = Postings::default();
                    ids.iter().for_each(|&id| postings.insert(id));
                    postings
                })
                .collect();
            let expected: RoaringBitmap = sets.iter().flatten().copied().collect();
            let marked = Marked::new(&expected, end);
            for postings in &postings {
                prop_assert_eq!(postings.intersects(&marked), !postings.is_empty());
            }
            let nothing = RoaringBitmap::new();
            let unmarked = Marked::new(&nothing, end);
            prop_assert!(!postings.iter().any(|postings| postings.intersects(&unmarked)));
            prop_assert_eq!(Postings::union(postings.iter(), end), expected);
        }
    }
}
