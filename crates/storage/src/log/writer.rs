//! The one thread that writes: all groups' operations into one RocksDB batch and one fsync.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Instant;

use rocksdb::{BoundColumnFamily, DB, WriteBatch, WriteOptions};

use super::db::Shared;
use super::keys::{Field, META, encode_entry, entry_key, meta_key, segment_name};
use super::maintenance::Task;
use super::options::{Durability, Fault, FaultPoint};
use super::queue::{Op, Queued, Work};
use super::segment::Span;
use crate::error::Context;
use crate::{LogError, StorageError};

type Cf<'db> = Arc<BoundColumnFamily<'db>>;

/// Starts the thread; it ends after [`Queue::drain`](super::queue::Queue::drain) or `stop`, and takes the
/// maintenance thread along.
pub(super) fn spawn(
    shared: Arc<Shared>,
    db: Arc<DB>,
    tasks: Sender<Task>,
) -> Result<JoinHandle<()>, StorageError> {
    let run = move || {
        // Nobody may wait for a callback that never comes, not even if the thread panics.
        let _stop = StopOnDrop(&shared);
        let result = Writer::new(&shared, &db, tasks).and_then(|mut writer| writer.run());
        if let Err(error) = result {
            shared.fail(&LogError::Failed(error.to_string().into()));
        }
    };
    let spawned = std::thread::Builder::new().name("logdb-writer".into()).spawn(run);
    spawned.map_err(|source| StorageError::Thread { source })
}

struct StopOnDrop<'a>(&'a Shared);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.stop(&LogError::Closed);
    }
}

struct Writer<'db> {
    shared: &'db Shared,
    db: &'db DB,
    tasks: Sender<Task>,
    /// Handles are kept because looking one up waits for segments being created or dropped.
    meta: Cf<'db>,
    active: Cf<'db>,
    /// Space for one encoded entry.
    value: Vec<u8>,
}

