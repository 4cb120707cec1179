//! Spans: runs of windows whose chunks compaction joins, so that a series has few and long ones.
//!
//! Joining changes how samples are cut into chunks and nothing else. What it puts and what it removes are one
//! batch, so a reader sees each sample before, after, and at every moment in between; a crash undoes whole
//! batches. Chunks that checkpoints write meanwhile have keys of their own and stay.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use rocksdb::{CompactOptions, DB, DBRawIterator, ReadOptions, WriteBatch};

use super::db::{Inner, StateDb, cf};
use super::keys::{CHUNKS, ChunkKey, META, Scope, compacted_name, parse_chunk_key};
use super::shard::ShardStore;
use crate::StorageError;
use crate::error::Context;

/// Windows in a span. A chunk that was joined lies in the first window of its span, so this is part of the
/// format.
pub const SPAN_WINDOWS: u32 = 6;
/// A window's chunks are removed one by one up to this many, beyond as a range.
const POINT_DELETES: usize = 8;

/// Number of the span that a window is in.
pub(super) fn span_of(window: u32) -> u32 {
    window / SPAN_WINDOWS
}

/// The first window of a span.
pub(super) fn first_window(span: u32) -> u32 {
    span.saturating_mul(SPAN_WINDOWS)
}

/// What the mark of a span says. Without a mark, each of its chunks lies in the window of its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Mark {
    /// Some chunks may be joined and others not.
    Begun = 0,
    /// Every series' chunks are joined.
    Done = 1,
}

/// A chunk as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredChunk {
    window: u32,
    /// Time of the first sample.
    pub start_ms: i64,
    /// See [`ChunkKey::ordinal`].
    pub ordinal: u32,
    /// The chunk.
    pub bytes: Bytes,
}

/// All chunks of a series in a span, in the order in which readers prefer them: by start, then by window,
/// then by ordinal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesInSpan {
    /// Tenant number.
    pub tenant: u32,
    /// Series id within the shard.
    pub series: u32,
    /// At least two.
    pub chunks: Vec<StoredChunk>,
}

/// How far a span is compacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanCursor {
    scope: Scope,
    span: u32,
    /// Tenant and series that come next.
    next: (u32, u32),
}

/// What one call of [`ShardStore::compact_part`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactedPart {
    /// Where to go on; `None` when the span is done.
    pub next: Option<SpanCursor>,
    /// Series whose chunks were joined.
    pub joined_series: u64,
    /// Bytes of chunks read.
    pub read_bytes: u64,
    /// Bytes of chunks replaced.
    pub replaced_bytes: u64,
    /// Bytes of chunks put in their place.
    pub written_bytes: u64,
}

/// Starts and bytes of the chunks that come in place of others; no two start at the same time.
pub type JoinedChunks = Vec<(i64, Vec<u8>)>;

/// Joins a series' chunks, or leaves the series as it is.
pub type JoinChunks<'a> = dyn FnMut(&SeriesInSpan) -> Option<JoinedChunks> + 'a;

impl ShardStore {
    /// Spans before `end_span` that hold chunks and are not compacted, ascending.
    ///
    /// # Errors
    /// When RocksDB cannot read.
    pub fn spans_to_compact(&self, end_span: u32) -> Result<Vec<u32>, StorageError> {
        let scope = self.scope();
        let db = self.inner.db()?;
        let mut spans = self.inner.windows_of(&db, scope)?;
        spans.iter_mut().for_each(|window| *window = span_of(*window));
        spans.dedup();
        spans.retain(|span| *span < end_span);
        let mut left = Vec::new();
        for span in spans {
            if self.inner.mark(&db, scope, span)? != Some(Mark::Done) {
                left.push(span);
            }
        }
        Ok(left)
    }

    /// Starts compacting a span from its first series.
    pub fn begin_compaction(&self, span: u32) -> SpanCursor {
        let scope = self.scope();
        let writing = self.inner.writing(self.shard);
        let mut writing = writing.lock();
        writing.enter(scope);
        writing.touched_spans.remove(&span);
        SpanCursor {
            scope,
            span,
            next: (0, 0),
        }
    }

