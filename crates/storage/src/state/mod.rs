//! StateDB: the applied state of all shards of a node.

mod checkpoint;
mod db;
mod options;
mod snapshot;

pub use checkpoint::{CheckpointBatch, ChunkKey};
pub use db::{IdIter, ShardStore, StateDb, StateDbStats};
pub use options::{MemoryBudget, StateDbOptions};
pub use snapshot::{ShardSnapshot, SnapshotInstaller};
