use bytes::Bytes;

use crate::error::FatalError;

/// Makes frozen state durable; runs on a thread that may block.
pub type CheckpointTask = Box<dyn FnOnce() -> Result<(), FatalError> + Send>;

/// What a group replicates. Every replica applies the same entries in the same order.
///
/// An error from any method is final: the replica stops and reports it, and is to be replaced or
/// restarted. `position` bytes are the replica's own; the state machine stores and returns them.
pub trait StateMachine: Send + Sync + 'static {
    /// What the proposer of an entry gets back.
    type Outcome: Send + 'static;

    /// Applies a committed entry, in memory only: this runs inline and must not wait for a disk.
    /// It must depend on nothing but the state and the entry. Some indices never come (entries
    /// without a command). After a restart, entries above the durable position come again.
    ///
    /// # Errors
    /// The entry is impossible, so this replica is broken or differs from the others.
    fn apply(&mut self, index: u64, entry: &Bytes) -> Result<Self::Outcome, FatalError>;

    /// What the last durable checkpoint stored as position, if there is one.
    ///
    /// # Errors
    /// The store cannot be read.
    fn durable_position(&self) -> Result<Option<Vec<u8>>, FatalError>;

    /// Freezes the state as it is, quickly, since no entry is applied meanwhile. The task it returns makes
    /// that state durable together with `position`, atomically. At most one is in progress.
    fn begin_checkpoint(&mut self, position: Vec<u8>) -> CheckpointTask;

    /// The last task has succeeded.
    fn checkpoint_done(&mut self);

    /// Opens the last durable checkpoint for reading, for a replica that lags behind the log.
    ///
    /// # Errors
    /// The store cannot be read.
    fn snapshot(&self) -> Result<Option<Box<dyn SnapshotReader>>, FatalError>;

    /// Starts receiving a peer's snapshot beside the present state, which entries still change.
    ///
    /// # Errors
    /// The store cannot be written.
    fn begin_install(&self) -> Result<Box<dyn SnapshotInstaller>, FatalError>;

    /// A snapshot has been installed: the memory is loaded anew from the store. Runs on a thread that may block.
    ///
    /// # Errors
    /// The store cannot be read.
    fn reload(&mut self) -> Result<(), FatalError>;
}

/// A durable checkpoint as a sequence of blocks; later checkpoints do not change it.
/// Its methods run on a thread that may block.
pub trait SnapshotReader: Send + 'static {
    /// The position stored with exactly this checkpoint.
    fn position(&self) -> Vec<u8>;

    /// The next block, at most a few MiB, or `None` after the last.
    ///
    /// # Errors
    /// The store cannot be read.
    fn next_block(&mut self) -> Result<Option<Bytes>, FatalError>;
}

/// Receives a snapshot. Dropped before [`SnapshotInstaller::finish`], or cut off by a crash, it leaves no trace.
/// Its methods run on a thread that may block.
pub trait SnapshotInstaller: Send + 'static {
    /// Takes the next block, in the order the reader gave them.
    ///
    /// # Errors
    /// The block is malformed, or the store cannot be written.
    fn push_block(&mut self, block: Bytes) -> Result<(), FatalError>;

    /// Makes what was received the state, durably and at once, with `position`.
    ///
    /// # Errors
    /// The snapshot is incomplete, or the store cannot be written.
    fn finish(self: Box<Self>, position: Vec<u8>) -> Result<(), FatalError>;
}
