//! Creates and drops segments beside the writer, as both rewrite the MANIFEST.

use std::sync::Arc;
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
    let pending = std::iter::from_fn(|| tasks.recv().ok());
    for task in first.into_iter().chain(pending) {
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
                // Write-ahead logs that only it needed go with the next flush.
                flush_meta(db)?;
            }
            Task::FlushMeta => flush_meta(db)?,
        }
    }
    Ok(())
}

fn flush_meta(db: &DB) -> Result<(), StorageError> {
    let mut options = FlushOptions::default();
    // Queued behind larger flushes it would hold up the next segment.
    options.set_wait(false);
    match db.cf_handle(META) {
        Some(meta) => db.flush_cf_opt(&meta, &options).during("flush log metadata"),
        None => Ok(()),
    }
}
