//! Checkpoints: the only way state enters a shard, beside installing a snapshot.

use crate::StorageError;

/// Where a chunk lives. Windows number the time axis (chunk start divided by the window length); a chunk belongs to the window of its
/// start and must not reach beyond it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkKey {
    /// Time window.
    pub window: u32,
    /// Tenant number.
    pub tenant: u32,
    /// Series id within the shard.
    pub series: u32,
    /// Time of the first sample.
    pub start_ms: i64,
}

/// Changes of one shard that become visible and durable together.
#[derive(Debug)]
pub struct CheckpointBatch {}

impl CheckpointBatch {
    /// Sets a named value of the shard, such as the applied log id.
    pub fn put_meta(&mut self, _name: &str, _value: &[u8]) {
        unimplemented!()
    }
    /// Sets the labels of a series.
    pub fn put_series(&mut self, _id: u32, _value: &[u8]) {
        unimplemented!()
    }
    /// Removes a series.
    pub fn remove_series(&mut self, _id: u32) {
        unimplemented!()
    }
    /// Sets the open part of a series.
    pub fn put_head(&mut self, _id: u32, _value: &[u8]) {
        unimplemented!()
    }
    /// Removes the open part of a series.
    pub fn remove_head(&mut self, _id: u32) {
        unimplemented!()
    }
    /// Sets a chunk; a chunk of the same key is replaced.
    pub fn put_chunk(&mut self, _key: ChunkKey, _value: &[u8]) {
        unimplemented!()
    }
    /// Bytes gathered so far.
    pub fn size_bytes(&self) -> usize {
        unimplemented!()
    }
    /// Applies everything at once. It is on disk when this returns; if it fails, all or nothing of it may be there after a restart.
    pub fn commit(self) -> Result<(), StorageError> {
        unimplemented!()
    }
}
