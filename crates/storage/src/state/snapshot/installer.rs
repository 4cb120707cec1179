//! The receiving side: a new generation beside the current one.

use std::fmt;
use std::path::PathBuf;

use rocksdb::{IngestExternalFileOptions, SstFileWriter, WriteBatch};

use super::super::block::{Block, Content};
use super::super::db::cf;
use super::super::keys::{ChunkKey, META, PORTABLE_CHUNK_BYTES, Scope, current_key, parse_id};
use super::super::options::family_options;
use super::super::shard::ShardStore;
use crate::StorageError;
use crate::error::Context;

/// First part of the names of table files on their way into the database.
pub(in super::super) const INSTALL_PREFIX: &str = "install-";
/// Bytes gathered in memory before they become a table file.
const FILE_BYTES: usize = 16 << 20;

/// Receives a snapshot's blocks beside the present state, which stays in use until
/// [`SnapshotInstaller::finish`]. What was received is removed if this is dropped before, or at the next
/// start.
pub struct SnapshotInstaller {
    store: ShardStore,
    scope: Scope,
    /// Last content and key, as records must ascend.
    position: Option<(Content, Vec<u8>)>,
    /// Named values; they become visible with the switch.
    names: Vec<(Vec<u8>, Vec<u8>)>,
    /// Records of one table file: one content and, for chunks, one window, so that the file lies in no other
    /// shard's key range.
    pending: Vec<(Vec<u8>, Vec<u8>)>,
    pending_content: Content,
    pending_bytes: usize,
    files: u32,
    finished: bool,
}

impl ShardStore {
    /// Starts replacing the shard's state by another replica's snapshot.
    ///
    /// # Errors
    /// [`StorageError::InstallInProgress`] if that is going on already.
    pub fn install(&self) -> Result<SnapshotInstaller, StorageError> {
        let inner = &self.inner;
        if !inner.installing.lock().insert(self.shard) {
            return Err(StorageError::InstallInProgress { shard: self.shard });
        }
        let mut installer = SnapshotInstaller {
            store: self.clone(),
            scope: self.scope(),
            position: None,
            names: Vec::new(),
            pending: Vec::new(),
            pending_content: Content::Meta,
            pending_bytes: 0,
            files: 0,
            finished: false,
        };
        inner.clean_garbage(Some(self.shard))?;
        installer.scope.generation += 1;
        let db = inner.db()?;
        let mut batch = WriteBatch::default();
        // On disk before the first file: whatever happens from here on, the next start finds what to remove.
        batch.put_cf(&cf(&db, META)?, installer.scope.garbage_key(), []);
        inner.write(&db, batch)?;
        inner.flush(&db)?;
        drop(db);
        Ok(installer)
    }
}

impl SnapshotInstaller {
    /// Takes the next block, in the order in which the snapshot gave them.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] if the block is damaged or does not follow the last one.
    pub fn add_block(&mut self, block: &[u8]) -> Result<(), StorageError> {
        let mut block = Block::parse(block)?;
        let content = block.content;
        if self
            .position
            .as_ref()
            .is_some_and(|(last, _)| *last > content || *last == Content::End)
        {
            return Err(bad("block out of order"));
        }
        if content == Content::End {
            self.position = Some((content, Vec::new()));
        }
        while let Some((key, value)) = block.next()? {
            if self
                .position
                .as_ref()
                .is_some_and(|(last, last_key)| *last == content && last_key[..] >= *key)
            {
                return Err(bad("key out of order"));
            }
            self.add_record(content, key, value)?;
            self.position = Some((content, key.to_vec()));
        }
        Ok(())
    }

