//! Options of [`LogDb`](crate::LogDb).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{Incarnation, MemoryBudget};

/// When an operation counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// After fsync: survives a power cut.
    #[default]
    Fsync,
    /// After the write to the operating system: survives a crash of the process, not of the machine.
    Relaxed,
}

/// Where the writer thread asks [`Faults`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultPoint {
    /// A batch is built, nothing of it is written.
    BeforeWrite,
    /// A batch is written and synced, no callback has fired.
    AfterSync,
}

/// What the writer thread is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Go on.
    None,
    /// Behave as if the write or fsync had failed.
    Fail,
}

/// Fault injection for tests: called on the writer thread, so blocking in it is a slow disk.
pub trait Faults: Send + Sync {
    /// Decides what happens to the batch of `bytes`.
    fn at(&self, point: FaultPoint, bytes: usize) -> Fault;

    /// Called on another thread before a segment is dropped.
    fn before_drop(&self) {}
}

/// How a [`LogDb`](crate::LogDb) is opened.
#[derive(Clone)]
pub struct LogDbOptions {
    /// Identity of the node's data.
    pub incarnation: Incarnation,
    /// When callbacks fire.
    pub durability: Durability,
    /// A segment is closed when it holds this many bytes.
    pub segment_bytes: u64,
    /// A segment that holds anything is closed at this age.
    pub segment_age: Duration,
    /// The active segment is left before that if everything in it, at least this much, has been purged: an
    /// idle node would keep it, and the write-ahead log under it, until it is written to again.
    pub useless_bytes: u64,
    /// Most bytes that go into one write and its fsync.
    pub batch_bytes: usize,
    /// Bytes of entries kept in memory for readers, over all groups. Entries not yet durable are kept beyond
    /// it.
    pub tail_cache_bytes: usize,
    /// Live entries of a group up to this size are copied forward when they alone keep an old segment.
    pub copy_forward_bytes: u64,
    /// Closed segments that may pile up before groups are copied forward or reported as pinning.
    pub max_closed_segments: usize,
    /// Size of one memtable. A segment that fits is only flushed if it lives long; with a [`MemoryBudget`],
    /// that decides.
    pub memtable_bytes: usize,
    /// Size of the RocksDB write-ahead log at which old memtables are flushed.
    pub wal_bytes: u64,
    /// Block cache and memtable budget shared with StateDB, if any.
    pub memory: Option<MemoryBudget>,
    /// Fault injection, in tests.
    pub faults: Option<Arc<dyn Faults>>,
}

impl LogDbOptions {
    /// Defaults for a small node.
    pub fn new(incarnation: Incarnation) -> LogDbOptions {
        LogDbOptions {
            incarnation,
            durability: Durability::Fsync,
            segment_bytes: 48 << 20,
            segment_age: Duration::from_secs(600),
            useless_bytes: 2 << 20,
            batch_bytes: 8 << 20,
            tail_cache_bytes: 64 << 20,
            copy_forward_bytes: 1 << 20,
            max_closed_segments: 16,
            // A segment and its overshoot of one batch fit: dropped in time, it is never flushed.
            memtable_bytes: 64 << 20,
            wal_bytes: 512 << 20,
            memory: None,
            faults: None,
        }
    }
}

impl fmt::Debug for LogDbOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogDbOptions")
            .field("durability", &self.durability)
            .field("segment_bytes", &self.segment_bytes)
            .field("segment_age", &self.segment_age)
            .field("batch_bytes", &self.batch_bytes)
            .field("tail_cache_bytes", &self.tail_cache_bytes)
            .finish_non_exhaustive()
    }
}
