//! StateDB: the applied state of all shards of a node.
//!
//! The write-ahead log is off: the Raft log is the only one. State enters by checkpoints, each one atomic
//! batch flushed before it counts, or by a whole snapshot installed under a new generation. After a crash
//! every shard is as of its last checkpoint. Compaction changes how chunks are cut and not what is in them.

mod block;
mod checkpoint;
mod chunks;
mod db;
mod generation;
mod iter;
mod keys;
mod options;
mod pages;
mod shard;
mod snapshot;
mod span;
mod writing;

pub use checkpoint::CheckpointBatch;
pub use db::{StateDb, StateDbStats};
pub use iter::IdIter;
pub use keys::ChunkKey;
pub use options::{MemoryBudget, StateDbOptions};
pub use shard::ShardStore;
pub use snapshot::{ShardSnapshot, SnapshotInstaller};
pub use span::{
    CompactedPart, JoinChunks, JoinedChunks, SPAN_WINDOWS, SeriesInSpan, SpanCursor, StoredChunk,
};

#[cfg(test)]
mod tests;
