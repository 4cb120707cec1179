//! One Raft group's log.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use bytes::Bytes;
use parking_lot::Mutex;

use super::cache::TailCache;
use super::db::Shared;
use super::keys::encode_floor;
use super::queue::{Op, Queued};
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

/// A group's memory image: what readers see, ahead of the disk.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) id: u64,
    pub(super) image: Mutex<Image>,
}

#[derive(Debug, Default)]
pub(super) struct Image {
    pub(super) state: GroupState,
    /// Whether the first index is on disk or on its way.
    pub(super) floor_recorded: bool,
    pub(super) committed_queued: bool,
    pub(super) next_op: u64,
    pub(super) tail: TailCache,
}

impl Image {
    fn take_op_number(&mut self) -> u64 {
        self.next_op += 1;
        self.next_op
    }
}

/// Handle of one group's log. Operations of one group become durable in the order in which they were called.
///
/// Operations do not block and the queue takes any amount, as Raft has no use for a refused append: the
/// caller admits proposals against [`LogDb::queued_bytes`](crate::LogDb::queued_bytes).
#[derive(Clone)]
pub struct GroupLog {
    pub(super) shared: Arc<Shared>,
    pub(super) group: Arc<Group>,
}

impl GroupLog {
    /// The group's number.
    pub fn id(&self) -> u64 {
        self.group.id
    }

    /// Current state, including what is queued and not yet durable.
    pub fn state(&self) -> GroupState {
        self.group.image.lock().state.clone()
    }

    /// Payload bytes of the entries held in all segments. Those purged from the front of a segment count until
    /// it goes.
    pub fn held_bytes(&self) -> u64 {
        self.shared.segments.lock().group_bytes(self.group.id)
    }

    /// Appends `entries`, each with its index, ascending without gaps. They are readable when this returns;
    /// `done` is called after the fsync. The first index follows the last entry; a smaller one overwrites
    /// from there on; an empty log takes any.
    ///
    /// A list with gaps, before the first index or beyond the next one is a bug of the caller: `done` gets
    /// [`LogError::OutOfOrder`], the log stays as it is.
    pub fn append(&self, entries: Vec<(u64, Bytes)>, done: Callback) {
        let (Some((first, _)), Some((last, _))) = (entries.first(), entries.last()) else {
            return done(Ok(()));
        };
        let (first, last) = (*first, *last);
        let mut image = self.group.image.lock();
        let misplaced = match image.state.last_index {
            Some(held) => first < image.state.first_index || first > held + 1,
            None => first < image.state.first_index,
        };
        if misplaced
            || (first..)
                .zip(&entries)
                .any(|(expected, (index, _))| expected != *index)
        {
            drop(image);
            return done(Err(LogError::OutOfOrder {
                group: self.group.id,
                index: first,
            }));
        }
        let mut overwrite = None;
        if image.state.last_index.is_some_and(|held| first <= held) {
            overwrite = Some(self.truncate_image(&mut image, first));
        }
        let mut floor = None;
        if image.state.last_index.is_none() && (!image.floor_recorded || image.state.first_index != first) {
            image.state.first_index = first;
            image.floor_recorded = true;
            floor = Some(encode_floor(first, image.state.purged.as_deref()));
        }
        let number = image.take_op_number();
        let (mut bytes, mut cached) = (0, 0);
        for (index, entry) in &entries {
            bytes += entry.len();
            cached += image.tail.push(*index, number, entry.clone());
        }
        self.shared.cache_bytes.fetch_add(cached as u64, Relaxed);
        image.state.last_index = Some(last);
        let append = self.queued(number, Op::Append { entries, floor }, bytes, done);
        let refused = self.shared.queue.push(overwrite.into_iter().chain([append]));
        drop(image);
        self.shared.tell_refused(refused);
    }

    /// Saves the vote durably.
    pub fn save_vote(&self, vote: Bytes, done: Callback) {
        let bytes = vote.len();
        self.submit(done, bytes, |image| {
            image.state.vote = Some(vote.clone());
            Op::Vote(vote)
        });
    }

    /// Remembers the commit position; it reaches the disk with the next batch of any group.
    pub fn save_committed(&self, committed: Bytes) {
        let mut image = self.group.image.lock();
        image.state.committed = Some(committed);
        if !std::mem::replace(&mut image.committed_queued, true) {
            self.shared.queue.push_committed(self.group.clone());
        }
    }

    /// Removes entries from `index` on.
    pub fn truncate_from(&self, index: u64, done: Callback) {
        let mut image = self.group.image.lock();
        let mut op = self.truncate_image(&mut image, index);
        op.done = done;
        let refused = self.shared.queue.push([op]);
        drop(image);
        self.shared.tell_refused(refused);
    }

