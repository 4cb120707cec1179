//! Finding chunks.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use rocksdb::{DB, ReadOptions};

use super::db::{Inner, cf};
use super::keys::{CHUNKS, ChunkKey, Scope, parse_chunk_key};
use super::shard::ShardStore;
use super::span::{self, span_of};
use crate::StorageError;
use crate::error::Context;

/// Keys passed over one by one before a seek is taken to be cheaper.
const STEPS_BEFORE_SEEK: u32 = 8;

const BAD_KEY: StorageError = StorageError::Corrupt {
    what: "chunk",
    reason: "key is not 32 bytes",
};

impl ShardStore {
    /// Calls `visit` with each chunk of `series` (ascending) whose window touches `start_ms..=end_ms`, or whose
    /// span does if it was compacted, and whose start is not after `end_ms`: window by window, in each by series,
    /// then by start. The first chunks of a series may end before `start_ms`. Times before 1970 belong to
    /// window 0.
    ///
    /// # Errors
    /// When RocksDB cannot read. A chunk's own bytes are not verified here.
    pub fn chunks(
        &self,
        tenant: u32,
        series: &[u32],
        start_ms: i64,
        end_ms: i64,
        window_ms: i64,
        visit: &mut dyn FnMut(u32, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StorageError> {
        let Some(first_series) = series.first().copied() else {
            return Ok(());
        };
        if end_ms < start_ms {
            return Ok(());
        }
        let (first_window, last_window) = (window_of(start_ms, window_ms), window_of(end_ms, window_ms));
        let scope = self.scope();
        let db = self.inner.db()?;
        let mut options = ReadOptions::default();
        if let Some(beyond) = last_window.checked_add(1) {
            options.set_iterate_upper_bound(
                Scope {
                    shard: 0,
                    generation: 0,
                }
                .window_start(beyond),
            );
        }
        let mut iter = db.raw_iterator_cf_opt(&cf(&db, CHUNKS)?, options);
        // Chunks joined by compaction lie in the first window of their span; windows between are passed over.
        let mut window = first_window;
        let span = span_of(first_window);
        if self.inner.mark(&db, scope, span)?.is_some() {
            window = span::first_window(span);
        }
        let joined_window = window;
        // Position in `series` and how many keys were passed over since the last hit.
        let (mut wanted, mut steps) = (0, 0);
        iter.seek(scope.chunk_key(ChunkKey::first(window, tenant, first_series)));
        while let Some((key, value)) = iter.item() {
            let (found_scope, found) = parse_chunk_key(key).ok_or(BAD_KEY)?;
            if found.window < first_window && found.window != joined_window {
                (window, wanted, steps) = (first_window, 0, 0);
                iter.seek(scope.chunk_key(ChunkKey::first(window, tenant, first_series)));
                continue;
            }
            if found.window != window {
                window = found.window;
                wanted = 0;
            }
            let target = match (found_scope, found.tenant).cmp(&(scope, tenant)) {
                Ordering::Less => Some(ChunkKey::first(window, tenant, first_series)),
                Ordering::Greater => None,
                Ordering::Equal => {
                    wanted += series[wanted..].partition_point(|id| *id < found.series);
                    match series.get(wanted) {
                        Some(id) if *id == found.series && found.start_ms <= end_ms => {
                            if visit(found.series, value).is_break() {
                                return Ok(());
                            }
                            steps = 0;
                            iter.next();
                            continue;
                        }
                        // All later chunks of this series start too late.
                        Some(id) if *id == found.series => {
                            wanted += 1;
                            series.get(wanted).map(|id| ChunkKey::first(window, tenant, *id))
                        }
                        Some(id) => Some(ChunkKey::first(window, tenant, *id)),
                        None => None,
                    }
                }
            };
            steps += 1;
            match target {
                Some(_) if steps <= STEPS_BEFORE_SEEK && found_scope == scope => iter.next(),
                Some(target) => {
                    iter.seek(scope.chunk_key(target));
                    steps = 0;
                }
                None => {
                    let next = window.checked_add(1).map(|next| next.max(first_window));
                    let Some(next) = next.filter(|next| *next <= last_window) else {
                        break;
                    };
                    (window, wanted, steps) = (next, 0, 0);
                    iter.seek(scope.chunk_key(ChunkKey::first(window, tenant, first_series)));
                }
            }
        }
        iter.status().during("read chunks")
    }

    /// Windows that hold chunks, ascending.
    pub fn windows(&self) -> Result<Vec<u32>, StorageError> {
        let db = self.inner.db()?;
        self.inner.windows_of(&db, self.scope())
    }
}

impl Inner {
    /// Whether there is a chunk with a key in `start..end`.
    pub(super) fn holds_any(&self, db: &DB, start: &[u8], end: &[u8]) -> Result<bool, StorageError> {
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(end);
        options.fill_cache(false);
        let mut iter = db.raw_iterator_cf_opt(&cf(db, CHUNKS)?, options);
        iter.seek(start);
        let found = iter.valid();
        iter.status().during("look for chunks")?;
        Ok(found)
    }

    /// Windows in which `scope` has chunks; one seek for each, and one for each of others' windows between
    /// them.
    pub(super) fn windows_of(&self, db: &DB, scope: Scope) -> Result<Vec<u32>, StorageError> {
        let mut options = ReadOptions::default();
        options.fill_cache(false);
        let mut iter = db.raw_iterator_cf_opt(&cf(db, CHUNKS)?, options);
        let mut windows = Vec::new();
        iter.seek(scope.window_start(0));
        while let Some(key) = iter.key() {
            let (found_scope, found) = parse_chunk_key(key).ok_or(BAD_KEY)?;
            let next = match found_scope.cmp(&scope) {
                Ordering::Less => Some(found.window),
                Ordering::Equal => {
                    windows.push(found.window);
                    found.window.checked_add(1)
                }
                Ordering::Greater => found.window.checked_add(1),
            };
            let Some(next) = next else { break };
            iter.seek(scope.window_start(next));
        }
        iter.status().during("read windows")?;
        Ok(windows)
    }
}

/// Number of the window that `time_ms` is in.
fn window_of(time_ms: i64, window_ms: i64) -> u32 {
    u32::try_from(time_ms.max(0) / window_ms.max(1)).unwrap_or(u32::MAX)
}