    /// Joins the chunks of the series that come next, until about `max_bytes` of chunks were read. Checkpoints
    /// of the shard wait meanwhile. Durable with the next checkpoint; until then a crash undoes it.
    ///
    /// # Errors
    /// [`StorageError::Superseded`] if a snapshot was installed or the shard destroyed since it began.
    pub fn compact_part(
        &self,
        cursor: SpanCursor,
        max_bytes: usize,
        join: &mut JoinChunks<'_>,
    ) -> Result<CompactedPart, StorageError> {
        let inner = &self.inner;
        let shared = inner.switching.read();
        let scope = self.scope();
        if scope != cursor.scope {
            return Err(StorageError::Superseded { shard: self.shard });
        }
        let writing = inner.writing(self.shard);
        let mut writing = writing.lock();
        writing.enter(scope);
        let db = inner.db()?;
        let mut part = Part::new(&db, cursor)?;
        let next = part.gather(max_bytes, join)?;
        let mut batch = WriteBatch::default();
        part.fill(&db, next, &mut batch)?;
        let done = next.is_none() && !writing.touched_spans.contains(&cursor.span);
        let mark = if done { Mark::Done } else { Mark::Begun };
        batch.put_cf(
            &cf(&db, META)?,
            scope.name_key(&compacted_name(cursor.span)),
            [mark as u8],
        );
        inner.write(&db, batch)?;
        drop(shared);
        Ok(CompactedPart {
            next: next.map(|next| SpanCursor { next, ..cursor }),
            ..part.totals
        })
    }
}

impl StateDb {
    /// Has RocksDB rewrite the files of a window, so that what compaction replaced leaves the disk. Takes as
    /// long as that, unless the database is closed.
    ///
    /// # Errors
    /// When the database is closed.
    pub fn reclaim_window(&self, window: u32) -> Result<(), StorageError> {
        let db = self.inner().db()?;
        let all = Scope {
            shard: 0,
            generation: 0,
        };
        let mut options = CompactOptions::default();
        // Flushes of checkpoints go on beside it.
        options.set_exclusive_manual_compaction(false);
        db.compact_range_cf_opt(
            &cf(&db, CHUNKS)?,
            Some(all.window_start(window)),
            Some(all.window_start(window.saturating_add(1))),
            &options,
        );
        Ok(())
    }
}

impl Inner {
    /// Whether chunks of a span were joined.
    pub(super) fn mark(&self, db: &DB, scope: Scope, span: u32) -> Result<Option<Mark>, StorageError> {
        let mark = db
            .get_pinned_cf(&cf(db, META)?, scope.name_key(&compacted_name(span)))
            .during("read compaction mark")?;
        match mark.as_deref() {
            None => Ok(None),
            Some([0]) => Ok(Some(Mark::Begun)),
            Some([1]) => Ok(Some(Mark::Done)),
            Some(_) => Err(StorageError::Corrupt {
                what: "compaction mark",
                reason: "unknown value",
            }),
        }
    }
}

/// The series of a span from a cursor on, merged from its windows.
struct Part<'db> {
    cursor: SpanCursor,
    /// One for each window, ascending.
    windows: Vec<(u32, DBRawIterator<'db>)>,
    /// Keys to remove, by window.
    removed: BTreeMap<u32, Vec<ChunkKey>>,
    /// Windows in which chunks of the part stay.
    kept: Vec<u32>,
    put: Vec<(ChunkKey, Vec<u8>)>,
    totals: CompactedPart,
}

