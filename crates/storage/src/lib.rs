//! The two RocksDB instances of a node, and the only crate that names RocksDB.
//!
//! [`LogDb`] holds the Raft logs of every group of the node behind one writer thread and one fsync;
//! [`StateDb`] holds the applied state of every shard as of its last checkpoint. Votes, log ids, log entries,
//! heads and chunks are opaque bytes here: this crate must not know Raft, metrics, gRPC or what a sample is.

mod disk;
mod error;
mod log;
mod state;

pub use error::{LogError, StorageError};
pub use log::{
    Callback, Durability, Fault, FaultPoint, Faults, GroupLog, GroupState, LatencySnapshot, LogDb,
    LogDbOptions, LogDbStats, OpInFlight, PinnedGroup,
};
pub use state::{
    CheckpointBatch, ChunkKey, CompactedPart, IdIter, JoinChunks, JoinedChunks, MemoryBudget, SPAN_WINDOWS,
    SeriesInSpan, ShardSnapshot, ShardStore, SnapshotInstaller, SpanCursor, StateDb, StateDbOptions,
    StateDbStats, StoredChunk,
};

#[cfg(test)]
mod faults;

/// Identity of the node's data directory, drawn once by the caller. Both databases carry it; a mismatch means
/// that one of them was wiped or swapped, and a node that forgot its votes must never rejoin under its old
/// replica ids.
pub type Incarnation = [u8; 16];
