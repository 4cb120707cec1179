//! Errors of both databases.

use std::path::PathBuf;
use std::sync::Arc;

use crate::{FaultPoint, Incarnation};

/// Why a call on a database failed.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// RocksDB refused an operation.
    #[error("{op}: {source}")]
    Rocks {
        /// What was being done, as a verb phrase.
        op: &'static str,
        /// RocksDB's own words.
        source: rocksdb::Error,
    },
    /// A file operation beside RocksDB failed.
    #[error("{op} {}: {source}", path.display())]
    Io {
        /// What was being done, as a verb phrase.
        op: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// The database belongs to another incarnation of the node: its companion was wiped or swapped.
    #[error("database belongs to incarnation {}, expected {}", hex(found), hex(expected))]
    IncarnationMismatch {
        /// What the caller passed.
        expected: Incarnation,
        /// What the database holds.
        found: Incarnation,
    },
    /// An entry between the first and the last of a group's log is not there: acknowledged data is lost, the
    /// replica must be replaced.
    #[error("log of group {group} has a hole: expected entry {expected}, found {found:?}")]
    LogHole {
        /// The Raft group.
        group: u64,
        /// The index that should follow.
        expected: u64,
        /// The next index that is there, if any.
        found: Option<u64>,
    },
    /// A log entry's checksum does not match its bytes.
    #[error("log of group {group} is corrupt at entry {index}: {reason}")]
    LogCorrupt {
        /// The Raft group.
        group: u64,
        /// Index of the bad entry.
        index: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A read asked for an entry that was purged, truncated or never written.
    #[error("log of group {group} has no entry {index}")]
    NoSuchEntry {
        /// The Raft group.
        group: u64,
        /// The index asked for.
        index: u64,
    },
    /// A record of the database, or a snapshot block received, is not well formed.
    #[error("corrupt {what}: {reason}")]
    Corrupt {
        /// Which record.
        what: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The shard was replaced or destroyed since a checkpoint of it was begun.
    #[error("shard {shard} was replaced while it was checkpointed")]
    Superseded {
        /// The shard.
        shard: u32,
    },
    /// The shard is receiving another snapshot.
    #[error("shard {shard} is already receiving a snapshot")]
    InstallInProgress {
        /// The shard.
        shard: u32,
    },
    /// A thread could not be started.
    #[error("start a thread: {source}")]
    Thread {
        /// The system's words.
        source: std::io::Error,
    },
    /// A fault was injected by a test.
    #[error("injected fault {point:?}")]
    Injected {
        /// Where.
        point: FaultPoint,
    },
    /// The log stopped for good.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The database was closed.
    #[error("database is closed")]
    Closed,
}

/// Why the log did not make an operation durable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// A write or fsync failed; the log accepts nothing more until it is opened anew. It is never retried:
    /// after a failed fsync the kernel may report success for pages it dropped.
    #[error("log write failed, the node must restart: {0}")]
    Failed(Arc<str>),
    /// The log was shut down before the operation was written. Final, as [`LogError::Failed`].
    #[error("log is closed")]
    Closed,
    /// Entries do not follow the log's last one, or not each other. Nothing was changed.
    #[error("entries from {index} do not follow the log of group {group}")]
    OutOfOrder {
        /// The Raft group.
        group: u64,
        /// The first index given.
        index: u64,
    },
}

/// Names the operation of a RocksDB error.
pub(crate) trait Context<T> {
    fn during(self, op: &'static str) -> Result<T, StorageError>;
}

impl<T> Context<T> for Result<T, rocksdb::Error> {
    fn during(self, op: &'static str) -> Result<T, StorageError> {
        self.map_err(|source| StorageError::Rocks { op, source })
    }
}

fn hex(id: &Incarnation) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
