//! The ingester as the service other roles call.

use std::ops::ControlFlow;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::future::try_join_all;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use vigie_head::DistinctTexts;
use vigie_model::{Matcher, TenantId};
use vigie_proto::{MessageStream, v1};

use crate::ingester::Ingester;
use crate::read::{LABEL_SETS_PER_MESSAGE, TimeRange};
use crate::shard::Shard;

/// Messages of a stream that wait for their reader; the producer pauses beyond that.
const STREAM_DEPTH: usize = 4;

/// A list of matchers, all of which a series must match.
type Matchers = Arc<[Matcher]>;

#[async_trait]
impl vigie_proto::Ingester for Ingester {
    type SelectStream = MessageStream<v1::SelectResponse>;
    type SeriesStream = MessageStream<v1::SeriesResponse>;
    type ExemplarsStream = MessageStream<v1::ExemplarsResponse>;

    async fn describe(
        &self,
        _: Request<v1::DescribeRequest>,
    ) -> Result<Response<v1::DescribeResponse>, Status> {
        Ok(Response::new(v1::DescribeResponse {
            shard_count: self.shard_count(),
            shards: self.shards().map(|shard| shard.id.0).collect(),
            epoch: 1,
        }))
    }

    async fn push(&self, request: Request<v1::PushRequest>) -> Result<Response<v1::PushResponse>, Status> {
        let request = request.into_inner();
        let shard = self.shard(request.shard)?;
        Ok(Response::new(shard.push(&request.batch, self.stamp()).await?))
    }

    async fn select(
        &self,
        request: Request<v1::SelectRequest>,
    ) -> Result<Response<Self::SelectStream>, Status> {
        let request = request.into_inner();
        let tenant = tenant(&request.tenant)?;
        let matchers = self.matchers(request.matchers)?;
        let range = TimeRange {
            start_ms: request.start_ms,
            end_ms: request.end_ms,
        };
        let shards = self.shards_for_read(&request.shards).await?;
        let (sender, receiver) = mpsc::channel(STREAM_DEPTH);
        tokio::task::spawn_blocking(move || {
            let mut send = |series| match sender.blocking_send(Ok(v1::SelectResponse { series })) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()), // The reader has gone away.
            };
            // A message for each shard would wake the reader as often, mostly for next to nothing.
            let mut found = Vec::new();
            for shard in shards {
                match shard.select(&tenant, &matchers, range, &mut found, &mut send) {
                    Ok(ControlFlow::Continue(())) => {}
                    Ok(ControlFlow::Break(())) => return,
                    Err(status) => {
                        let _ = sender.blocking_send(Err(status));
                        return;
                    }
                }
            }
            if !found.is_empty() {
                let _ = send(found);
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver).boxed()))
    }

    async fn series(
        &self,
        request: Request<v1::SeriesRequest>,
    ) -> Result<Response<Self::SeriesStream>, Status> {
        let request = request.into_inner();
        let tenant = tenant(&request.tenant)?;
        let sets = self.matcher_sets(request.sets)?;
        let range = TimeRange {
            start_ms: request.start_ms,
            end_ms: request.end_ms,
        };
        let mut limit = limit(request.limit);
        let shards = self.shards_for_read(&[]).await?;
        let (sender, receiver) = mpsc::channel(STREAM_DEPTH);
        tokio::task::spawn_blocking(move || {
            let mut send = |labels| match sender.blocking_send(Ok(v1::SeriesResponse { labels })) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()), // The reader has gone away.
            };
            let mut found = Vec::new();
            let _ = shards.iter().try_for_each(|shard| {
                shard.series_labels(&tenant, &sets, range, &mut limit, &mut found, &mut send)
            });
            if !found.is_empty() {
                let _ = send(found);
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver).boxed()))
    }

    async fn label_names(
        &self,
        request: Request<v1::LabelNamesRequest>,
    ) -> Result<Response<v1::LabelNamesResponse>, Status> {
        let request = request.into_inner();
        let tenant = tenant(&request.tenant)?;
        let sets = any_series_if_empty(self.matcher_sets(request.sets)?);
        let range = TimeRange {
            start_ms: request.start_ms,
            end_ms: request.end_ms,
        };
        let shards = self.shards_for_read(&[]).await?;
        let is_short = sets.iter().all(|set| set.is_empty());
        let find = move || {
            let mut found = DistinctTexts::default();
            for shard in &shards {
                let head = shard.head.read();
                // As in Prometheus, all labels of the tenant or none.
                if range.meets(head.time_range(&tenant)) {
                    sets.iter()
                        .for_each(|matchers| head.label_names(&tenant, matchers, &mut found));
                }
            }
            found.into_sorted()
        };
        // Without matchers it is a walk over some hundred names, shorter than the way to another thread.
        let names = if is_short { find() } else { blocking(find).await? };
        Ok(Response::new(v1::LabelNamesResponse { names }))
    }

    async fn label_values(
        &self,
        request: Request<v1::LabelValuesRequest>,
    ) -> Result<Response<v1::LabelValuesResponse>, Status> {
        let request = request.into_inner();
        let tenant = tenant(&request.tenant)?;
        let sets = any_series_if_empty(self.matcher_sets(request.sets)?);
        let range = TimeRange {
            start_ms: request.start_ms,
            end_ms: request.end_ms,
        };
        let shards = self.shards_for_read(&[]).await?;
        let limit = limit(request.limit);
        let values = blocking(move || {
            let mut found = DistinctTexts::default();
            for shard in &shards {
                let head = shard.head.read();
                if range.meets(head.time_range(&tenant)) {
                    for matchers in &sets {
                        head.label_values(&tenant, &request.name, matchers, limit, &mut found);
                    }
                }
            }
            found.into_sorted()
        })
        .await?;
        Ok(Response::new(v1::LabelValuesResponse { values }))
    }

    async fn exemplars(
        &self,
        request: Request<v1::ExemplarsRequest>,
    ) -> Result<Response<Self::ExemplarsStream>, Status> {
        let request = request.into_inner();
        let tenant = tenant(&request.tenant)?;
        let sets = self.matcher_sets(request.sets)?;
        let range = TimeRange {
            start_ms: request.start_ms,
            end_ms: request.end_ms,
        };
        let shards = self.shards_for_read(&[]).await?;
        let (sender, receiver) = mpsc::channel(STREAM_DEPTH);
        tokio::task::spawn_blocking(move || {
            for shard in shards {
                let mut found = shard.exemplars(&tenant, &sets, range);
                while !found.is_empty() {
                    let rest = found.split_off(found.len().min(LABEL_SETS_PER_MESSAGE));
                    let series = std::mem::replace(&mut found, rest);
                    if sender
                        .blocking_send(Ok(v1::ExemplarsResponse { series }))
                        .is_err()
                    {
                        return; // The reader has gone away.
                    }
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver).boxed()))
    }

    async fn metadata(
        &self,
        request: Request<v1::MetadataRequest>,
    ) -> Result<Response<v1::MetadataResponse>, Status> {
        let request = request.into_inner();
        let tenant = tenant(&request.tenant)?;
        let mut families = Vec::new();
        for shard in self.shards_for_read(&[]).await? {
            let head = shard.head.read();
            families.extend(
                head.metadata(&tenant)
                    .filter(|(name, _)| request.metric.is_empty() || *name == request.metric)
                    .map(|(name, metadata)| v1::FamilyMetadata::new(name, metadata)),
            );
        }
        Ok(Response::new(v1::MetadataResponse { families }))
    }

    async fn tenant_stats(
        &self,
        request: Request<v1::TenantStatsRequest>,
    ) -> Result<Response<v1::TenantStatsResponse>, Status> {
        let request = request.into_inner();
        let tenant = tenant(&request.tenant)?;
        let shards = self.shards_for_read(&[]).await?;
        // Lists are cut by the caller: what is 11th in every shard may be the first in all.
        let stats = blocking(move || {
            let mut total = v1::TenantStatsResponse::default();
            for shard in &shards {
                add_stats(
                    &mut total,
                    shard.head.read().stats(&tenant, request.limit.max(1000) as usize),
                );
            }
            total.label_pairs = distinct_pairs(&shards, &tenant);
            total
        })
        .await?;
        Ok(Response::new(stats))
    }
}