impl<'db> Part<'db> {
    fn new(db: &'db DB, cursor: SpanCursor) -> Result<Part<'db>, StorageError> {
        let SpanCursor { scope, span, next } = cursor;
        let first = first_window(span);
        let chunks = cf(db, CHUNKS)?;
        let windows = (first..first.saturating_add(SPAN_WINDOWS)).map(|window| {
            let mut options = ReadOptions::default();
            options.set_iterate_upper_bound(scope.successor().window_start(window));
            options.fill_cache(false);
            options.set_readahead_size(256 << 10);
            let mut iter = db.raw_iterator_cf_opt(&chunks, options);
            iter.seek(scope.chunk_key(ChunkKey::first(window, next.0, next.1)));
            (window, iter)
        });
        Ok(Part {
            cursor,
            windows: windows.collect(),
            removed: BTreeMap::new(),
            kept: Vec::new(),
            put: Vec::new(),
            totals: CompactedPart {
                next: None,
                joined_series: 0,
                read_bytes: 0,
                replaced_bytes: 0,
                written_bytes: 0,
            },
        })
    }

    /// Takes series until `max_bytes` were read. Gives the first one not taken.
    fn gather(
        &mut self,
        max_bytes: usize,
        join: &mut JoinChunks<'_>,
    ) -> Result<Option<(u32, u32)>, StorageError> {
        while let Some((tenant, series)) = self.next_series()? {
            if self.totals.read_bytes >= max_bytes as u64 {
                return Ok(Some((tenant, series)));
            }
            let chunks = self.take(tenant, series)?;
            let bytes: u64 = chunks.iter().map(|chunk| chunk.bytes.len() as u64).sum();
            self.totals.read_bytes += bytes;
            let found = SeriesInSpan {
                tenant,
                series,
                chunks,
            };
            let joined = if found.chunks.len() > 1 {
                join(&found)
            } else {
                None
            };
            let Some(joined) = joined else {
                self.kept.extend(found.chunks.iter().map(|chunk| chunk.window));
                continue;
            };
            self.totals.joined_series += 1;
            self.totals.replaced_bytes += bytes;
            for chunk in found.chunks {
                let key = ChunkKey {
                    window: chunk.window,
                    tenant,
                    series,
                    start_ms: chunk.start_ms,
                    ordinal: chunk.ordinal,
                };
                self.removed.entry(chunk.window).or_default().push(key);
            }
            for (start_ms, bytes) in joined {
                self.totals.written_bytes += bytes.len() as u64;
                let key = ChunkKey {
                    window: first_window(self.cursor.span),
                    tenant,
                    series,
                    start_ms,
                    ordinal: 0,
                };
                self.put.push((key, bytes));
            }
        }
        Ok(None)
    }

    /// Adds what was gathered to `batch`; `next` is the first series not taken.
    fn fill(&self, db: &DB, next: Option<(u32, u32)>, batch: &mut WriteBatch) -> Result<(), StorageError> {
        let scope = self.cursor.scope;
        let chunks = cf(db, CHUNKS)?;
        for (window, keys) in &self.removed {
            if keys.len() <= POINT_DELETES || self.kept.contains(window) {
                keys.iter()
                    .for_each(|key| batch.delete_cf(&chunks, scope.chunk_key(*key)));
                continue;
            }
            // Nothing else is there: the shard's writers wait for us.
            let (tenant, series) = self.cursor.next;
            let from = scope.chunk_key(ChunkKey::first(*window, tenant, series));
            let to = match next {
                Some((tenant, series)) => scope.chunk_key(ChunkKey::first(*window, tenant, series)),
                None => scope.successor().window_start(*window),
            };
            batch.delete_range_cf(&chunks, from, to);
        }
        // After the removals, since a new chunk may have the key of one it replaces.
        for (key, bytes) in &self.put {
            batch.put_cf(&chunks, scope.chunk_key(*key), bytes);
        }
        Ok(())
    }

    /// The least tenant and series that any window is at.
    fn next_series(&self) -> Result<Option<(u32, u32)>, StorageError> {
        let mut least = None;
        for (_, iter) in &self.windows {
            let Some(key) = iter.key() else {
                iter.status().during("read chunks to compact")?;
                continue;
            };
            let (_, key) = parse_chunk_key(key).ok_or(BAD_KEY)?;
            let at = (key.tenant, key.series);
            if least.is_none_or(|least| at < least) {
                least = Some(at);
            }
        }
        Ok(least)
    }

    /// The chunks of one series from all windows.
    fn take(&mut self, tenant: u32, series: u32) -> Result<Vec<StoredChunk>, StorageError> {
        let mut chunks = Vec::new();
        for (window, iter) in &mut self.windows {
            while let Some((key, value)) = iter.item() {
                let (_, key) = parse_chunk_key(key).ok_or(BAD_KEY)?;
                if (key.tenant, key.series) != (tenant, series) {
                    break;
                }
                chunks.push(StoredChunk {
                    window: *window,
                    start_ms: key.start_ms,
                    ordinal: key.ordinal,
                    bytes: Bytes::copy_from_slice(value),
                });
                iter.next();
            }
        }
        chunks.sort_by_key(|chunk| (chunk.start_ms, chunk.window, chunk.ordinal));
        Ok(chunks)
    }
}

const BAD_KEY: StorageError = StorageError::Corrupt {
    what: "chunk",
    reason: "key is not 32 bytes",
};

impl fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part")
            .field("cursor", &self.cursor)
            .finish_non_exhaustive()
    }
}
