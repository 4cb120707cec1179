//! The sending side: a consistent view, block by block.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use rocksdb::{DB, ReadOptions, SnapshotWithThreadMode};

use super::super::block::{BlockBuilder, Content};
use super::super::db::{Inner, cf};
use super::super::keys::{ChunkKey, Scope, parse_chunk_key};
use super::super::shard::ShardStore;
use crate::StorageError;
use crate::error::Context;

/// Bytes at which a block is full.
const BLOCK_BYTES: usize = 1 << 20;
/// How often an idle snapshot looks whether the database is being closed.
const CLOSING_POLL: Duration = Duration::from_millis(50);

type Reply = Result<Option<Vec<u8>>, StorageError>;

/// A consistent view of a shard, read block by block; later checkpoints do not change it. The last block says
/// that it is the last. Files cannot be freed while it is held.
pub struct ShardSnapshot {
    requests: Sender<()>,
    replies: Receiver<Reply>,
    ended: bool,
}

impl ShardStore {
    /// A consistent view of the shard as a sequence of checked blocks.
    ///
    /// # Errors
    /// When the database is closed, or the thread that holds the view cannot be started.
    pub fn snapshot(&self) -> Result<ShardSnapshot, StorageError> {
        let (requests, next) = channel();
        let (reply, replies) = channel();
        let (inner, scope) = (self.inner.clone(), self.scope());
        // RocksDB's snapshot borrows the database, so a thread's stack is where it can live as long as it
        // must.
        let run = move || {
            inner.open_snapshots.fetch_add(1, Relaxed);
            let result = serve(&inner, scope, &next, &reply);
            inner.open_snapshots.fetch_sub(1, Relaxed);
            // The reader may be gone, which is how it ends early.
            let _ = reply.send(result.map(|()| None));
        };
        let spawned = std::thread::Builder::new()
            .name("statedb-snapshot".into())
            .spawn(run);
        spawned.map_err(|source| StorageError::Thread { source })?;
        let mut snapshot = ShardSnapshot {
            requests,
            replies,
            ended: false,
        };
        // The first reply says that the view is taken.
        snapshot
            .reply()
            .transpose()
            .map_or(Ok(()), |taken| taken.map(drop))?;
        Ok(snapshot)
    }
}

impl ShardSnapshot {
    fn reply(&mut self) -> Reply {
        let reply = self.replies.recv().unwrap_or(Err(StorageError::Closed));
        self.ended |= !matches!(reply, Ok(Some(_)));
        reply
    }
}

impl Iterator for ShardSnapshot {
    type Item = Result<Vec<u8>, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        // If the thread has ended, its last reply says why.
        let _ = self.requests.send(());
        self.reply().transpose()
    }
}

impl fmt::Debug for ShardSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardSnapshot")
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// Answers each request with a block.
fn serve(
    inner: &Arc<Inner>,
    scope: Scope,
    next: &Receiver<()>,
    reply: &Sender<Reply>,
) -> Result<(), StorageError> {
    let db = inner.db()?;
    let view = db.snapshot();
    let _ = reply.send(Ok(Some(Vec::new())));
    for content in Content::RECORDS {
        if !serve_content(inner, &db, &view, scope, content, next, reply)? {
            return Ok(());
        }
    }
    if wait(inner, next)? {
        let _ = reply.send(Ok(Some(BlockBuilder::new(Content::End).finish())));
        wait(inner, next)?;
    }
    Ok(())
}

/// Sends all records of one kind. Tells whether the reader wants more.
fn serve_content(
    inner: &Inner,
    db: &DB,
    view: &SnapshotWithThreadMode<'_, DB>,
    scope: Scope,
    content: Content,
    next: &Receiver<()>,
    reply: &Sender<Reply>,
) -> Result<bool, StorageError> {
    let Some(family) = content.family() else {
        return Ok(true);
    };
    let mut options = ReadOptions::default();
    options.fill_cache(false);
    options.set_readahead_size(2 << 20);
    let end = scope.successor();
    let prefix_bytes = match content {
        Content::Meta => {
            options.set_iterate_range(scope.name_key(b"")..end.name_key(b""));
            scope.name_key(b"").len()
        }
        Content::Series | Content::Heads => {
            options.set_iterate_range(scope.id_key(0).to_vec()..end.id_key(0).to_vec());
            scope.bytes().len()
        }
        Content::Chunks | Content::End => 0,
    };
    let mut iter = view.raw_iterator_cf_opt(&cf(db, family)?, options);
    let mut block = BlockBuilder::new(content);
    if content == Content::Chunks {
        iter.seek(scope.window_start(0));
    } else {
        iter.seek_to_first();
    }
    while let Some((key, value)) = iter.item() {
        if content == Content::Chunks {
            let bad = StorageError::Corrupt {
                what: "chunk",
                reason: "key is not 32 bytes",
            };
            let (found_scope, found) = parse_chunk_key(key).ok_or(bad)?;
            if found_scope != scope {
                // Another shard's part of the window: on to ours, in this window or the next.
                let window = if found_scope < scope {
                    Some(found.window)
                } else {
                    found.window.checked_add(1)
                };
                let Some(window) = window else { break };
                iter.seek(scope.chunk_key(ChunkKey::first(window, 0, 0)));
                continue;
            }
            block.push(&found.portable(), value)?;
        } else {
            block.push(&key[prefix_bytes..], value)?;
        }
        if block.len() >= BLOCK_BYTES {
            if !wait(inner, next)? {
                return Ok(false);
            }
            let full = std::mem::replace(&mut block, BlockBuilder::new(content));
            let _ = reply.send(Ok(Some(full.finish())));
        }
        iter.next();
    }
    iter.status().during("read snapshot")?;
    if !block.is_empty() {
        if !wait(inner, next)? {
            return Ok(false);
        }
        let _ = reply.send(Ok(Some(block.finish())));
    }
    Ok(true)
}

/// Waits for the reader. `false` if it is gone.
fn wait(inner: &Inner, next: &Receiver<()>) -> Result<bool, StorageError> {
    loop {
        match next.recv_timeout(CLOSING_POLL) {
            Ok(()) => return Ok(true),
            Err(RecvTimeoutError::Disconnected) => return Ok(false),
            Err(RecvTimeoutError::Timeout) if inner.closing.load(Relaxed) => {
                return Err(StorageError::Closed);
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}
