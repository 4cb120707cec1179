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

const PAGE: usize = 64;

/// Series by id. Ids are dense and never reused, so pages in which all series have gone are freed.
#[derive(Debug, Default)]
pub(crate) struct SeriesTable {
    pages: Vec<Option<Box<Page>>>,
    len: usize,
    /// The labels of all series here.
    pub(crate) pairs: PairLists,
}

#[derive(Debug)]
struct Page {
    slots: [Option<Series>; PAGE],
    used: usize,
}

impl SeriesTable {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn get(&self, id: u32) -> Option<&Series> {
        let page = self.pages.get(id as usize / PAGE)?.as_ref()?;
        page.slots[id as usize % PAGE].as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut Series> {
        let page = self.pages.get_mut(id as usize / PAGE)?.as_mut()?;
        page.slots[id as usize % PAGE].as_mut()
    }

    /// Puts a series under an id that is free.
    pub(crate) fn insert(&mut self, id: u32, series: Series) {
        let at = id as usize / PAGE;
        if at >= self.pages.len() {
            self.pages.resize_with(at + 1, || None);
        }
        let page = self.pages[at].get_or_insert_with(|| {
            Box::new(Page {
                slots: [const { None }; PAGE],
                used: 0,
            })
        });
        if page.slots[id as usize % PAGE].replace(series).is_none() {
            page.used += 1;
            self.len += 1;
        }
    }

    /// Takes a series out. What its row refers to is still to be freed.
    pub(crate) fn remove(&mut self, id: u32) -> Option<Series> {
        let slot = self.pages.get_mut(id as usize / PAGE)?;
        let page = slot.as_mut()?;
        let removed = page.slots[id as usize % PAGE].take()?;
        page.used -= 1;
        self.len -= 1;
        if page.used == 0 {
            *slot = None;
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
        let used = self.pages.iter().flatten().count();
        used * size_of::<Page>() + self.pages.capacity() * size_of::<Option<Box<Page>>>()
    }

    /// All series, by ascending id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SeriesId, &Series)> {
        self.pages.iter().enumerate().flat_map(|(at, page)| {
            page.iter().flat_map(move |page| {
                page.slots.iter().enumerate().filter_map(move |(offset, series)| {
                    let id = SeriesId((at * PAGE + offset) as u32);
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
