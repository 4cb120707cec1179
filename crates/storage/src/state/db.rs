//! The handle of StateDB, and of one shard in it.

use std::ops::ControlFlow;
use std::path::Path;

use super::checkpoint::CheckpointBatch;
use super::options::StateDbOptions;
use super::snapshot::{ShardSnapshot, SnapshotInstaller};
use crate::StorageError;

/// Present values of a StateDB.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateDbStats {
    /// Bytes of table files.
    pub table_bytes: u64,
    /// Bytes on disk, all files.
    pub disk_bytes: u64,
    /// Bytes of memtables.
    pub memtable_bytes: u64,
    /// Bytes waiting for compaction, as estimated by RocksDB.
    pub pending_compaction_bytes: u64,
    /// Whether RocksDB has stopped writes.
    pub write_stopped: bool,
}

/// Applied state of all shards of a node, each as of its last checkpoint. Handles are cheap to clone.
#[derive(Clone, Debug)]
pub struct StateDb {}

impl StateDb {
    /// Opens or creates the database at `path`.
    pub fn open(_path: &Path, _options: StateDbOptions) -> Result<StateDb, StorageError> {
        unimplemented!()
    }
    /// The state of `shard`, empty if it never had a checkpoint.
    pub fn shard(&self, _shard: u32) -> ShardStore {
        unimplemented!()
    }
    /// Shards that hold anything, ascending.
    pub fn shards(&self) -> Result<Vec<u32>, StorageError> {
        unimplemented!()
    }
    /// Present values.
    pub fn stats(&self) -> Result<StateDbStats, StorageError> {
        unimplemented!()
    }
    /// Waits for calls in progress and closes the database; later calls get [`StorageError::Closed`]. Open snapshots end.
    pub fn close(&self) {
        unimplemented!()
    }
}

/// State of one shard.
#[derive(Clone, Debug)]
pub struct ShardStore {}

impl ShardStore {
    /// A named value.
    pub fn meta(&self, _name: &str) -> Result<Option<Vec<u8>>, StorageError> {
        unimplemented!()
    }
    /// Starts gathering a checkpoint.
    pub fn begin_checkpoint(&self) -> Result<CheckpointBatch, StorageError> {
        unimplemented!()
    }
    /// All series with their values, by id.
    pub fn series(&self) -> IdIter {
        unimplemented!()
    }
    /// All heads with their values, by id.
    pub fn heads(&self) -> IdIter {
        unimplemented!()
    }
    /// Calls `visit` with each chunk of `series` (ascending) whose window touches `start_ms..=end_ms` and whose start is not after
    /// `end_ms`: window by window, in each by series, then by start. Chunks of the first window may end before `start_ms`.
    pub fn chunks(
        &self,
        _tenant: u32,
        _series: &[u32],
        _start_ms: i64,
        _end_ms: i64,
        _window_ms: i64,
        _visit: &mut dyn FnMut(u32, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StorageError> {
        unimplemented!()
    }
    /// Windows that hold chunks, ascending.
    pub fn windows(&self) -> Result<Vec<u32>, StorageError> {
        unimplemented!()
    }
    /// Removes the chunks of all windows before `window`.
    pub fn drop_windows_before(&self, _window: u32) -> Result<(), StorageError> {
        unimplemented!()
    }
    /// A consistent view of the shard as a sequence of checked blocks.
    pub fn snapshot(&self) -> Result<ShardSnapshot, StorageError> {
        unimplemented!()
    }
    /// Starts replacing the shard's state by another replica's snapshot.
    pub fn install(&self) -> Result<SnapshotInstaller, StorageError> {
        unimplemented!()
    }
    /// Removes the shard with all it holds.
    pub fn destroy(&self) -> Result<(), StorageError> {
        unimplemented!()
    }
}

/// Iterator over (id, value) in id order.
#[derive(Debug)]
pub struct IdIter {}

impl Iterator for IdIter {
    type Item = Result<(u32, Box<[u8]>), StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        unimplemented!()
    }
}
