//! The ingester asked by a reader of its own process, on the reader's thread.

use std::sync::Arc;

use tonic::Status;
use vigie_model::{Matcher, SeriesId, TenantId};
use vigie_proto::{LocalIngester, LocalSeries, v1};

use crate::ingester::Ingester;
use crate::read::{SERIES_PER_MESSAGE, TimeRange};
use crate::shard::Shard;

impl LocalIngester for Ingester {
    fn select_here(
        &self,
        tenant: &TenantId,
        matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Option<Box<dyn LocalSeries>>, Status> {
        if !self.shards().all(|shard| shard.replica.leads_alone()) {
            return Ok(None);
        }
        let shards: Vec<Arc<Shard>> = self.shards().cloned().collect();
        Ok(Some(Box::new(Selection {
            tenant: tenant.clone(),
            matchers: matchers.to_vec(),
            range: TimeRange { start_ms, end_ms },
            shards: shards.into_iter(),
            current: None,
        })))
    }
}

/// What is left of a selection.
struct Selection {
    tenant: TenantId,
    matchers: Vec<Matcher>,
    range: TimeRange,
    /// Those not begun.
    shards: std::vec::IntoIter<Arc<Shard>>,
    current: Option<Reading>,
}

/// A shard that is being read.
struct Reading {
    shard: Arc<Shard>,
    ids: Vec<SeriesId>,
    /// How many of them were read.
    done: usize,
}

impl LocalSeries for Selection {
    fn next_message(&mut self) -> Result<Option<Vec<v1::SeriesChunks>>, Status> {
        let mut found = Vec::new();
        // As much as a message of the stream has, so that few series of many shards are decoded together.
        while found.len() < SERIES_PER_MESSAGE {
            let Some(reading) = &mut self.current else {
                let Some(shard) = self.shards.next() else {
                    break;
                };
                let ids = shard.head.read().select(&self.tenant, &self.matchers);
                self.current = (!ids.is_empty()).then_some(Reading { shard, ids, done: 0 });
                continue;
            };
            let end = reading.ids.len().min(reading.done + SERIES_PER_MESSAGE);
            let ids = &reading.ids[reading.done..end];
            found.append(&mut reading.shard.load(&self.tenant, ids, self.range)?);
            reading.done = end;
            if end == reading.ids.len() {
                self.current = None;
            }
        }
        Ok((!found.is_empty()).then_some(found))
    }
}
