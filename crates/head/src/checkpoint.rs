//! Making the state durable without stopping.

use std::collections::VecDeque;

use bytes::Bytes;
use roaring::RoaringBitmap;
use vigie_model::{SeriesId, write_uvarint, write_varint};

use crate::batch::{write_bytes, write_metadata};
use crate::histograms::SeriesHistograms;
use crate::out_of_order::LateSamples;
use crate::series::Series;
use crate::starts::SeriesStarts;
use crate::{Head, Records};

/// The version of the records in a checkpoint.
pub(crate) const VERSION: u8 = 1;
/// That of the record of a series with histograms that are not sealed.
pub(crate) const VERSION_WITH_HISTOGRAMS: u8 = 2;
/// That of the record of a series with floats that are not sealed and say when they began to count.
pub(crate) const VERSION_WITH_STARTS: u8 = 3;

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

/// What changed since the last durable checkpoint, by the images it is in.
///
/// Sets of series ids: the ids are dense, so that a set of all series takes a bit for each.
#[derive(Debug)]
pub(crate) struct Journal {
    /// Counts images; the first epoch is 1.
    epoch: u32,
    /// Since the last image.
    newest: Changes,
    /// What each image that is not durable has besides those before it.
    cuts: VecDeque<(CheckpointToken, Changes)>,
}

#[derive(Debug, Clone, Default)]
struct Changes {
    created: RoaringBitmap,
    removed: RoaringBitmap,
    changed: RoaringBitmap,
}

impl Default for Journal {
    fn default() -> Journal {
        Journal {
            epoch: 1,
            newest: Changes::default(),
            cuts: VecDeque::new(),
        }
    }
}

impl Journal {
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }

    pub(crate) fn created(&mut self, id: u32) {
        self.newest.created.insert(id);
    }

    pub(crate) fn removed(&mut self, id: u32) {
        self.newest.removed.insert(id);
    }

    #[inline]
    pub(crate) fn changed(&mut self, id: u32, series: &mut Series) {
        if series.dirty_epoch != self.epoch {
            series.dirty_epoch = self.epoch;
            self.newest.changed.insert(id);
        }
    }

    /// Starts an epoch, and gives all that an image has to hold.
    fn cut(&mut self) -> (CheckpointToken, Changes) {
        let token = CheckpointToken(self.epoch);
        self.epoch += 1;
        self.cuts.push_back((token, std::mem::take(&mut self.newest)));
        let mut all = Changes::default();
        for (_, changes) in &self.cuts {
            all.created |= &changes.created;
            all.removed |= &changes.removed;
            all.changed |= &changes.changed;
        }
        (token, all)
    }

    /// Forgets what an image covers, and gives the newest epoch in it, if there is any.
    fn forget(&mut self, token: CheckpointToken) -> Option<u32> {
        let mut covered = None;
        while let Some((cut, _)) = self.cuts.pop_front_if(|(cut, _)| *cut <= token) {
            covered = Some(cut.0);
        }
        covered
    }
}

impl Head {
    /// Takes an image of everything that changed since the last image that
    /// [`Head::checkpoint_done`] was called for. Changes nothing: the head goes on, and if the image
    /// comes to nothing, the next one holds its content too.
    pub fn begin_checkpoint(&mut self) -> CheckpointImage {
        let (token, changes) = self.journal.cut();
        self.waiting.close_block();
        let created = || self.series_among(&changes.created);
        let labels_bytes = created().map(|(_, series)| self.labels_bytes(series)).sum();
        let mut new_series = Records::with_capacity(created().count(), labels_bytes);
        for (id, series) in created() {
            new_series.push_with(id, |out| self.write_series(out, series));
        }
        let changed = || self.series_among(&changes.changed);
        let heads_bytes = changed().map(|(id, series)| self.head_bytes(id, series));
        let mut heads = Records::with_capacity(changed().count(), heads_bytes.sum());
        for (id, series) in changed() {
            heads.push_with(id, |out| self.write_head(out, id, series));
        }
        CheckpointImage {
            token,
            meta: self.meta(),
            new_series,
            removed_series: changes.removed.iter().map(SeriesId).collect(),
            sealed: self.sealed_chunks(),
            heads,
        }
    }

