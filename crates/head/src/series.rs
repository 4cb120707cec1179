//! What is kept per series, and the table of all series by id.

use vigie_chunk::OpenChunk;
use vigie_model::SeriesId;

use crate::pairs::{PairList, PairLists};
use crate::waiting::Place;

/// Stands for "no chunk was sealed yet".
pub(crate) const NO_WINDOW: u32 = u32::MAX;

/// One series. There may be millions: every byte counts.
#[derive(Debug)]
pub(crate) struct Series {
    /// The newest samples. Never empty once there was a sample: it is sealed only when a newer
    /// sample needs the place, so the newest sample is always here.
    pub(crate) open: OpenChunk,
    /// The numbers of the label pairs in the tenant's index, in the order of the label names.
    pub(crate) pairs: PairList,
    /// The newest of the sealed chunks that wait for a checkpoint.
    pub(crate) waiting: Option<Place>,
    pub(crate) tenant: u32,
    /// Under which the series is found by its labels.
    pub(crate) labels_hash: u32,
    /// The window of the oldest chunk that was sealed, or [`NO_WINDOW`].
    pub(crate) oldest_sealed_window: u32,
    /// The checkpoint epoch in which the series changed last; 0 if never.
    pub(crate) dirty_epoch: u32,
}

const _: () = assert!(
    size_of::<Option<Series>>() == 72,
    "one per series: see the memory budget"
);

impl Series {
    pub(crate) fn new(tenant: u32, pairs: PairList, labels_hash: u32) -> Series {
        Series {
            open: OpenChunk::new(),
            pairs,
            waiting: None,
            tenant,
            labels_hash,
            oldest_sealed_window: NO_WINDOW,
            dirty_epoch: 0,
        }
    }
}

/// Rows of a page. Larger ones are held longer by the last of their series that stays.
const PAGE: usize = 16;
/// Pages of a group.
const GROUP: usize = 1024;

/// Series by id. Ids are dense and never reused, so pages in which all series have gone are freed, and
/// groups of pages as well.
#[derive(Debug, Default)]
pub(crate) struct SeriesTable {
    groups: Vec<Option<Box<Group>>>,
    len: usize,
    /// The labels of all series here.
    pub(crate) pairs: PairLists,
}

#[derive(Debug)]
struct Group {
    pages: [Option<Box<Page>>; GROUP],
    used: usize,
}

#[derive(Debug)]
struct Page {
    slots: [Option<Series>; PAGE],
    used: usize,
}

/// The numbers of a series' group, of its page there, and of its slot in that.
#[inline]
fn split(id: u32) -> (usize, usize, usize) {
    let id = id as usize;
    (id / (PAGE * GROUP), id / PAGE % GROUP, id % PAGE)
}

impl SeriesTable {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn get(&self, id: u32) -> Option<&Series> {
        let (group, page, slot) = split(id);
        self.groups.get(group)?.as_ref()?.pages[page].as_ref()?.slots[slot].as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut Series> {
        let (group, page, slot) = split(id);
        self.groups.get_mut(group)?.as_mut()?.pages[page].as_mut()?.slots[slot].as_mut()
    }

    /// Puts a series under an id that is free.
    pub(crate) fn insert(&mut self, id: u32, series: Series) {
        let (group, page, slot) = split(id);
        if group >= self.groups.len() {
            self.groups.resize_with(group + 1, || None);
        }
        let group: &mut Group = self.groups[group].get_or_insert_with(|| {
            Box::new(Group {
                pages: [const { None }; GROUP],
                used: 0,
            })
        });
        let page = group.pages[page].get_or_insert_with(|| {
            group.used += 1;
            Box::new(Page {
                slots: [const { None }; PAGE],
                used: 0,
            })
        });
        if page.slots[slot].replace(series).is_none() {
            page.used += 1;
            self.len += 1;
        }
    }

    /// Takes a series out. What its row refers to is still to be freed.
    pub(crate) fn remove(&mut self, id: u32) -> Option<Series> {
        let (group, page, slot) = split(id);
        let in_table = self.groups.get_mut(group)?;
        let group = in_table.as_deref_mut()?;
        let in_group = &mut group.pages[page];
        let page = in_group.as_mut()?;
        let removed = page.slots[slot].take()?;
        self.len -= 1;
        page.used -= 1;
        if page.used == 0 {
            *in_group = None;
            group.used -= 1;
            if group.used == 0 {
                *in_table = None;
            }
        }
        Some(removed)
    }

    /// A series' hash of its labels; 0 if there is no such series.
    pub(crate) fn labels_hash(&self, id: u32) -> u32 {
        self.get(id).map_or(0, |series| series.labels_hash)
    }

    /// The numbers of a series' label pairs.
    pub(crate) fn pairs_of(&self, series: &Series) -> impl Iterator<Item = u32> {
        self.pairs.get(series.pairs)
    }

    /// Bytes of the rows and of the table that finds them.
    pub(crate) fn heap_bytes(&self) -> usize {
        let groups = self.groups.iter().flatten();
        let in_groups = groups.map(|group| size_of::<Group>() + group.used * size_of::<Page>());
        in_groups.sum::<usize>() + self.groups.capacity() * size_of::<Option<Box<Group>>>()
    }

    /// All series, by ascending id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SeriesId, &Series)> {
        let pages = self.groups.iter().enumerate().flat_map(|(at, group)| {
            let pages = group.iter().flat_map(|group| group.pages.iter().enumerate());
            pages.map(move |(page, slots)| (at * GROUP + page, slots))
        });
        pages.flat_map(|(at, page)| {
            page.iter().flat_map(move |page| {
                page.slots.iter().enumerate().filter_map(move |(slot, series)| {
                    let id = SeriesId((at * PAGE + slot) as u32);
                    series.as_ref().map(|series| (id, series))
                })
            })
        })
    }

    /// All ids, ascending.
    pub(crate) fn ids(&self) -> Vec<u32> {
        self.iter().map(|(id, _)| id.0).collect()
    }
}