    /// Forgets entries up to and including `index`, and remembers `purged`. `index` may be beyond the last
    /// entry.
    pub fn purge_to(&self, index: u64, purged: Bytes, done: Callback) {
        let bytes = purged.len();
        self.submit(done, bytes, |image| {
            let state = &mut image.state;
            // A purge that is late must not bring back what another one forgot.
            if index >= state.first_index || state.purged.is_none() {
                state.purged = Some(purged);
            }
            state.first_index = state.first_index.max(index + 1);
            if state.last_index.is_some_and(|last| last <= index) {
                state.last_index = None;
            }
            let floor = encode_floor(state.first_index, state.purged.as_deref());
            image.floor_recorded = true;
            let freed = image.tail.evict_through(index, u64::MAX);
            self.shared.cache_bytes.fetch_sub(freed as u64, Relaxed);
            Op::PurgeTo { index, floor }
        });
    }

    /// Entries of `start..end` that exist without a gap from `start`, at least one and then as many as fit
    /// `max_bytes`.
    ///
    /// # Errors
    /// [`StorageError::NoSuchEntry`] if `start` (below `end`) is not held.
    pub fn read(&self, start: u64, end: u64, max_bytes: usize) -> Result<Vec<(u64, Bytes)>, StorageError> {
        let (mut found, mut bytes) = (Vec::new(), 0);
        let mut next = start;
        while next < end && (found.is_empty() || bytes < max_bytes) {
            let from = next;
            let image = self.group.image.lock();
            let held = image
                .state
                .last_index
                .filter(|last| (image.state.first_index..=*last).contains(&from));
            let Some(last) = held else { break };
            bytes += image
                .tail
                .read(from, end, max_bytes.saturating_sub(bytes), &mut found);
            let cached_from = image.tail.first_index();
            drop(image);
            next = found.last().map_or(start, |(index, _)| index + 1);
            let in_memory = cached_from.is_some_and(|first| first <= from);
            if from == start {
                let counters = &self.shared.counters;
                let counter = if in_memory {
                    &counters.cache_hits
                } else {
                    &counters.cache_misses
                };
                counter.fetch_add(1, Relaxed);
            }
            if !in_memory {
                let until = end.min(last + 1).min(cached_from.unwrap_or(u64::MAX));
                bytes += self.shared.read_disk(
                    self.group.id,
                    from..until,
                    max_bytes - bytes.min(max_bytes),
                    &mut found,
                )?;
                next = found.last().map_or(start, |(index, _)| index + 1);
            }
            if next == from {
                break;
            }
        }
        if found.is_empty() && start < end {
            return Err(StorageError::NoSuchEntry {
                group: self.group.id,
                index: start,
            });
        }
        Ok(found)
    }

    /// Removes the group with all it holds. The number may be used anew afterwards.
    pub fn destroy(&self, done: Callback) {
        self.submit(done, 0, |image| {
            let freed = image.tail.truncate_from(0);
            self.shared.cache_bytes.fetch_sub(freed as u64, Relaxed);
            image.state = GroupState::default();
            image.floor_recorded = false;
            Op::Destroy
        });
    }

    fn truncate_image(&self, image: &mut Image, index: u64) -> Queued {
        let freed = image.tail.truncate_from(index);
        self.shared.cache_bytes.fetch_sub(freed as u64, Relaxed);
        let state = &mut image.state;
        state.last_index = match state.last_index {
            Some(last) if index > last => Some(last),
            Some(_) if index > state.first_index => Some(index - 1),
            _ => None,
        };
        let number = image.take_op_number();
        self.queued(number, Op::TruncateFrom(index), 0, Box::new(|_| ()))
    }

    /// Changes the image and queues the operation under one lock, so that both have the same order.
    fn submit(&self, done: Callback, bytes: usize, change: impl FnOnce(&mut Image) -> Op) {
        let mut image = self.group.image.lock();
        let op = change(&mut image);
        let number = image.take_op_number();
        let refused = self.shared.queue.push([self.queued(number, op, bytes, done)]);
        drop(image);
        self.shared.tell_refused(refused);
    }

    fn queued(&self, number: u64, op: Op, bytes: usize, done: Callback) -> Queued {
        Queued {
            group: self.group.clone(),
            number,
            op,
            bytes,
            done,
            at: Instant::now(),
        }
    }
}

impl fmt::Debug for GroupLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupLog")
            .field("group", &self.group.id)
            .finish_non_exhaustive()
    }
}