    fn series_among<'a>(&'a self, ids: &'a RoaringBitmap) -> impl Iterator<Item = (SeriesId, &'a Series)> {
        let series = ids.iter().map(|id| (SeriesId(id), self.series.get(id)));
        series.filter_map(|(id, series)| series.map(|series| (id, series)))
    }

    /// The chunks that wait, by series and in the order in which they were sealed.
    fn sealed_chunks(&self) -> Vec<SealedChunk> {
        let mut sealed = Vec::with_capacity(self.waiting.usage().0);
        for id in self.waiting.series() {
            let Some(series) = self.series.get(id) else {
                continue;
            };
            let before = sealed.len();
            sealed.extend(self.waiting.chain(series.waiting).map(|chunk| {
                let (start_ms, _) = chunk.times_ms();
                SealedChunk {
                    tenant: series.tenant,
                    series: SeriesId(id),
                    window: self.window_of(start_ms),
                    start_ms,
                    ordinal: chunk.ordinal,
                    bytes: chunk.to_bytes(),
                }
            }));
            sealed[before..].reverse();
        }
        sealed
    }

    /// Frees the sealed chunks of an image that is durable, and no longer counts as changed what has
    /// not changed since. Later images, and earlier ones not reported, are covered as well as it goes.
    pub fn checkpoint_done(&mut self, token: CheckpointToken) {
        let Some(epoch) = self.journal.forget(token) else {
            return;
        };
        self.waiting.release(epoch, |id, place| {
            if let Some(series) = self.series.get_mut(id)
                && series.waiting == Some(place)
            {
                series.waiting = None;
            }
        });
    }

    fn write_series(&self, out: &mut Vec<u8>, series: &Series) {
        write_uvarint(out, u64::from(series.tenant));
        self.tenants[series.tenant as usize]
            .index
            .pack_labels(self.series.pairs_of(series), out);
    }

    /// Not less than [`Head::write_series`] will append.
    fn labels_bytes(&self, series: &Series) -> usize {
        let index = &self.tenants[series.tenant as usize].index;
        5 + index.packed_len(self.series.pairs_of(series))
    }

    /// Left out where no tenant has any, as in checkpoints from before there were exemplars.
    fn write_exemplars(&self, out: &mut Vec<u8>) {
        let with_exemplars = || {
            let tenants = self.tenants.iter().zip(0u64..);
            tenants.filter(|(tenant, _)| tenant.exemplars.capacity() > 0)
        };
        let count = with_exemplars().count();
        if count == 0 {
            return;
        }
        write_uvarint(out, count as u64);
        for (tenant, index) in with_exemplars() {
            write_uvarint(out, index);
            tenant.exemplars.write(out);
        }
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
        self.write_exemplars(&mut out);
        let checksum = crc32c::crc32c(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        out
    }

    /// Hardly ever less than [`Head::write_head`] will append for a series without late samples.
    fn head_bytes(&self, id: SeriesId, series: &Series) -> usize {
        let histograms = self
            .histograms
            .get(&id.0)
            .map_or(0, SeriesHistograms::record_bytes);
        let starts = self.starts.get(&id.0).map_or(0, SeriesStarts::record_bytes);
        56 + series.open.stream_bytes() + histograms + starts
    }

    /// The part of a series that changes. Its checksum is that of the open chunk at its end.
    pub(crate) fn write_head(&self, out: &mut Vec<u8>, id: SeriesId, series: &Series) {
        let (histograms, starts) = (self.histograms.get(&id.0), self.starts.get(&id.0));
        out.push(match (starts, histograms) {
            (Some(_), _) => VERSION_WITH_STARTS,
            (None, Some(_)) => VERSION_WITH_HISTOGRAMS,
            (None, None) => VERSION,
        });
        out.extend_from_slice(&series.oldest_sealed_window.to_le_bytes());
        write_late(out, self.late.get(&id.0));
        if let Some(starts) = starts {
            starts.write_late(out);
            out.push(u8::from(histograms.is_some()));
        }
        if let Some(histograms) = histograms {
            histograms.write(out);
        }
        match starts {
            Some(starts) => series.open.write_with_starts(&starts.open, out),
            None => series.open.write_to(out),
        }
    }
}

fn write_late(out: &mut Vec<u8>, late: Option<&LateSamples>) {
    let none = LateSamples::default();
    let late = late.unwrap_or(&none);
    write_uvarint(out, u64::from(late.sealed_count));
    write_varint(out, late.sealed_max_ms);
    write_uvarint(out, late.samples.len() as u64);
    let mut previous = 0;
    for &(time_ms, bits) in &late.samples {
        write_varint(out, time_ms.wrapping_sub(previous));
        out.extend_from_slice(&bits.to_le_bytes());
        previous = time_ms;
    }
}
