//! The handle of LogDB.

use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;

use super::group::GroupLog;
use super::options::LogDbOptions;
use crate::{LogError, StorageError};

/// What the writer thread is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpInFlight {
    /// Its name: `write` or `sync`.
    pub name: &'static str,
    /// For how long.
    pub elapsed: Duration,
}

/// A group whose unpurged entries keep old segments on disk: its state should be checkpointed and its log purged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedGroup {
    /// The Raft group.
    pub group: u64,
    /// Its first entry held.
    pub first_index: u64,
    /// Its last entry in a segment that should go.
    pub last_pinned_index: u64,
}

/// Counters of a LogDB since it was opened, and present values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogDbStats {
    /// Batches written, each with one fsync.
    pub batches: u64,
    /// Append operations made durable.
    pub appends: u64,
    /// Entries made durable.
    pub entries: u64,
    /// Payload bytes made durable.
    pub entry_bytes: u64,
}

/// All Raft groups' logs of a node. Handles are cheap to clone.
#[derive(Clone, Debug)]
pub struct LogDb {}

impl LogDb {
    /// Opens or creates the database at `path`, checks every live entry, and starts the writer.
    ///
    /// # Errors
    /// [`StorageError::IncarnationMismatch`], [`StorageError::LogHole`] and [`StorageError::LogCorrupt`] say that data was lost.
    pub fn open(_path: &Path, _options: LogDbOptions) -> Result<LogDb, StorageError> {
        unimplemented!()
    }

    /// The log of `group`, empty if nothing was ever written to it.
    pub fn group(&self, _group: u64) -> GroupLog {
        unimplemented!()
    }

    /// Groups that hold anything, ascending.
    pub fn groups(&self) -> Vec<u64> {
        unimplemented!()
    }

    /// Payload bytes submitted and not yet durable. The replica admits proposals against a budget of these.
    pub fn queued_bytes(&self) -> u64 {
        unimplemented!()
    }

    /// Age of the oldest operation submitted and not yet durable.
    pub fn oldest_unsynced(&self) -> Option<Duration> {
        unimplemented!()
    }

    /// What the writer is doing now; the watchdog hands leadership away when this takes too long.
    pub fn op_in_flight(&self) -> Option<OpInFlight> {
        unimplemented!()
    }

    /// Groups that keep more closed segments than the options allow.
    pub fn pinned_groups(&self) -> Vec<PinnedGroup> {
        unimplemented!()
    }

    /// Becomes `Some` when the log has failed for good.
    pub fn failed(&self) -> watch::Receiver<Option<LogError>> {
        unimplemented!()
    }

    /// Counters.
    pub fn stats(&self) -> LogDbStats {
        unimplemented!()
    }

    /// Bytes on disk.
    pub fn disk_bytes(&self) -> u64 {
        unimplemented!()
    }

    /// Writes what is queued, stops the writer and closes the database. Later operations get [`LogError::Closed`].
    pub fn shutdown(&self) {
        unimplemented!()
    }

    /// Stops as a killed process would: what is queued and not yet durable is lost, its callbacks get an error. For crash tests.
    pub fn crash(&self) {
        unimplemented!()
    }
}
