//! One Raft group's log.

use bytes::Bytes;

use crate::{LogError, StorageError};

/// Told once, on the writer thread, whether an operation is durable. Must be quick and must not block.
pub type Callback = Box<dyn FnOnce(Result<(), LogError>) + Send>;

/// What is known of a group's log without reading entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupState {
    /// Last vote saved.
    pub vote: Option<Bytes>,
    /// Last commit position saved; may be older than the last one passed in, as it is never synced by itself.
    pub committed: Option<Bytes>,
    /// What was passed to the last purge.
    pub purged: Option<Bytes>,
    /// Index of the first entry held, or the one the next entry gets if there is none.
    pub first_index: u64,
    /// Index of the last entry held.
    pub last_index: Option<u64>,
}

/// Handle of one group's log. Operations of one group become durable in the order in which they were called.
#[derive(Clone, Debug)]
pub struct GroupLog {}

impl GroupLog {
    /// The group's number.
    pub fn id(&self) -> u64 {
        unimplemented!()
    }

    /// Current state, including what is queued and not yet durable.
    pub fn state(&self) -> GroupState {
        unimplemented!()
    }

    /// Appends `entries`, each with its index, ascending without gaps. They are readable when this returns; `done` is called after
    /// the fsync. The first index follows the last entry; a smaller one overwrites from there on; an empty log takes any.
    /// Does not block and takes any amount: the caller admits by [`LogDb::queued_bytes`](crate::LogDb::queued_bytes).
    pub fn append(&self, _entries: Vec<(u64, Bytes)>, _done: Callback) {
        unimplemented!()
    }

    /// Saves the vote durably.
    pub fn save_vote(&self, _vote: Bytes, _done: Callback) {
        unimplemented!()
    }

    /// Remembers the commit position; it reaches the disk with the next batch of any group.
    pub fn save_committed(&self, _committed: Bytes) {
        unimplemented!()
    }

    /// Removes entries from `index` on.
    pub fn truncate_from(&self, _index: u64, _done: Callback) {
        unimplemented!()
    }

    /// Forgets entries up to and including `index`, and remembers `purged`. `index` may be beyond the last entry.
    pub fn purge_to(&self, _index: u64, _purged: Bytes, _done: Callback) {
        unimplemented!()
    }

    /// Entries of `start..end` that exist without a gap from `start`, at least one and then as many as fit `max_bytes`.
    ///
    /// # Errors
    /// [`StorageError::NoSuchEntry`] if `start` (below `end`) is not held.
    pub fn read(&self, _start: u64, _end: u64, _max_bytes: usize) -> Result<Vec<(u64, Bytes)>, StorageError> {
        unimplemented!()
    }

    /// Removes the group with all it holds. The number may be used anew afterwards.
    pub fn destroy(&self, _done: Callback) {
        unimplemented!()
    }
}
