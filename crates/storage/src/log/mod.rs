//! LogDB: the logs of all Raft groups of a node.
//!
//! Callers change a group's memory image and queue the operation; one writer thread gathers what is queued
//! into one RocksDB write and one fsync, then tells the callers. Entries live in short-lived segment column
//! families, dropped whole once every group has purged past them, so that nothing is ever compacted
//! (docs/adr/0001-logdb-segment-column-families.md).

mod cache;
mod db;
mod group;
mod keys;
mod maintenance;
mod options;
mod queue;
mod recover;
mod segment;
mod stats;
mod wal;
mod writer;

pub use db::{LogDb, PinnedGroup};
pub use group::{Callback, GroupLog, GroupState};
pub use options::{Durability, Fault, FaultPoint, Faults, LogDbOptions};
pub use queue::OpInFlight;
pub use stats::{LatencySnapshot, LogDbStats};

#[cfg(test)]
mod tests;
