//! Compaction: joins the chunks of closed spans, so that a series has few and long ones, which cost fewest
//! bytes a sample.
//!
//! One worker for the node, one part of a span at a time, resting several times as long as it works.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vigie_chunk::{ChunkError, ChunkInfo, ChunkValues, merge};
use vigie_runtime::Clock;
use vigie_storage::{
    CompactedPart, JoinedChunks, SPAN_WINDOWS, SeriesInSpan, SpanCursor, StateDb, StorageError, StoredChunk,
};

use crate::shard::Shard;

/// How often closed spans are looked for.
const CHECK_INTERVAL: Duration = Duration::from_secs(60);
/// Bytes of chunks joined at once, for which a shard's checkpoint may have to wait.
const PART_BYTES: usize = 1 << 20;
/// Rest after a part, as a multiple of the time it took.
const REST: u32 = 3;
/// A span that got more chunks since it was compacted waits this long for the next of them.
const AGAIN_AFTER: Duration = Duration::from_secs(1800);
/// A shard that gets no samples for this long is taken to be up to date.
const IDLE_AFTER: Duration = Duration::from_secs(900);
/// Samples in a chunk at most: what reading one of them has to decode.
const MAX_SAMPLES: usize = 8192;

/// Which spans of windows are compacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompactedSpans {
    /// Those that get no more chunks, late ones aside: their shard has samples one window and the late
    /// ones' allowance after them.
    Closed,
    /// Those that are being filled too.
    All,
}

/// What compaction has done since the start.
#[derive(Debug, Default)]
pub(crate) struct CompactionStats {
    pub(crate) spans: AtomicU64,
    pub(crate) replaced_bytes: AtomicU64,
    pub(crate) written_bytes: AtomicU64,
    pub(crate) unreadable_series: AtomicU64,
}

/// What compaction did in a time. Background and explicit compaction count together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CompactionReport {
    /// Spans of windows, each shard's counted.
    pub spans: u64,
    /// Bytes of chunks that were joined.
    pub replaced_bytes: u64,
    /// Bytes of chunks written in their place.
    pub written_bytes: u64,
}

impl CompactionReport {
    pub(crate) fn since(self, before: CompactionReport) -> CompactionReport {
        CompactionReport {
            spans: self.spans - before.spans,
            replaced_bytes: self.replaced_bytes - before.replaced_bytes,
            written_bytes: self.written_bytes - before.written_bytes,
        }
    }
}

impl CompactionStats {
    pub(crate) fn report(&self) -> CompactionReport {
        CompactionReport {
            spans: self.spans.load(Relaxed),
            replaced_bytes: self.replaced_bytes.load(Relaxed),
            written_bytes: self.written_bytes.load(Relaxed),
        }
    }
}

pub(crate) struct Compactor {
    shards: Vec<Arc<Shard>>,
    state: StateDb,
    clock: Arc<dyn Clock>,
    /// How far behind the newest sample chunks may still come.
    grace_ms: i64,
    stats: Arc<CompactionStats>,
    /// By shard and span, when it was compacted.
    done: HashMap<(u32, u32), Instant>,
    /// By shard, its newest sample and since when.
    newest: HashMap<u32, (i64, Instant)>,
}

