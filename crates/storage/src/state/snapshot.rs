//! Moving a shard's state between replicas.

use crate::StorageError;

/// A consistent view of a shard, read block by block; later checkpoints do not change it.
#[derive(Debug)]
pub struct ShardSnapshot {}

impl Iterator for ShardSnapshot {
    type Item = Result<Vec<u8>, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        unimplemented!()
    }
}

/// Receives a snapshot's blocks beside the present state, which stays in use until [`SnapshotInstaller::finish`].
#[derive(Debug)]
pub struct SnapshotInstaller {}

impl SnapshotInstaller {
    /// Takes the next block, in the order in which the snapshot gave them.
    pub fn add_block(&mut self, _block: &[u8]) -> Result<(), StorageError> {
        unimplemented!()
    }
    /// Makes the received state the shard's state, durably and at once, and removes the former.
    pub fn finish(self) -> Result<(), StorageError> {
        unimplemented!()
    }
}
