//! Making the state durable without stopping.

use std::collections::VecDeque;

use bytes::Bytes;
use vigie_model::{SeriesId, write_uvarint, write_varint};

use crate::batch::{write_bytes, write_metadata};
use crate::histograms::SeriesHistograms;
use crate::series::Series;
use crate::{Head, Records};

/// The version of the records in a checkpoint.
pub(crate) const VERSION: u8 = 1;
/// That of the record of a series with histograms that are not sealed.
pub(crate) const VERSION_WITH_HISTOGRAMS: u8 = 2;

/// All that changed since the last durable checkpoint. Written in one atomic step, it moves a store
/// from that checkpoint to this one.
#[derive(Debug)]
pub struct CheckpointImage {
    /// To be handed to [`Head::checkpoint_done`] once all this is durable.
    pub token: CheckpointToken,
    /// Replaces the previous one.
    pub meta: Vec<u8>,
    /// Tenant index and packed labels of series that are not in the store.
    pub new_series: Records,
    /// Series whose records go, head and labels both.
    pub removed_series: Vec<SeriesId>,
    /// Chunks that are not in the store. They are in the open form: `vigie_chunk::reseal` makes them
    /// smaller.
    pub sealed: Vec<SealedChunk>,
    /// The state of each changed series; replaces the series' previous one.
    pub heads: Records,
}

/// Names one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CheckpointToken(u32);

/// A chunk to store. All fields but the bytes together are its key: writing it twice is harmless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedChunk {
    /// See [`Head::tenant_index`].
    pub tenant: u32,
    pub series: SeriesId,
    /// See [`Head::window_of`].
    pub window: u32,
    /// Time of the first sample.
    pub start_ms: i64,
    /// 0 for samples in order. Chunks of late samples count from 1, as they may start at the same time
    /// as another chunk of the series.
    pub ordinal: u32,
    pub bytes: Bytes,
}

/// What changed since the last durable checkpoint, as lists that images are cut from.
#[derive(Debug)]
pub(crate) struct Journal {
    /// Counts images; the first epoch is 1.
    epoch: u32,
    /// Each list in the order of events. A series is entered into `changed` once per epoch.
    created: Vec<u32>,
    removed: Vec<u32>,
    changed: Vec<u32>,
    sealed: Vec<u32>,
    /// How much of the lists each image not yet durable covers.
    cuts: VecDeque<Cut>,
}

#[derive(Debug, Clone, Copy)]
struct Cut {
    token: CheckpointToken,
    created: usize,
    removed: usize,
    changed: usize,
    sealed: usize,
}

impl Default for Journal {
    fn default() -> Journal {
        Journal {
            epoch: 1,
            created: Vec::new(),
            removed: Vec::new(),
            changed: Vec::new(),
            sealed: Vec::new(),
            cuts: VecDeque::new(),
        }
    }
}

impl Journal {
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }

    pub(crate) fn created(&mut self, id: u32) {
        self.created.push(id);
    }

    pub(crate) fn removed(&mut self, id: u32) {
        self.removed.push(id);
    }

    pub(crate) fn sealed(&mut self, id: u32) {
        self.sealed.push(id);
    }

    #[inline]
    pub(crate) fn changed(&mut self, id: u32, series: &mut Series) {
        if series.dirty_epoch != self.epoch {
            series.dirty_epoch = self.epoch;
            self.changed.push(id);
        }
    }

    fn cut(&mut self) -> CheckpointToken {
        let token = CheckpointToken(self.epoch);
        self.epoch += 1;
        self.cuts.push_back(Cut {
            token,
            created: self.created.len(),
            removed: self.removed.len(),
            changed: self.changed.len(),
            sealed: self.sealed.len(),
        });
        token
    }

    /// Forgets what an image covers, and gives the ids with chunks sealed before it.
    fn forget(&mut self, token: CheckpointToken) -> Vec<u32> {
        let mut done = None;
        while let Some(cut) = self.cuts.front()
            && cut.token <= token
        {
            done = self.cuts.pop_front();
        }
        let Some(done) = done else {
            return Vec::new();
        };
        for cut in &mut self.cuts {
            cut.created -= done.created;
            cut.removed -= done.removed;
            cut.changed -= done.changed;
            cut.sealed -= done.sealed;
        }
        self.created.drain(..done.created);
        self.removed.drain(..done.removed);
        self.changed.drain(..done.changed);
        self.sealed.drain(..done.sealed).collect()
    }
}

fn sorted(ids: &[u32]) -> Vec<u32> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    ids
}