impl Compactor {
    pub(crate) fn new(
        shards: Vec<Arc<Shard>>,
        state: StateDb,
        clock: Arc<dyn Clock>,
        grace_ms: i64,
        stats: Arc<CompactionStats>,
    ) -> Compactor {
        Compactor {
            shards,
            state,
            clock,
            grace_ms,
            stats,
            done: HashMap::new(),
            newest: HashMap::new(),
        }
    }

    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                biased; // Shutdown first.
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(CHECK_INTERVAL) => {}
            }
            self.run_once(CompactedSpans::Closed, REST, &shutdown).await;
        }
    }

    /// Compacts these spans, oldest first, and has their files rewritten.
    pub(crate) async fn run_once(&mut self, which: CompactedSpans, rest: u32, shutdown: &CancellationToken) {
        let mut spans: Vec<(u32, usize)> = Vec::new();
        for at in 0..self.shards.len() {
            let found = match which {
                CompactedSpans::Closed => self.closed_spans(at),
                CompactedSpans::All => self.shards[at].store.spans_to_compact(u32::MAX),
            };
            match found {
                Ok(found) => spans.extend(found.into_iter().map(|span| (span, at))),
                Err(error) => warn(&self.shards[at], &error),
            }
        }
        spans.sort_unstable();
        for spans in spans.chunk_by(|left, right| left.0 == right.0) {
            for &(span, at) in spans {
                match self.compact(at, span, rest, shutdown).await {
                    Ok(()) => drop(self.done.insert((self.shards[at].id.0, span), Instant::now())),
                    Err(error) => warn(&self.shards[at], &error),
                }
            }
            if let Some(&(span, _)) = spans.first() {
                self.reclaim(span, shutdown).await;
                self.stats.spans.fetch_add(spans.len() as u64, Relaxed);
            }
        }
    }

    /// Spans of a shard that get no more chunks, late ones aside.
    fn closed_spans(&mut self, at: usize) -> Result<Vec<u32>, StorageError> {
        let shard = &self.shards[at];
        let (newest_ms, window_ms) = {
            let head = shard.head.read();
            let times = head.tenants().filter_map(|tenant| head.time_range(tenant));
            (times.map(|(_, newest)| newest).max(), head.options().window_ms)
        };
        let Some(newest_ms) = newest_ms else {
            return Ok(Vec::new());
        };
        let now = Instant::now();
        let seen = self.newest.entry(shard.id.0).or_insert((newest_ms, now));
        if seen.0 != newest_ms {
            *seen = (newest_ms, now);
        }
        let idle = now.duration_since(seen.1) >= IDLE_AFTER;
        let up_to_ms = if idle {
            newest_ms.max(self.clock.now_ms())
        } else {
            newest_ms
        };
        // A window more: the last chunk of one is sealed by the first sample of the next, and stored by the
        // checkpoint after that.
        let end_window = (up_to_ms - self.grace_ms - window_ms).max(0) / window_ms;
        let end_span = u32::try_from(end_window / i64::from(SPAN_WINDOWS)).unwrap_or(u32::MAX);
        let mut spans = shard.store.spans_to_compact(end_span)?;
        spans.retain(|span| {
            let done = self.done.get(&(shard.id.0, *span));
            done.is_none_or(|done| now.duration_since(*done) >= AGAIN_AFTER)
        });
        Ok(spans)
    }

    async fn compact(
        &self,
        at: usize,
        span: u32,
        rest: u32,
        shutdown: &CancellationToken,
    ) -> Result<(), StorageError> {
        let shard = &self.shards[at];
        let mut next = Some(shard.store.begin_compaction(span));
        while let Some(cursor) = next {
            if shutdown.is_cancelled() {
                return Ok(());
            }
            let started = Instant::now();
            let part = self.compact_part(shard, cursor).await?;
            self.stats.replaced_bytes.fetch_add(part.replaced_bytes, Relaxed);
            self.stats.written_bytes.fetch_add(part.written_bytes, Relaxed);
            next = part.next;
            tokio::time::sleep(started.elapsed() * rest).await;
        }
        Ok(())
    }

    async fn compact_part(
        &self,
        shard: &Arc<Shard>,
        cursor: SpanCursor,
    ) -> Result<CompactedPart, StorageError> {
        let (store, stats) = (shard.store.clone(), self.stats.clone());
        let work = move || {
            store.compact_part(cursor, PART_BYTES, &mut |series| match join(series) {
                Ok(joined) => joined,
                Err(_) => {
                    // It stays as it is; a query that needs it says what is wrong.
                    stats.unreadable_series.fetch_add(1, Relaxed);
                    None
                }
            })
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result,
            Err(_) => Err(StorageError::Closed),
        }
    }

    async fn reclaim(&self, span: u32, shutdown: &CancellationToken) {
        for window in span * SPAN_WINDOWS..(span + 1) * SPAN_WINDOWS {
            if shutdown.is_cancelled() {
                return;
            }
            let state = self.state.clone();
            let reclaimed = tokio::task::spawn_blocking(move || state.reclaim_window(window)).await;
            if let Ok(Err(error)) = reclaimed {
                tracing::warn!(%error, "rewriting compacted files failed; their space returns later");
            }
        }
    }
}

/// The chunks that hold the samples of all; `None` if there is nothing to gain.
fn join(series: &SeriesInSpan) -> Result<Option<JoinedChunks>, ChunkError> {
    if is_joined(&series.chunks)? {
        return Ok(None);
    }
    let mixed = series.chunks.iter().any(|chunk| has_histograms(&chunk.bytes));
    let chunks: Vec<&[u8]> = series.chunks.iter().map(|chunk| &chunk.bytes[..]).collect();
    let mut joined = Vec::new();
    for chunk in merge(&chunks, MAX_SAMPLES)? {
        joined.push((ChunkInfo::read(&chunk)?.min_time_ms, chunk));
    }
    // Where floats and histograms take turns, or histograms are large, more chunks are needed than
    // `is_joined` counts on.
    let is_same = |(one, (start_ms, other)): (&StoredChunk, &(i64, Vec<u8>))| {
        one.start_ms == *start_ms && one.bytes[..] == other[..]
    };
    if mixed && joined.len() == series.chunks.len() && series.chunks.iter().zip(&joined).all(is_same) {
        return Ok(None);
    }
    Ok(Some(joined))
}

fn has_histograms(chunk: &[u8]) -> bool {
    ChunkInfo::read(chunk).is_ok_and(|info| info.values == ChunkValues::Histograms)
}

/// Whether the chunks follow each other and are as few as can be.
fn is_joined(chunks: &[StoredChunk]) -> Result<bool, ChunkError> {
    let mut newest_ms = None;
    let mut samples = 0;
    for chunk in chunks {
        let info = ChunkInfo::read(&chunk.bytes)?;
        if newest_ms.is_some_and(|newest| info.min_time_ms <= newest) {
            return Ok(false);
        }
        newest_ms = Some(info.max_time_ms);
        samples += info.count as usize;
    }
    Ok(chunks.len() <= samples.div_ceil(MAX_SAMPLES))
}

fn warn(shard: &Shard, error: &StorageError) {
    tracing::warn!(shard = shard.id.0, %error, "compaction failed; it is tried again");
}