    /// Makes the received state the shard's state, durably and at once, and removes the former.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] if the last block has not come; the former state stays.
    pub fn finish(mut self) -> Result<(), StorageError> {
        if self
            .position
            .as_ref()
            .is_none_or(|(content, _)| *content != Content::End)
        {
            return Err(bad("the last block is missing"));
        }
        self.write_file()?;
        let inner = self.store.inner.clone();
        let alone = inner.switching.write();
        let former = self.store.scope();
        if former.generation >= self.scope.generation {
            return Err(StorageError::Superseded { shard: former.shard });
        }
        {
            let db = inner.db()?;
            let meta = cf(&db, META)?;
            let mut batch = WriteBatch::default();
            for (name, value) in &self.names {
                batch.put_cf(&meta, self.scope.name_key(name), value);
            }
            batch.put_cf(
                &meta,
                current_key(self.scope.shard),
                self.scope.generation.to_be_bytes(),
            );
            batch.delete_cf(&meta, self.scope.garbage_key());
            batch.put_cf(&meta, former.garbage_key(), []);
            inner.write(&db, batch)?;
            inner.flush(&db)?;
        }
        inner
            .generations
            .write()
            .insert(self.scope.shard, self.scope.generation);
        self.finished = true;
        drop(alone);
        inner.clean_garbage(Some(self.scope.shard))
    }

    fn add_record(&mut self, content: Content, key: &[u8], value: &[u8]) -> Result<(), StorageError> {
        let full_key = match content {
            Content::Meta => {
                self.names.push((key.to_vec(), value.to_vec()));
                return Ok(());
            }
            Content::Series | Content::Heads => {
                let id = parse_id(key)
                    .filter(|_| key.len() == 4)
                    .ok_or_else(|| bad("bad id"))?;
                self.scope.id_key(id).to_vec()
            }
            Content::Chunks => {
                let chunk = ChunkKey::from_portable(key).filter(|_| key.len() == PORTABLE_CHUNK_BYTES);
                self.scope
                    .chunk_key(chunk.ok_or_else(|| bad("bad chunk key"))?)
                    .to_vec()
            }
            Content::End => return Err(bad("record in the last block")),
        };
        let other_window = content == Content::Chunks
            && self
                .pending
                .last()
                .is_some_and(|(last, _)| last.first_chunk::<4>() != full_key.first_chunk());
        if content != self.pending_content || other_window || self.pending_bytes >= FILE_BYTES {
            self.write_file()?;
            self.pending_content = content;
        }
        self.pending_bytes += full_key.len() + value.len();
        self.pending.push((full_key, value.to_vec()));
        Ok(())
    }

    /// Hands the pending records to RocksDB as one table file.
    fn write_file(&mut self) -> Result<(), StorageError> {
        let (Some(family), false) = (self.pending_content.family(), self.pending.is_empty()) else {
            return Ok(());
        };
        let inner = &self.store.inner;
        let path = self.file_path();
        self.files += 1;
        let options = family_options(family, &inner.options);
        let mut file = SstFileWriter::create(&options);
        file.open(&path).during("create snapshot file")?;
        for (key, value) in self.pending.drain(..) {
            file.put(key, value).during("write snapshot file")?;
        }
        self.pending_bytes = 0;
        file.finish().during("finish snapshot file")?;
        let mut ingest = IngestExternalFileOptions::default();
        ingest.set_move_files(true);
        let db = inner.db()?;
        db.ingest_external_file_cf_opts(&cf(&db, family)?, &ingest, vec![path])
            .during("take over snapshot file")
    }

    fn file_path(&self) -> PathBuf {
        let Scope { shard, generation } = self.scope;
        self.store
            .inner
            .path
            .join(format!("{INSTALL_PREFIX}{shard}-{generation}-{}.sst", self.files))
    }
}

impl Drop for SnapshotInstaller {
    fn drop(&mut self) {
        let inner = &self.store.inner;
        if !self.finished
            && let Err(error) = inner.clean_garbage(Some(self.scope.shard))
        {
            let shard = self.scope.shard;
            tracing::warn!(shard, %error, "half-installed snapshot stays until the next start");
        }
        inner.installing.lock().remove(&self.scope.shard);
    }
}

impl fmt::Debug for SnapshotInstaller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotInstaller")
            .field("scope", &self.scope)
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

fn bad(reason: &'static str) -> StorageError {
    StorageError::Corrupt {
        what: "snapshot",
        reason,
    }
}