impl Head {
    /// Takes an image of everything that changed since the last image that
    /// [`Head::checkpoint_done`] was called for. Changes nothing: the head goes on, and if the image
    /// comes to nothing, the next one holds its content too.
    pub fn begin_checkpoint(&mut self) -> CheckpointImage {
        let token = self.journal.cut();
        let created = sorted(&self.journal.created);
        let labels_bytes = created.iter().filter_map(|&id| self.series.get(id));
        let labels_bytes = labels_bytes.map(|series| self.labels_bytes(series)).sum();
        let mut new_series = Records::with_capacity(created.len(), labels_bytes);
        for id in created {
            if let Some(series) = self.series.get(id) {
                new_series.push_with(SeriesId(id), |out| self.write_series(out, series));
            }
        }
        let changed = sorted(&self.journal.changed);
        let heads_bytes = changed
            .iter()
            .filter_map(|&id| Some(head_bytes(self.series.get(id)?, self.histograms.get(&id))))
            .sum();
        let mut heads = Records::with_capacity(changed.len(), heads_bytes);
        for id in changed {
            if let Some(series) = self.series.get(id) {
                let histograms = self.histograms.get(&id);
                heads.push_with(SeriesId(id), |out| write_head(out, series, histograms));
            }
        }
        let mut sealed = Vec::new();
        for id in sorted(&self.journal.sealed) {
            if let Some(series) = self.series.get(id) {
                sealed.extend(series.pending().iter().map(|chunk| SealedChunk {
                    tenant: series.tenant,
                    series: SeriesId(id),
                    window: chunk.window,
                    start_ms: chunk.start_ms,
                    ordinal: chunk.ordinal,
                    bytes: chunk.bytes.clone(),
                }));
            }
        }
        let removed_series = sorted(&self.journal.removed).into_iter().map(SeriesId).collect();
        CheckpointImage {
            token,
            meta: self.meta(),
            new_series,
            removed_series,
            sealed,
            heads,
        }
    }

    /// Frees the sealed chunks of an image that is durable, and no longer counts as changed what has
    /// not changed since. Later images, and earlier ones not reported, are covered as well as it goes.
    pub fn checkpoint_done(&mut self, token: CheckpointToken) {
        for id in self.journal.forget(token) {
            if let Some(series) = self.series.get_mut(id) {
                if let Some(extra) = series.extra.as_deref_mut() {
                    extra.pending.retain(|chunk| chunk.epoch > token.0);
                }
                series.drop_unused_extra();
            }
        }
    }

    fn write_series(&self, out: &mut Vec<u8>, series: &Series) {
        write_uvarint(out, u64::from(series.tenant));
        self.tenants[series.tenant as usize]
            .index
            .pack_labels(&series.pairs, out);
    }

    /// Not less than [`Head::write_series`] will append.
    fn labels_bytes(&self, series: &Series) -> usize {
        let index = &self.tenants[series.tenant as usize].index;
        5 + index.packed_len(&series.pairs)
    }

    /// What the head knows besides its series.
    pub(crate) fn meta(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        write_uvarint(&mut out, u64::from(self.options.shard.0));
        write_varint(&mut out, self.options.window_ms);
        write_uvarint(&mut out, self.options.samples_per_chunk as u64);
        write_uvarint(&mut out, self.options.bytes_per_chunk as u64);
        write_uvarint(&mut out, u64::from(self.next_id));
        out.extend_from_slice(&self.sealed_digest.to_le_bytes());
        write_uvarint(&mut out, self.tenants.len() as u64);
        for tenant in &self.tenants {
            write_bytes(&mut out, tenant.id.as_str().as_bytes());
            match tenant.times_ms {
                Some((oldest, newest)) => {
                    out.push(1);
                    write_varint(&mut out, oldest);
                    write_varint(&mut out, newest);
                }
                None => out.push(0),
            }
            write_uvarint(&mut out, tenant.metadata.len() as u64);
            for (name, metadata) in &tenant.metadata {
                write_metadata(&mut out, name, metadata);
            }
        }
        self.recent.write(&mut out);
        let checksum = crc32c::crc32c(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        out
    }
}

/// Hardly ever less than [`write_head`] will append.
fn head_bytes(series: &Series, histograms: Option<&SeriesHistograms>) -> usize {
    let histograms = histograms.map_or(0, SeriesHistograms::record_bytes);
    histograms + 56 + series.open.heap_bytes() + 16 * series.late().map_or(0, |late| late.samples.len())
}

/// The part of a series that changes. Its checksum is that of the open chunk at its end.
pub(crate) fn write_head(out: &mut Vec<u8>, series: &Series, histograms: Option<&SeriesHistograms>) {
    out.push(histograms.map_or(VERSION, |_| VERSION_WITH_HISTOGRAMS));
    out.extend_from_slice(&series.oldest_sealed_window.to_le_bytes());
    let empty = crate::out_of_order::LateSamples::default();
    let late = series.late().unwrap_or(&empty);
    write_uvarint(out, u64::from(late.sealed_count));
    write_varint(out, late.sealed_max_ms);
    write_uvarint(out, late.samples.len() as u64);
    let mut previous = 0;
    for &(time_ms, bits) in &late.samples {
        write_varint(out, time_ms.wrapping_sub(previous));
        out.extend_from_slice(&bits.to_le_bytes());
        previous = time_ms;
    }
    if let Some(histograms) = histograms {
        histograms.write(out);
    }
    series.open.write_to(out);
}
