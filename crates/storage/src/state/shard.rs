//! The state of one shard.

use std::fmt;
use std::sync::Arc;

use rocksdb::WriteBatch;

use super::checkpoint::CheckpointBatch;
use super::db::{Inner, cf};
use super::iter::IdIter;
use super::keys::{CHUNKS, ChunkKey, HEADS, META, SERIES, Scope, compacted_name, current_key};
use super::span;
use crate::StorageError;
use crate::error::Context;

/// State of one shard.
#[derive(Clone)]
pub struct ShardStore {
    pub(super) inner: Arc<Inner>,
    pub(super) shard: u32,
}

impl ShardStore {
    /// The shard's number.
    pub fn id(&self) -> u32 {
        self.shard
    }

    /// A named value.
    ///
    /// # Errors
    /// When RocksDB cannot read, or is closed; so for all methods here.
    pub fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, StorageError> {
        let db = self.inner.db()?;
        db.get_cf(&cf(&db, META)?, self.scope().name_key(name.as_bytes()))
            .during("read shard metadata")
    }

    /// Starts gathering a checkpoint.
    pub fn begin_checkpoint(&self) -> CheckpointBatch {
        CheckpointBatch::new(self.clone(), self.scope())
    }

    /// All series with their values, by id. Read in pages: concurrent checkpoints may show in part.
    pub fn series(&self) -> IdIter {
        IdIter::new(self.inner.clone(), SERIES, self.scope())
    }

    /// All heads with their values, by id; as [`ShardStore::series`].
    pub fn heads(&self) -> IdIter {
        IdIter::new(self.inner.clone(), HEADS, self.scope())
    }

    /// Removes the chunks of all whole spans before `window`, durably. Space returns as files become empty:
    /// files of windows that every shard has dropped go at once, unless a snapshot is being read.
    pub fn drop_windows_before(&self, window: u32) -> Result<(), StorageError> {
        // A span's chunks may be joined in its first window, so it goes whole.
        let window = span::first_window(span::span_of(window));
        let scope = self.scope();
        let held = self.windows()?;
        if held.first().is_none_or(|first| *first >= window) {
            self.common_cutoff(window);
            return Ok(());
        }
        let db = self.inner.db()?;
        let chunks = cf(&db, CHUNKS)?;
        let common = self.common_cutoff(window);
        if common > 0
            && self
                .inner
                .open_snapshots
                .load(std::sync::atomic::Ordering::Relaxed)
                == 0
        {
            // Files first: one of them may hold the tombstone of a key that another still has. The end is
            // inclusive.
            let last = Scope {
                shard: u32::MAX,
                generation: u32::MAX,
            };
            let last = last.chunk_key(ChunkKey {
                window: common - 1,
                tenant: u32::MAX,
                series: u32::MAX,
                start_ms: i64::MAX,
                ordinal: u32::MAX,
            });
            db.delete_file_in_range_cf(&chunks, &[][..], &last[..])
                .during("delete files of old windows")?;
        }
        let mut batch = WriteBatch::default();
        if common > 0 {
            let first = Scope {
                shard: 0,
                generation: 0,
            };
            batch.delete_range_cf(&chunks, first.window_start(0), first.window_start(common));
        }
        for window in held.into_iter().filter(|held| (common..window).contains(held)) {
            batch.delete_range_cf(
                &chunks,
                scope.window_start(window),
                scope.successor().window_start(window),
            );
        }
        batch.delete_range_cf(
            &cf(&db, META)?,
            scope.name_key(&compacted_name(0)),
            scope.name_key(&compacted_name(span::span_of(window))),
        );
        self.inner.write(&db, batch)?;
        // Nobody must see them again, not even until retention runs after a restart.
        self.inner.flush(&db)
    }

    /// As [`ShardStore::drop_windows_before`], for one tenant. Space returns with RocksDB's compactions.
    pub fn drop_tenant_windows_before(&self, tenant: u32, window: u32) -> Result<(), StorageError> {
        let window = span::first_window(span::span_of(window));
        let scope = self.scope();
        let held = self.windows()?;
        let db = self.inner.db()?;
        let chunks = cf(&db, CHUNKS)?;
        let mut batch = WriteBatch::default();
        for held in held.into_iter().filter(|held| *held < window) {
            let end = match tenant.checked_add(1) {
                Some(next) => scope.chunk_key(ChunkKey::first(held, next, 0)),
                None => scope.successor().window_start(held),
            };
            let start = scope.chunk_key(ChunkKey::first(held, tenant, 0));
            if self.inner.holds_any(&db, &start, &end)? {
                batch.delete_range_cf(&chunks, start, end);
            }
        }
        if batch.is_empty() {
            return Ok(());
        }
        self.inner.write(&db, batch)?;
        self.inner.flush(&db)
    }

    /// Removes the shard with all it holds.
    ///
    /// # Errors
    /// [`StorageError::InstallInProgress`] if the shard is receiving a snapshot.
    pub fn destroy(&self) -> Result<(), StorageError> {
        let alone = self.inner.switching.write();
        if self.inner.installing.lock().contains(&self.shard) {
            return Err(StorageError::InstallInProgress { shard: self.shard });
        }
        let Some(generation) = self.inner.generations.read().get(&self.shard).copied() else {
            return Ok(());
        };
        let db = self.inner.db()?;
        let meta = cf(&db, META)?;
        let mut batch = WriteBatch::default();
        batch.delete_cf(&meta, current_key(self.shard));
        batch.put_cf(
            &meta,
            Scope {
                shard: self.shard,
                generation,
            }
            .garbage_key(),
            [],
        );
        self.inner.write(&db, batch)?;
        self.inner.flush(&db)?;
        self.inner.generations.write().remove(&self.shard);
        self.inner.cutoffs.lock().remove(&self.shard);
        self.inner.writings.lock().remove(&self.shard);
        self.inner.clean_garbage(Some(self.shard))?;
        drop(alone);
        Ok(())
    }

    /// What is current now.
    pub(super) fn scope(&self) -> Scope {
        let generation = self
            .inner
            .generations
            .read()
            .get(&self.shard)
            .copied()
            .unwrap_or(0);
        Scope {
            shard: self.shard,
            generation,
        }
    }

    /// Notes this shard's cutoff. Gives the first window that any shard still wants; 0 as long as one has not
    /// said.
    fn common_cutoff(&self, window: u32) -> u32 {
        let mut cutoffs = self.inner.cutoffs.lock();
        let cutoff = cutoffs.entry(self.shard).or_insert(0);
        *cutoff = window.max(*cutoff);
        // A shard being installed has no generation yet, but has chunks.
        let installing = self.inner.installing.lock();
        let generations = self.inner.generations.read();
        let all = generations.keys().chain(installing.iter());
        all.map(|shard| cutoffs.get(shard).copied().unwrap_or(0))
            .min()
            .unwrap_or(0)
    }
}

impl fmt::Debug for ShardStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardStore")
            .field("shard", &self.shard)
            .finish_non_exhaustive()
    }
}
