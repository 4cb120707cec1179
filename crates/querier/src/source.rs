//! Ingesters as the source of an evaluation.

use std::sync::Arc;

use futures::StreamExt;
use futures::future::try_join_all;
use tokio::runtime::Handle;
use tonic::{Code, Request, Status};
use vigie_cluster::Placement;
use vigie_model::TenantId;
use vigie_promql::{SelectRequest, Series, SeriesBatch, SeriesSet, Source, SourceError};
use vigie_proto::{MessageStream, matchers_to_wire, v1};

use crate::decode::decode_series;
use crate::patience::Patience;

/// Reads the series of one tenant under one shard map. Used on a thread that may block.
pub(crate) struct IngesterSource {
    pub(crate) placement: Arc<Placement>,
    pub(crate) tenant: TenantId,
    pub(crate) runtime: Handle,
    pub(crate) patience: Patience,
}

impl Source for IngesterSource {
    fn select(&self, request: &SelectRequest) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
        if let Some(local) = self.placement.local() {
            let (matchers, start_ms, end_ms) = (&request.matchers, request.start_ms, request.end_ms);
            let few = local.select_few(&self.tenant, matchers, start_ms, end_ms);
            if let Some(series) = few.map_err(source_error)? {
                return Ok(self.reading(series, Vec::new(), request));
            }
        }
        let wire = v1::SelectRequest {
            tenant: self.tenant.as_str().to_owned(),
            matchers: matchers_to_wire(&request.matchers),
            start_ms: request.start_ms,
            end_ms: request.end_ms,
            shards: Vec::new(),
        };
        // All ingesters begin to read at once; their streams are then consumed one after the other.
        let calls = self
            .placement
            .members()
            .iter()
            .map(|member| member.select(Request::new(wire.clone())));
        let streams = self
            .patience
            .wait(&self.runtime, try_join_all(calls))?
            .map_err(source_error)?;
        let streams = streams.into_iter().map(tonic::Response::into_inner).collect();
        Ok(self.reading(Vec::new(), streams, request))
    }
}

impl IngesterSource {
    fn reading(
        &self,
        message: Vec<v1::SeriesChunks>,
        streams: Vec<MessageStream<v1::SelectResponse>>,
        request: &SelectRequest,
    ) -> Box<dyn SeriesSet + '_> {
        Box::new(Streams {
            source: self,
            streams,
            message: message.into_iter(),
            start_ms: request.start_ms,
            end_ms: request.end_ms,
            labels: request.labels.clone(),
        })
    }
}

struct Streams<'a> {
    source: &'a IngesterSource,
    /// Those not at their end; the last is being read.
    streams: Vec<MessageStream<v1::SelectResponse>>,
    message: std::vec::IntoIter<v1::SeriesChunks>,
    start_ms: i64,
    end_ms: i64,
    /// Those that are needed.
    labels: Option<Arc<[String]>>,
}

/// Series that one thread decodes at a time: a fraction of a millisecond to some milliseconds of work.
const SERIES_PER_BATCH: usize = 64;

impl Streams<'_> {
    /// Makes sure that there is something in the message; false at the end of all streams.
    fn fill(&mut self) -> Result<bool, SourceError> {
        while self.message.len() == 0 {
            let Some(stream) = self.streams.last_mut() else {
                return Ok(false);
            };
            match self.source.patience.wait(&self.source.runtime, stream.next())? {
                Some(message) => self.message = message.map_err(source_error)?.series.into_iter(),
                None => drop(self.streams.pop()),
            }
        }
        Ok(true)
    }
}

impl SeriesSet for Streams<'_> {
    fn next(&mut self) -> Result<Option<Series>, SourceError> {
        let mut series = Series::default();
        while self.fill()? {
            if let Some(part) = self.message.next()
                && decode_series(
                    &part,
                    self.start_ms,
                    self.end_ms,
                    self.labels.as_deref(),
                    &mut series,
                )
                .map_err(source_error)?
            {
                return Ok(Some(series));
            }
        }
        Ok(None)
    }

    fn next_batch(&mut self) -> Result<Option<Box<dyn SeriesBatch>>, SourceError> {
        if !self.fill()? {
            return Ok(None);
        }
        let parts: Vec<v1::SeriesChunks> = self.message.by_ref().take(SERIES_PER_BATCH).collect();
        Ok(Some(Box::new(Encoded {
            parts: parts.into_iter(),
            start_ms: self.start_ms,
            end_ms: self.end_ms,
            labels: self.labels.clone(),
        })))
    }
}

/// Series as an ingester sent them.
struct Encoded {
    parts: std::vec::IntoIter<v1::SeriesChunks>,
    start_ms: i64,
    end_ms: i64,
    /// Those that are needed.
    labels: Option<Arc<[String]>>,
}

impl SeriesBatch for Encoded {
    fn next_into(&mut self, series: &mut Series) -> Result<bool, SourceError> {
        for part in self.parts.by_ref() {
            if decode_series(&part, self.start_ms, self.end_ms, self.labels.as_deref(), series)
                .map_err(source_error)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn source_error(status: Status) -> SourceError {
    let retryable = matches!(
        status.code(),
        Code::Unavailable | Code::NotFound | Code::ResourceExhausted | Code::FailedPrecondition
    );
    SourceError {
        message: status.message().to_owned(),
        retryable,
    }
}