impl<'db> Writer<'db> {
    fn new(shared: &'db Shared, db: &'db DB, tasks: Sender<Task>) -> Result<Writer<'db>, StorageError> {
        let active = shared.segments.lock().active_number;
        let (meta, active) = (handle(db, META)?, handle(db, &segment_name(active))?);
        Ok(Writer {
            shared,
            db,
            tasks,
            meta,
            active,
            value: Vec::new(),
        })
    }

    fn run(&mut self) -> Result<(), StorageError> {
        while let Some(work) = self.shared.queue.take(self.shared.options.batch_bytes) {
            let last = work.last;
            self.commit(work)?;
            if last {
                if self.shared.options.durability == Durability::Relaxed {
                    self.db.flush_wal(true).during("sync log")?;
                }
                break;
            }
        }
        Ok(())
    }

    fn commit(&mut self, work: Work) -> Result<(), StorageError> {
        if work.ops.is_empty() && work.committed.is_empty() {
            return Ok(());
        }
        match self.write(&work) {
            Ok(moved) => self.complete(work.ops, moved),
            Err(error) => {
                let told = LogError::Failed(error.to_string().into());
                // Latch first: who hears of the failure must not be able to submit anything that succeeds.
                self.shared.fail(&told);
                for op in work.ops {
                    (op.done)(Err(told.clone()));
                }
                Err(error)
            }
        }
    }

    /// Makes `work` durable. Gives the groups whose entries were copied to the active segment.
    fn write(&mut self, work: &Work) -> Result<Vec<(u64, Span)>, StorageError> {
        let start = Instant::now();
        self.shared.queue.doing("write");
        let payload = work.ops.iter().map(|op| op.bytes + 64).sum::<usize>();
        let mut batch = WriteBatch::with_capacity_bytes(payload + payload / 16);
        let moved = self.rotate_if_due(&mut batch)?;
        for op in &work.ops {
            self.add(&mut batch, op)?;
        }
        for group in &work.committed {
            let mut image = group.image.lock();
            image.committed_queued = false;
            if let Some(committed) = &image.state.committed {
                batch.put_cf(&self.meta, meta_key(group.id, Field::Committed), committed);
            }
        }
        let bytes = batch.size_in_bytes();
        self.ask_faults(FaultPoint::BeforeWrite, bytes)?;
        let mut options = WriteOptions::new();
        options.set_sync(self.shared.options.durability == Durability::Fsync);
        // Segments on their way out may be gone by now; those in use are dropped by no one else.
        options.set_ignore_missing_column_families(true);
        self.db.write_opt(batch, &options).during("write log batch")?;
        self.ask_faults(FaultPoint::AfterSync, bytes)?;
        self.shared.counters.commit.record(start.elapsed());
        Ok(moved)
    }

    fn add(&mut self, batch: &mut WriteBatch, queued: &Queued) -> Result<(), StorageError> {
        let group = queued.group.id;
        match &queued.op {
            Op::Append { entries, floor } => {
                if let Some(floor) = floor {
                    batch.put_cf(&self.meta, meta_key(group, Field::Floor), floor);
                }
                for (index, entry) in entries {
                    let key = entry_key(group, *index);
                    encode_entry(&key, entry, &mut self.value);
                    batch.put_cf(&self.active, key, &self.value);
                }
            }
            Op::Vote(vote) => batch.put_cf(&self.meta, meta_key(group, Field::Vote), vote),
            Op::TruncateFrom(index) => self.delete_from(batch, group, *index)?,
            Op::PurgeTo { floor, .. } => {
                batch.put_cf(&self.meta, meta_key(group, Field::Floor), floor);
            }
            Op::Destroy => {
                self.delete_from(batch, group, 0)?;
                for field in [Field::Vote, Field::Committed, Field::Floor] {
                    batch.delete_cf(&self.meta, meta_key(group, field));
                }
            }
        }
        Ok(())
    }

    /// Deletes entries wherever they are, forgotten copies included: an overwritten entry must not come back
    /// once its successor is gone.
    fn delete_from(&self, batch: &mut WriteBatch, group: u64, index: u64) -> Result<(), StorageError> {
        let (segments, leaving) = {
            let segments = self.shared.segments.lock();
            (segments.numbers(), segments.leaving.clone())
        };
        for number in segments {
            let segment = handle(self.db, &segment_name(number))?;
            batch.delete_range_cf(&segment, entry_key(group, index), entry_key(group, u64::MAX));
        }
        // A crash may come before these are dropped, and the entries in them with it.
        for number in leaving {
            if let Some(segment) = self.db.cf_handle(&segment_name(number)) {
                batch.delete_range_cf(&segment, entry_key(group, index), entry_key(group, u64::MAX));
            }
        }
        Ok(())
    }

    /// What is durable becomes known: spans, evictable entries, counters; then the callers are told.
    fn complete(&mut self, ops: Vec<Queued>, moved: Vec<(u64, Span)>) -> Result<(), StorageError> {
        let shared = self.shared;
        let (mut appends, mut entry_count, mut entry_bytes, mut bytes) = (0, 0, 0, 0);
        let mut segments = shared.segments.lock();
        let mut evictable = shared.evictable.lock();
        for (group, span) in moved {
            segments.moved_to_active(group, span);
        }
        for op in &ops {
            let group = op.group.id;
            bytes += op.bytes as u64;
            match &op.op {
                Op::Append { entries, .. } => {
                    appends += 1;
                    entry_count += entries.len() as u64;
                    entry_bytes += op.bytes as u64;
                    if let (Some((first, _)), Some((last, _))) = (entries.first(), entries.last()) {
                        segments.active.extend(group, *first, *last, op.bytes as u64);
                        evictable.push_back((op.group.clone(), *last, op.number));
                    }
                }
                Op::Vote(_) => {}
                Op::TruncateFrom(index) => segments.truncate_from(group, *index),
                Op::PurgeTo { index, .. } => segments.purge_to(group, *index),
                Op::Destroy => segments.remove_group(group),
            }
        }
        drop(evictable);
        let is_useless =
            segments.active.spans.is_empty() && segments.active.bytes >= shared.options.useless_bytes;
        let next = if is_useless { segments.rotate() } else { None };
        let dead = segments.take_dead();
        drop(segments);
        if let Some(number) = next {
            self.go_on_in(number)?;
        }
        for number in dead {
            self.request(Task::Drop(number));
        }
        self.evict();
        shared.counters.batches.fetch_add(1, Relaxed);
        shared.counters.appends.fetch_add(appends, Relaxed);
        shared.counters.entries.fetch_add(entry_count, Relaxed);
        shared.counters.entry_bytes.fetch_add(entry_bytes, Relaxed);
        shared.queue.finished(bytes);
        for op in ops {
            (op.done)(Ok(()));
        }
        Ok(())
    }

    /// Keeps the tail cache within its budget; the oldest entries go first, whosever they are.
    fn evict(&self) {
        let budget = self.shared.options.tail_cache_bytes as u64;
        let mut evictable = self.shared.evictable.lock();
        while self.shared.cache_bytes.load(Relaxed) > budget {
            let Some((group, index, op)) = evictable.pop_front() else {
                break;
            };
            let freed = group.image.lock().tail.evict_through(index, op);
            self.shared.cache_bytes.fetch_sub(freed as u64, Relaxed);
        }
    }

    /// Goes on to the next segment if the active one is full or old, and the next exists already: the writer
    /// never waits for it.
    fn rotate_if_due(&mut self, batch: &mut WriteBatch) -> Result<Vec<(u64, Span)>, StorageError> {
        let options = &self.shared.options;
        let mut segments = self.shared.segments.lock();
        let active = &segments.active;
        let old = active.bytes > 0 && active.opened_at.elapsed() >= options.segment_age;
        if active.bytes < options.segment_bytes && !old {
            return Ok(Vec::new());
        }
        let Some(number) = segments.rotate() else {
            return Ok(Vec::new());
        };
        drop(segments);
        self.go_on_in(number)?;
        self.request(Task::FlushMeta);
        self.copy_forward(batch)
    }

    /// Writes to the segment that [`Segments::rotate`](super::segment::Segments::rotate) has made the active
    /// one.
    fn go_on_in(&mut self, number: u64) -> Result<(), StorageError> {
        self.active = handle(self.db, &segment_name(number))?;
        self.shared.counters.rotations.fetch_add(1, Relaxed);
        self.request(Task::Create(number + 1));
        Ok(())
    }

    /// Rewrites what little an idle group holds, so that it does not keep old segments. Called when the
    /// active segment is empty: everything of the group then goes there, and its entries stay in ascending
    /// segments.
    fn copy_forward(&self, batch: &mut WriteBatch) -> Result<Vec<(u64, Span)>, StorageError> {
        let options = &self.shared.options;
        let segments = self.shared.segments.lock();
        let pinning = segments
            .pinning(options.max_closed_segments)
            .into_keys()
            .collect::<BTreeSet<_>>();
        let small = |group: &u64| {
            segments
                .closed_span(*group)
                .filter(|span| span.bytes <= options.copy_forward_bytes)
        };
        let moved = pinning
            .iter()
            .filter_map(|group| Some((*group, small(group)?)))
            .collect::<Vec<_>>();
        drop(segments);
        let mut value = Vec::new();
        let mut copied = 0;
        for (group, span) in &moved {
            let mut entries = Vec::new();
            self.shared
                .read_disk(*group, span.min..span.max + 1, usize::MAX, &mut entries)?;
            if entries.len() as u64 != span.max - span.min + 1 {
                let found = entries.last().map(|(index, _)| *index);
                return Err(StorageError::LogHole {
                    group: *group,
                    expected: span.max,
                    found,
                });
            }
            for (index, entry) in &entries {
                let key = entry_key(*group, *index);
                encode_entry(&key, entry, &mut value);
                batch.put_cf(&self.active, key, &value);
                copied += entry.len() as u64;
            }
        }
        self.shared
            .counters
            .copied_forward_bytes
            .fetch_add(copied, Relaxed);
        Ok(moved)
    }

    /// The maintenance thread only goes before the writer when it failed, and then it has latched the
    /// failure.
    fn request(&self, task: Task) {
        if self.tasks.send(task).is_err() {
            tracing::debug!(?task, "segment maintenance has ended");
        }
    }

    fn ask_faults(&self, point: FaultPoint, bytes: usize) -> Result<(), StorageError> {
        match self
            .shared
            .options
            .faults
            .as_ref()
            .map(|faults| faults.at(point, bytes))
        {
            Some(Fault::Fail) => Err(StorageError::Injected { point }),
            Some(Fault::None) | None => Ok(()),
        }
    }
}

fn handle<'db>(db: &'db DB, name: &str) -> Result<Cf<'db>, StorageError> {
    db.cf_handle(name).ok_or(StorageError::Corrupt {
        what: "log",
        reason: "a column family is missing",
    })
}
