//! What is kept per series, and the table of all series by id.

use bytes::Bytes;
use vigie_chunk::OpenChunk;
use vigie_model::SeriesId;

use crate::out_of_order::LateSamples;

/// Stands for "no chunk was sealed yet".
pub(crate) const NO_WINDOW: u32 = u32::MAX;

/// One series. There may be millions: every byte counts.
#[derive(Debug)]
pub(crate) struct Series {
    /// The newest samples. Never empty once there was a sample: it is sealed only when a newer
    /// sample needs the place, so the newest sample is always here.
    pub(crate) open: OpenChunk,
    /// Ids of the label pairs in the tenant's index, in the order of the label names.
    pub(crate) pairs: Box<[u32]>,
    /// What only some series have.
    pub(crate) extra: Option<Box<Extra>>,
    pub(crate) tenant: u32,
    /// The window all samples of `open` are in.
    pub(crate) open_window: u32,
    /// The window of the oldest chunk that was sealed, or [`NO_WINDOW`].
    pub(crate) oldest_sealed_window: u32,
    /// The checkpoint epoch in which the series changed last; 0 if never.
    pub(crate) dirty_epoch: u32,
}

const _: () = assert!(
    size_of::<Option<Series>>() == 88,
    "one per series: see the memory budget"
);

/// The parts of a series that most series do without.
#[derive(Debug, Default)]
pub(crate) struct Extra {
    pub(crate) pending: Vec<PendingChunk>,
    pub(crate) late: LateSamples,
}

/// A sealed chunk that is not yet known to be in the store.
#[derive(Debug, Clone)]
pub(crate) struct PendingChunk {
    pub(crate) window: u32,
    /// The checkpoint epoch it was sealed in.
    pub(crate) epoch: u32,
    /// 0 for samples in order; counts a series' chunks of late samples from 1.
    pub(crate) ordinal: u32,
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    pub(crate) bytes: Bytes,
}

impl Series {
    pub(crate) fn new(tenant: u32, pairs: Box<[u32]>) -> Series {
        Series {
            open: OpenChunk::new(),
            pairs,
            extra: None,
            tenant,
            open_window: 0,
            oldest_sealed_window: NO_WINDOW,
            dirty_epoch: 0,
        }
    }

    pub(crate) fn late(&self) -> Option<&LateSamples> {
        self.extra.as_deref().map(|extra| &extra.late)
    }

    pub(crate) fn pending(&self) -> &[PendingChunk] {
        self.extra.as_deref().map_or(&[], |extra| &extra.pending)
    }

    pub(crate) fn extra_mut(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    /// Frees the extra part when nothing is left in it.
    pub(crate) fn drop_unused_extra(&mut self) {
        if let Some(extra) = &self.extra
            && extra.pending.is_empty()
            && extra.late.is_unused()
        {
            self.extra = None;
        }
    }
}

const PAGE: usize = 64;

/// Series by id. Ids are dense and never reused, so pages in which all series have gone are freed.
#[derive(Debug, Default)]
pub(crate) struct SeriesTable {
    pages: Vec<Option<Box<Page>>>,
    len: usize,
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
