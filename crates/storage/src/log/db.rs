//! The handle of LogDB.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use rocksdb::{DB, ReadOptions};
use tokio::sync::watch;

use super::group::{Group, GroupLog};
use super::keys::{decode_entry, entry_key, parse_entry_key, segment_name};
use super::options::LogDbOptions;
use super::queue::{OpInFlight, Queue, Queued};
use super::segment::{Located, Segments};
use super::stats::{Counters, LogDbStats};
use super::{maintenance, recover, writer};
use crate::disk::folder_bytes;
use crate::error::Context;
use crate::{LogError, StorageError};

/// A group whose unpurged entries keep old segments on disk: its state should be checkpointed and its log
/// purged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedGroup {
    /// The Raft group.
    pub group: u64,
    /// Its first entry held.
    pub first_index: u64,
    /// Its last entry in a segment that should go.
    pub last_pinned_index: u64,
}

/// All Raft groups' logs of a node. Handles are cheap to clone; the database closes with [`LogDb::shutdown`]
/// or, without draining, with the last handle.
#[derive(Clone)]
pub struct LogDb {
    shared: Arc<Shared>,
    threads: Arc<Threads>,
}

/// What callers, the writer and the maintenance thread share.
pub(super) struct Shared {
    pub(super) options: LogDbOptions,
    pub(super) queue: Queue,
    pub(super) segments: Mutex<Segments>,
    pub(super) counters: Counters,
    pub(super) cache_bytes: AtomicU64,
    /// The database is being closed in order.
    pub(super) draining: AtomicBool,
    /// Durable cached entries in the order in which they may be evicted: group, last index and operation of
    /// an append.
    pub(super) evictable: Mutex<VecDeque<(Arc<Group>, u64, u64)>>,
    path: PathBuf,
    groups: RwLock<BTreeMap<u64, Arc<Group>>>,
    failed: watch::Sender<Option<LogError>>,
    /// Readers hold the lock while they use it; `None` once closed.
    db: RwLock<Option<Arc<DB>>>,
}

/// Ends the threads with the last handle.
struct Threads {
    shared: Arc<Shared>,
    handles: Mutex<Vec<JoinHandle<()>>>,
}

impl LogDb {
    /// Opens or creates the database at `path`, checks every live entry, and starts the writer.
    ///
    /// # Errors
    /// [`StorageError::IncarnationMismatch`], [`StorageError::LogHole`] and [`StorageError::LogCorrupt`] say
    /// that data was lost.
    pub fn open(path: &Path, options: LogDbOptions) -> Result<LogDb, StorageError> {
        let recovered = recover::open(path, &options)?;
        let db = Arc::new(recovered.db);
        let shared = Arc::new(Shared {
            options,
            queue: Queue::default(),
            segments: Mutex::new(recovered.segments),
            counters: Counters::default(),
            cache_bytes: AtomicU64::new(0),
            draining: AtomicBool::new(false),
            evictable: Mutex::default(),
            path: path.to_owned(),
            groups: RwLock::new(recovered.groups),
            failed: watch::Sender::new(None),
            db: RwLock::new(Some(db.clone())),
        });
        let threads = Arc::new(Threads {
            shared: shared.clone(),
            handles: Mutex::default(),
        });
        let (tasks, handle) = maintenance::spawn(shared.clone(), db.clone(), recovered.dead)?;
        threads.handles.lock().push(handle);
        threads
            .handles
            .lock()
            .push(writer::spawn(shared.clone(), db, tasks)?);
        Ok(LogDb { shared, threads })
    }

    /// The log of `group`, empty if nothing was ever written to it.
    pub fn group(&self, group: u64) -> GroupLog {
        let known = self.shared.groups.read().get(&group).cloned();
        let group = known.unwrap_or_else(|| {
            let mut groups = self.shared.groups.write();
            groups
                .entry(group)
                .or_insert_with(|| {
                    Arc::new(Group {
                        id: group,
                        ..Group::default()
                    })
                })
                .clone()
        });
        GroupLog {
            shared: self.shared.clone(),
            group,
        }
    }

    /// Groups that hold a vote or had entries, ascending.
    pub fn groups(&self) -> Vec<u64> {
        let groups = self.shared.groups.read();
        let holds_any = |group: &Group| {
            let image = group.image.lock();
            image.floor_recorded || image.state.vote.is_some()
        };
        groups
            .iter()
            .filter(|(_, group)| holds_any(group))
            .map(|(id, _)| *id)
            .collect()
    }

    /// Payload bytes submitted and not yet durable. The replica admits proposals against a budget of these.
    pub fn queued_bytes(&self) -> u64 {
        self.shared.queue.bytes()
    }

    /// Age of the oldest operation submitted and not yet durable.
    pub fn oldest_unsynced(&self) -> Option<Duration> {
        self.shared.queue.oldest_unsynced()
    }

    /// What the writer is doing now; the watchdog hands leadership away when this takes too long.
    pub fn op_in_flight(&self) -> Option<OpInFlight> {
        self.shared.queue.in_flight()
    }

    /// Groups that keep more closed segments than [`LogDbOptions::max_closed_segments`] and hold too much to
    /// be copied forward.
    pub fn pinned_groups(&self) -> Vec<PinnedGroup> {
        let pinning = self
            .shared
            .segments
            .lock()
            .pinning(self.shared.options.max_closed_segments);
        let pinned = |(group, last_pinned_index)| PinnedGroup {
            group,
            first_index: self.group(group).state().first_index,
            last_pinned_index,
        };
        pinning.into_iter().map(pinned).collect()
    }

