//! Reading one shard: series of the head with their chunks from memory and store.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use tonic::Status;
use vigie_chunk::ChunkInfo;
use vigie_head::ChunkBytes;
use vigie_model::{Matcher, SeriesId, TenantId};
use vigie_proto::v1;

use crate::shard::Shard;

/// Series that go into one message.
const SERIES_PER_MESSAGE: usize = 256;
/// Label sets that go into one message.
pub(crate) const LABEL_SETS_PER_MESSAGE: usize = 1024;

/// A time range, both ends inclusive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeRange {
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
}

impl TimeRange {
    /// Whether any of the times from the oldest to the newest are in it.
    pub(crate) fn meets(self, oldest_and_newest_ms: Option<(i64, i64)>) -> bool {
        oldest_and_newest_ms
            .is_some_and(|(oldest_ms, newest_ms)| oldest_ms <= self.end_ms && newest_ms >= self.start_ms)
    }
}

impl Shard {
    /// Adds the matching series that have samples in `range` to `found`, and calls `send` when these are enough for a
    /// message. Reads the disk; holds the head for one message at a time, so that writes go on in between.
    pub(crate) fn select(
        &self,
        tenant: &TenantId,
        matchers: &[Matcher],
        range: TimeRange,
        found: &mut Vec<v1::SeriesChunks>,
        send: &mut dyn FnMut(Vec<v1::SeriesChunks>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Status> {
        let ids = self.head.read().select(tenant, matchers);
        for ids in ids.chunks(SERIES_PER_MESSAGE) {
            found.append(&mut self.load(tenant, ids, range)?);
            if found.len() >= SERIES_PER_MESSAGE && send(std::mem::take(found)).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The head is read before the store: a chunk that moves from one to the other in between is
    /// found twice, which readers resolve by time, and never missed.
    fn load(
        &self,
        tenant: &TenantId,
        ids: &[SeriesId],
        range: TimeRange,
    ) -> Result<Vec<v1::SeriesChunks>, Status> {
        let mut in_store = Vec::new();
        let mut loaded: Vec<Loaded> = Vec::with_capacity(ids.len());
        let mut packed = Vec::with_capacity(ids.len() * 256);
        let (tenant_index, window_ms) = {
            let head = self.head.read();
            for &id in ids {
                let labels_start = packed.len();
                if !head.pack_labels(id, &mut packed) {
                    continue; // Removed since it was selected.
                }
                let mut chunks = Vec::new();
                head.chunks(id, range.start_ms, range.end_ms, &mut chunks);
                if head
                    .has_persisted(id)
                    .is_some_and(|(from, to)| from <= range.end_ms && to >= range.start_ms)
                {
                    in_store.push(id.0);
                }
                loaded.push(Loaded {
                    id,
                    labels: labels_start..packed.len(),
                    chunks,
                });
            }
            (head.tenant_index(tenant), head.options().window_ms)
        };
        let mut stored = self.load_stored(tenant_index, &in_store, range, window_ms)?;
        let packed = Bytes::from(packed);
        Ok(loaded
            .into_iter()
            .filter_map(|series| {
                let mut chunks = stored.remove(&series.id.0).unwrap_or_default();
                chunks.extend(series.chunks);
                let labels = packed.slice(series.labels);
                (!chunks.is_empty()).then_some(v1::SeriesChunks { labels, chunks })
            })
            .collect())
    }

    fn load_stored(
        &self,
        tenant_index: Option<u32>,
        ids: &[u32],
        range: TimeRange,
        window_ms: i64,
    ) -> Result<HashMap<u32, Vec<ChunkBytes>>, Status> {
        let mut stored: HashMap<u32, Vec<ChunkBytes>> = HashMap::new();
        let (Some(tenant_index), false) = (tenant_index, ids.is_empty()) else {
            return Ok(stored);
        };
        let mut corrupt = None;
        self.store
            .chunks(
                tenant_index,
                ids,
                range.start_ms,
                range.end_ms,
                window_ms,
                &mut |id, bytes| {
                    match ChunkInfo::read(bytes) {
                        Ok(info) if info.max_time_ms < range.start_ms => {}
                        Ok(_) => stored.entry(id).or_default().push(Bytes::copy_from_slice(bytes)),
                        Err(error) => {
                            corrupt = Some(error);
                            return ControlFlow::Break(());
                        }
                    }
                    ControlFlow::Continue(())
                },
            )
            .map_err(|error| Status::internal(format!("shard {}: read stored chunks: {error}", self.id)))?;
        match corrupt {
            // A query must fail rather than miss samples.
            Some(error) => Err(Status::data_loss(format!(
                "shard {}: stored chunk is corrupt: {error}",
                self.id
            ))),
            None => Ok(stored),
        }
    }

    /// Adds the packed label sets of the series that match any of `sets` and may have samples in `range` to `found`, and
    /// calls `send` when these are enough for a message. No more than `limit`, which goes down with each. Holds the head
    /// for one message at a time, as [`Shard::select`] does.
    pub(crate) fn series_labels(
        &self,
        tenant: &TenantId,
        sets: &[Arc<[Matcher]>],
        range: TimeRange,
        limit: &mut usize,
        found: &mut Vec<Bytes>,
        send: &mut dyn FnMut(Vec<Bytes>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for ids in self.select_any(tenant, sets).chunks(LABEL_SETS_PER_MESSAGE) {
            if *limit == 0 {
                return ControlFlow::Break(());
            }
            found.extend(self.pack_labels(ids, range, *limit).inspect(|_| *limit -= 1));
            if found.len() >= LABEL_SETS_PER_MESSAGE {
                send(std::mem::take(found))?;
            }
        }
        ControlFlow::Continue(())
    }

    /// The series that match any of the sets, each once.
    fn select_any(&self, tenant: &TenantId, sets: &[Arc<[Matcher]>]) -> Vec<SeriesId> {
        let head = self.head.read();
        if let [matchers] = sets {
            return head.select(tenant, matchers);
        }
        let mut ids: Vec<SeriesId> = sets
            .iter()
            .flat_map(|matchers| head.select(tenant, matchers))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// The labels of those series that may have samples in `range`, in one buffer; of the first `limit`.
    fn pack_labels(&self, ids: &[SeriesId], range: TimeRange, limit: usize) -> impl Iterator<Item = Bytes> {
        let mut packed = Vec::with_capacity(ids.len().min(limit) * 256);
        let mut ends = Vec::with_capacity(ids.len().min(limit));
        let head = self.head.read();
        for &id in ids {
            let persisted = head.has_persisted(id);
            let has_samples = persisted.is_some_and(|times_ms| range.meets(Some(times_ms)))
                || head.has_samples(id, range.start_ms, range.end_ms);
            if has_samples && head.pack_labels(id, &mut packed) {
                ends.push(packed.len());
            }
            if ends.len() == limit {
                break;
            }
        }
        drop(head);
        let packed = Bytes::from(packed);
        let mut start = 0;
        ends.into_iter()
            .map(move |end| packed.slice(std::mem::replace(&mut start, end)..end))
    }
}

impl Shard {
    /// The exemplars in `range` of the series that match any of `sets`, by ascending series id.
    pub(crate) fn exemplars(
        &self,
        tenant: &TenantId,
        sets: &[Arc<[Matcher]>],
        range: TimeRange,
    ) -> Vec<v1::SeriesExemplars> {
        let head = self.head.read();
        let mut found = Vec::new();
        for id in head.select_with_exemplars(tenant, sets) {
            let exemplars: Vec<v1::Exemplar> = head
                .exemplars(id, range.start_ms, range.end_ms)
                .map(v1::Exemplar::from)
                .collect();
            if !exemplars.is_empty() {
                found.push(v1::SeriesExemplars {
                    labels: Bytes::copy_from_slice(head.labels(id).as_packed()),
                    exemplars,
                });
            }
        }
        found
    }
}

struct Loaded {
    id: SeriesId,
    /// Within the message's packed labels.
    labels: std::ops::Range<usize>,
    chunks: Vec<ChunkBytes>,
}