impl Ingester {
    fn matchers(&self, wire: Vec<v1::Matcher>) -> Result<Matchers, Status> {
        self.patterns
            .matchers(wire)
            .map_err(|error| Status::invalid_argument(error.to_string()))
    }

    fn matcher_sets(&self, wire: Vec<v1::MatcherSet>) -> Result<Vec<Matchers>, Status> {
        wire.into_iter().map(|set| self.matchers(set.matchers)).collect()
    }

    /// The shards asked for, once each of them can be read.
    async fn shards_for_read(&self, wanted: &[u32]) -> Result<Vec<Arc<Shard>>, Status> {
        let shards: Vec<Arc<Shard>> = if wanted.is_empty() {
            self.shards().cloned().collect()
        } else {
            wanted
                .iter()
                .map(|&id| self.shard(id).cloned())
                .collect::<Result<_, _>>()?
        };
        try_join_all(shards.iter().map(|shard| shard.read_barrier())).await?;
        Ok(shards)
    }
}

fn tenant(name: &str) -> Result<TenantId, Status> {
    TenantId::new(name).map_err(|error| Status::invalid_argument(error.to_string()))
}

fn any_series_if_empty(sets: Vec<Matchers>) -> Vec<Matchers> {
    if sets.is_empty() {
        vec![Arc::default()]
    } else {
        sets
    }
}

/// 0 on the wire is no limit.
fn limit(wire: u32) -> usize {
    match wire {
        0 => usize::MAX,
        limit => limit as usize,
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Status> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Status::internal(format!("read task failed: {error}")))
}

/// Pairs of label name and value of a tenant, which are in many shards, each once.
fn distinct_pairs(shards: &[Arc<Shard>], tenant: &TenantId) -> u64 {
    let mut names = DistinctTexts::default();
    for shard in shards {
        shard.head.read().label_names(tenant, &[], &mut names);
    }
    let mut pairs = 0;
    for name in names.into_sorted() {
        let name = String::from_utf8_lossy(&name);
        let mut values = DistinctTexts::default();
        for shard in shards {
            let head = shard.head.read();
            head.label_values(tenant, &name, &[], usize::MAX, &mut values);
        }
        pairs += values.len() as u64;
    }
    pairs
}

fn add_stats(total: &mut v1::TenantStatsResponse, part: vigie_head::TenantStats) {
    total.series += part.series_count;
    total.chunks += part.chunk_count;
    total.min_time_ms = [total.min_time_ms, part.min_time_ms].into_iter().flatten().min();
    total.max_time_ms = [total.max_time_ms, part.max_time_ms].into_iter().flatten().max();
    let wire = |list: Vec<(String, u64)>| {
        list.into_iter()
            .map(|(name, value)| v1::NamedCount { name, value })
    };
    total
        .series_by_metric
        .extend(wire(part.series_count_by_metric_name));
    total
        .values_by_label
        .extend(wire(part.label_value_count_by_label_name));
    total.bytes_by_label.extend(wire(part.memory_bytes_by_label_name));
    total.series_by_pair.extend(wire(part.series_count_by_label_pair));
}