    /// Becomes `Some` when the log has failed for good.
    pub fn failed(&self) -> watch::Receiver<Option<LogError>> {
        self.shared.failed.subscribe()
    }

    /// Counters.
    pub fn stats(&self) -> LogDbStats {
        let counters = &self.shared.counters;
        LogDbStats {
            batches: counters.batches.load(Relaxed),
            appends: counters.appends.load(Relaxed),
            entries: counters.entries.load(Relaxed),
            entry_bytes: counters.entry_bytes.load(Relaxed),
            queued_bytes: self.shared.queue.bytes(),
            cache_bytes: self.shared.cache_bytes.load(Relaxed),
            cache_hits: counters.cache_hits.load(Relaxed),
            cache_misses: counters.cache_misses.load(Relaxed),
            segments: self.shared.segments.lock().len() as u64,
            rotations: counters.rotations.load(Relaxed),
            copied_forward_bytes: counters.copied_forward_bytes.load(Relaxed),
            commit: counters.commit.snapshot(),
            segment_create: counters.segment_create.snapshot(),
            segment_drop: counters.segment_drop.snapshot(),
        }
    }

    /// Bytes on disk, by listing the folder.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn disk_bytes(&self) -> Result<u64, StorageError> {
        folder_bytes(&self.shared.path)
    }

    /// Writes what is queued, stops the threads and closes the database. Later operations get
    /// [`LogError::Closed`].
    pub fn shutdown(&self) {
        self.shared.draining.store(true, Relaxed);
        self.shared.queue.drain();
        self.threads.join();
    }

    /// Stops as a killed process would: what is queued is lost, its callbacks get an error. For crash tests.
    pub fn crash(&self) {
        self.shared.stop(&LogError::Closed);
        self.threads.join();
    }
}

impl Shared {
    /// Reads entries of `range` from RocksDB until they exceed `max_bytes`, at least one if `found` is empty;
    /// stops at a gap. Gives their payload bytes.
    pub(super) fn read_disk(
        &self,
        group: u64,
        range: Range<u64>,
        max_bytes: usize,
        found: &mut Vec<(u64, Bytes)>,
    ) -> Result<usize, StorageError> {
        let parts = self.segments.lock().locate(group, range.start, range.end);
        let guard = self.db.read();
        let db = guard.as_ref().ok_or(StorageError::Closed)?;
        let mut next = range.start;
        let mut bytes = 0;
        for part in parts {
            // A gap, or a segment dropped since it was located: everything in it was purged.
            if part.start != next || !read_part(db, group, part, &mut next, max_bytes, &mut bytes, found)? {
                break;
            }
        }
        Ok(bytes)
    }

    /// Latches the failure: nothing is accepted and nothing succeeds from now on.
    pub(super) fn fail(&self, error: &LogError) {
        tracing::error!(%error, "log stopped");
        self.stop(error);
        self.failed.send_replace(Some(error.clone()));
    }

    pub(super) fn stop(&self, error: &LogError) {
        for op in self.queue.stop(error.clone()) {
            (op.done)(Err(error.clone()));
        }
    }

    pub(super) fn tell_refused(&self, refused: Result<(), (Vec<Queued>, LogError)>) {
        if let Err((ops, error)) = refused {
            for op in ops {
                (op.done)(Err(error.clone()));
            }
        }
    }
}

/// Reads one segment's part; tells whether the next part is wanted.
fn read_part(
    db: &DB,
    group: u64,
    part: Located,
    next: &mut u64,
    max_bytes: usize,
    bytes: &mut usize,
    found: &mut Vec<(u64, Bytes)>,
) -> Result<bool, StorageError> {
    let Some(cf) = db.cf_handle(&segment_name(part.segment)) else {
        return Ok(false);
    };
    let mut options = ReadOptions::default();
    options.set_iterate_upper_bound(entry_key(group, part.end));
    // A log is read once, in order; it must not push chunks out of the shared cache.
    options.fill_cache(false);
    let mut iter = db.raw_iterator_cf_opt(&cf, options);
    iter.seek(entry_key(group, part.start));
    while let Some((key, value)) = iter.item() {
        if parse_entry_key(key) != Some((group, *next)) {
            return Ok(false);
        }
        let entry =
            decode_entry(&entry_key(group, *next), value).map_err(|reason| StorageError::LogCorrupt {
                group,
                index: *next,
                reason,
            })?;
        if !found.is_empty() && *bytes + entry.len() > max_bytes {
            return Ok(false);
        }
        *bytes += entry.len();
        found.push((*next, Bytes::copy_from_slice(entry)));
        *next += 1;
        iter.next();
    }
    iter.status().during("read log entries")?;
    Ok(*next == part.end)
}

impl Threads {
    fn join(&self) {
        let handles = std::mem::take(&mut *self.handles.lock());
        for handle in handles {
            // The last handle may go in a callback, on the writer thread itself.
            if handle.thread().id() == std::thread::current().id() {
                continue;
            }
            if handle.join().is_err() {
                self.shared
                    .fail(&LogError::Failed("a thread of the log panicked".into()));
            }
        }
        *self.shared.db.write() = None;
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.shared.stop(&LogError::Closed);
        self.join();
    }
}

impl fmt::Debug for LogDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogDb")
            .field("path", &self.shared.path)
            .finish_non_exhaustive()
    }
}
