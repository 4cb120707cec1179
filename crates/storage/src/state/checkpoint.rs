//! Checkpoints: the only way state enters a shard, beside installing a snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use rocksdb::{DB, WriteBatch};

use super::db::cf;
use super::keys::{
    CHUNK_KEY_BYTES, CHUNKS, ChunkKey, HEADS, META, SERIES, Scope, compacted_name, current_key,
};
use super::pages::{Changes, Occupancy, Page, PageChanges};
use super::shard::ShardStore;
use super::span::{Mark, span_of};
use super::writing::Writing;
use crate::StorageError;
use crate::error::Context;

/// Changes of one shard that become visible and durable together.
pub struct CheckpointBatch {
    store: ShardStore,
    scope: Scope,
    names: Vec<(Vec<u8>, Vec<u8>)>,
    series: PageChanges,
    heads: PageChanges,
    /// Keys, and where in `chunk_bytes` their values are; `None` if they go.
    chunks: Vec<([u8; CHUNK_KEY_BYTES], Option<Range<usize>>)>,
    chunk_bytes: Vec<u8>,
    /// Spans in which chunks were put.
    spans: BTreeSet<u32>,
    /// The first failure; [`CheckpointBatch::commit`] gives it.
    failed: Option<StorageError>,
}

impl CheckpointBatch {
    pub(super) fn new(store: ShardStore, scope: Scope) -> CheckpointBatch {
        CheckpointBatch {
            store,
            scope,
            names: Vec::new(),
            series: PageChanges::default(),
            heads: PageChanges::default(),
            chunks: Vec::new(),
            chunk_bytes: Vec::new(),
            spans: BTreeSet::new(),
            failed: None,
        }
    }

    /// Sets a named value of the shard, such as the applied log id.
    pub fn put_meta(&mut self, name: &str, value: &[u8]) {
        self.names
            .push((self.scope.name_key(name.as_bytes()), value.to_vec()));
    }

    /// Sets the labels of a series. Cheapest by ascending id; so for all methods with an id.
    pub fn put_series(&mut self, id: u32, value: &[u8]) {
        let result = self.series.put(id, value);
        self.note(result);
    }

    /// Removes a series.
    pub fn remove_series(&mut self, id: u32) {
        self.series.remove(id);
    }

    /// Sets the open part of a series.
    pub fn put_head(&mut self, id: u32, value: &[u8]) {
        let result = self.heads.put(id, value);
        self.note(result);
    }

    /// Removes the open part of a series.
    pub fn remove_head(&mut self, id: u32) {
        self.heads.remove(id);
    }

    /// Sets a chunk; a chunk of the same key is replaced.
    pub fn put_chunk(&mut self, key: ChunkKey, value: &[u8]) {
        let start = self.chunk_bytes.len();
        self.chunk_bytes.extend_from_slice(value);
        self.chunks
            .push((self.scope.chunk_key(key), Some(start..self.chunk_bytes.len())));
        self.spans.insert(span_of(key.window));
    }

    /// Removes a chunk.
    pub fn remove_chunk(&mut self, key: ChunkKey) {
        self.chunks.push((self.scope.chunk_key(key), None));
    }

    /// Bytes gathered so far, about; all of them in memory.
    pub fn size_bytes(&self) -> usize {
        self.series.size_bytes()
            + self.heads.size_bytes()
            + self.chunk_bytes.len()
            + self.chunks.len() * CHUNK_KEY_BYTES
    }

    /// Applies everything at once. It is on disk when this returns; after an error a restart may show all of
    /// it or nothing.
    ///
    /// # Errors
    /// [`StorageError::Superseded`] if a snapshot was installed or the shard destroyed since the batch was
    /// begun.
    pub fn commit(mut self) -> Result<(), StorageError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let inner = self.store.inner.clone();
        let shared = inner.switching.read();
        if self.store.scope() != self.scope {
            return Err(StorageError::Superseded {
                shard: self.scope.shard,
            });
        }
        let db = inner.db()?;
        {
            let writing = inner.writing(self.scope.shard);
            let mut writing = writing.lock();
            writing.enter(self.scope);
            let written = self.write(&db, &mut writing);
            if written.is_err() {
                // What the pages hold now is open.
                *writing = Writing::default();
            }
            written?;
        }
        inner.flush(&db)?;
        inner
            .generations
            .write()
            .insert(self.scope.shard, self.scope.generation);
        drop(shared);
        Ok(())
    }

    fn write(&mut self, db: &DB, writing: &mut Writing) -> Result<(), StorageError> {
        let capacity = self.size_bytes();
        let mut batch = WriteBatch::with_capacity_bytes(capacity + capacity / 16);
        let series = std::mem::take(&mut self.series).into_pages();
        self.add_pages(db, SERIES, series, &mut writing.series, &mut batch)?;
        let heads = std::mem::take(&mut self.heads).into_pages();
        self.add_pages(db, HEADS, heads, &mut writing.heads, &mut batch)?;
        let chunks = cf(db, CHUNKS)?;
        for (key, value) in &self.chunks {
            match value {
                Some(range) => batch.put_cf(&chunks, key, &self.chunk_bytes[range.clone()]),
                None => batch.delete_cf(&chunks, key),
            }
        }
        let meta = cf(db, META)?;
        for span in &self.spans {
            if self.store.inner.mark(db, self.scope, *span)? == Some(Mark::Done) {
                let mark = self.scope.name_key(&compacted_name(*span));
                batch.put_cf(&meta, mark, [Mark::Begun as u8]);
            }
            writing.touched_spans.insert(*span);
        }
        for (key, value) in &self.names {
            batch.put_cf(&meta, key, value);
        }
        batch.put_cf(
            &meta,
            current_key(self.scope.shard),
            self.scope.generation.to_be_bytes(),
        );
        self.store.inner.write(db, batch)
    }

    fn add_pages(
        &self,
        db: &DB,
        family: &str,
        pages: BTreeMap<u32, Changes>,
        occupancy: &mut Occupancy,
        batch: &mut WriteBatch,
    ) -> Result<(), StorageError> {
        let family = cf(db, family)?;
        let mut value = Vec::new();
        for (number, changes) in pages {
            let key = self.scope.id_key(number);
            let mut stored = None;
            if occupancy.mask(number) & !changes.mask() != 0
                && let Some(bytes) = db.get_pinned_cf(&family, key).during("read page of series")?
            {
                stored = Some(Page::parse(Bytes::copy_from_slice(&bytes))?);
            }
            match changes.apply(stored.as_ref(), &mut value) {
                Some(mask) => {
                    batch.put_cf(&family, key, &value);
                    occupancy.set(number, mask);
                }
                None => {
                    batch.delete_cf(&family, key);
                    occupancy.set(number, 0);
                }
            }
        }
        Ok(())
    }

    fn note(&mut self, result: Result<(), StorageError>) {
        if let Err(error) = result {
            self.failed.get_or_insert(error);
        }
    }
}

impl fmt::Debug for CheckpointBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckpointBatch")
            .field("scope", &self.scope)
            .field("size_bytes", &self.size_bytes())
            .finish_non_exhaustive()
    }
}
