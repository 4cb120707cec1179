//! Creates and drops segments beside the writer, as both rewrite the MANIFEST.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use rocksdb::{DB, FlushOptions};

use super::db::Shared;
use super::keys::{META, segment_name};
use super::recover::segment_options;
use crate::error::Context;
use crate::{LogError, StorageError};

/// One step. There are never more of them than segments.
#[derive(Debug, Clone, Copy)]
pub(super) enum Task {
    Create(u64),
    Drop(u64),
    /// Keeps the small memtable of the meta column family from pinning old write-ahead logs.
    FlushMeta,
}

/// Starts the thread; it ends when the sender is dropped.
pub(super) fn spawn(
    shared: Arc<Shared>,
    db: Arc<DB>,
    dead: Vec<u64>,
) -> Result<(Sender<Task>, JoinHandle<()>), StorageError> {
    let (tasks, receiver) = channel();
    let next = shared.segments.lock().active_number + 1;
    let first = [Task::Create(next)]
        .into_iter()
        .chain(dead.into_iter().map(Task::Drop));
    let first = first.collect::<Vec<_>>();
    let run = move || {
        if let Err(error) = work(&shared, &db, first, &receiver) {
            // RocksDB is read-only after a failed MANIFEST write.
            shared.fail(&LogError::Failed(error.to_string().into()));
        }
    };
    let spawned = std::thread::Builder::new()
        .name("logdb-segments".into())
        .spawn(run);
    Ok((tasks, spawned.map_err(|source| StorageError::Thread { source })?))
}

fn work(shared: &Shared, db: &DB, first: Vec<Task>, tasks: &Receiver<Task>) -> Result<(), StorageError> {
    let mut first = first.into_iter();
    let mut flush_due = false;
    loop {
        let Some(task) = first.next().or_else(|| tasks.try_recv().ok()) else {
            // Once for all segments dropped together: write-ahead logs that only they needed go with the flush,
            // and a second one would find nothing to do.
            if std::mem::take(&mut flush_due) {
                flush_meta(db, false)?;
            }
            match tasks.recv() {
                Ok(task) => first = vec![task].into_iter(),
                // Not after a crash, which leaves all as it is.
                Err(_) if shared.draining.load(Relaxed) => return flush_meta(db, true),
                Err(_) => return Ok(()),
            }
            continue;
        };
        let start = Instant::now();
        match task {
            Task::Create(number) => {
                let options = segment_options(&shared.options);
                db.create_cf(segment_name(number), &options)
                    .during("create log segment")?;
                shared.counters.segment_create.record(start.elapsed());
                shared.segments.lock().next = Some(number);
            }
            Task::Drop(number) => {
                if let Some(gate) = &shared.options.faults {
                    gate.before_drop();
                }
                db.drop_cf(&segment_name(number)).during("drop log segment")?;
                shared.segments.lock().dropped(number);
                shared.counters.segment_drop.record(start.elapsed());
                flush_due = true;
            }
            Task::FlushMeta => flush_due = true,
        }
    }
}

/// Waiting is for the end: queued behind larger flushes it would hold up the next segment.
fn flush_meta(db: &DB, wait: bool) -> Result<(), StorageError> {
    let mut options = FlushOptions::default();
    options.set_wait(wait);
    match db.cf_handle(META) {
        Some(meta) => db.flush_cf_opt(&meta, &options).during("flush log metadata"),
        None => Ok(()),
    }
}
