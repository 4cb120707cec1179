//! Checkpoints: the only way state enters a shard, beside installing a snapshot.

use std::fmt;

use rocksdb::WriteBatch;

use super::db::cf;
use super::keys::{CHUNKS, ChunkKey, HEADS, META, SERIES, Scope, current_key};
use super::shard::ShardStore;
use crate::StorageError;

/// Changes of one shard that become visible and durable together.
pub struct CheckpointBatch {
    store: ShardStore,
    scope: Scope,
    batch: WriteBatch,
    /// The first failure; [`CheckpointBatch::commit`] gives it.
    failed: Option<StorageError>,
}

impl CheckpointBatch {
    pub(super) fn new(store: ShardStore, scope: Scope) -> CheckpointBatch {
        CheckpointBatch {
            store,
            scope,
            batch: WriteBatch::default(),
            failed: None,
        }
    }

    /// Sets a named value of the shard, such as the applied log id.
    pub fn put_meta(&mut self, name: &str, value: &[u8]) {
        self.put(META, &self.scope.name_key(name.as_bytes()), value);
    }

    /// Sets the labels of a series.
    pub fn put_series(&mut self, id: u32, value: &[u8]) {
        self.put(SERIES, &self.scope.id_key(id), value);
    }

    /// Removes a series.
    pub fn remove_series(&mut self, id: u32) {
        self.remove(SERIES, &self.scope.id_key(id));
    }

    /// Sets the open part of a series.
    pub fn put_head(&mut self, id: u32, value: &[u8]) {
        self.put(HEADS, &self.scope.id_key(id), value);
    }

    /// Removes the open part of a series.
    pub fn remove_head(&mut self, id: u32) {
        self.remove(HEADS, &self.scope.id_key(id));
    }

    /// Sets a chunk; a chunk of the same key is replaced.
    pub fn put_chunk(&mut self, key: ChunkKey, value: &[u8]) {
        self.put(CHUNKS, &self.scope.chunk_key(key), value);
    }

    /// Removes a chunk, such as the partial one that a sealed one with another start replaces.
    pub fn remove_chunk(&mut self, key: ChunkKey) {
        self.remove(CHUNKS, &self.scope.chunk_key(key));
    }

    /// Bytes gathered so far, all of them in memory.
    pub fn size_bytes(&self) -> usize {
        self.batch.size_in_bytes()
    }

    /// Applies everything at once. It is on disk when this returns; after an error a restart may show all of
    /// it or nothing.
    ///
    /// # Errors
    /// [`StorageError::Superseded`] if a snapshot was installed or the shard destroyed since the batch was
    /// begun.
    pub fn commit(self) -> Result<(), StorageError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let inner = &self.store.inner;
        let shared = inner.switching.read();
        if self.store.scope() != self.scope {
            return Err(StorageError::Superseded {
                shard: self.scope.shard,
            });
        }
        let mut batch = self.batch;
        let db = inner.db()?;
        batch.put_cf(
            &cf(&db, META)?,
            current_key(self.scope.shard),
            self.scope.generation.to_be_bytes(),
        );
        inner.write(&db, batch)?;
        inner.flush(&db)?;
        inner
            .generations
            .write()
            .insert(self.scope.shard, self.scope.generation);
        drop(shared);
        Ok(())
    }

    fn put(&mut self, family: &str, key: &[u8], value: &[u8]) {
        let batch = &mut self.batch;
        let result = self.store.inner.db().and_then(|db| {
            batch.put_cf(&cf(&db, family)?, key, value);
            Ok(())
        });
        self.note(result);
    }

    fn remove(&mut self, family: &str, key: &[u8]) {
        let batch = &mut self.batch;
        let result = self.store.inner.db().and_then(|db| {
            batch.delete_cf(&cf(&db, family)?, key);
            Ok(())
        });
        self.note(result);
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
