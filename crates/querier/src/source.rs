//! Ingesters as the source of an evaluation.

use std::sync::Arc;

use futures::StreamExt;
use futures::future::try_join_all;
use tokio::runtime::Handle;
use tonic::{Code, Request, Status};
use vigie_cluster::Placement;
use vigie_model::TenantId;
use vigie_promql::{SelectRequest, Series, SeriesSet, Source, SourceError};
use vigie_proto::{MessageStream, matchers_to_wire, v1};

use crate::decode::decode_series;

/// Reads the series of one tenant under one shard map. Used on a thread that may block.
pub(crate) struct IngesterSource {
    pub(crate) placement: Arc<Placement>,
    pub(crate) tenant: TenantId,
    pub(crate) runtime: Handle,
}

impl Source for IngesterSource {
    fn select(&self, request: &SelectRequest) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
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
        let streams = self.runtime.block_on(try_join_all(calls)).map_err(source_error)?;
        Ok(Box::new(Streams {
            runtime: &self.runtime,
            streams: streams.into_iter().map(tonic::Response::into_inner).collect(),
            message: Vec::new().into_iter(),
            start_ms: request.start_ms,
            end_ms: request.end_ms,
        }))
    }
}

struct Streams<'a> {
    runtime: &'a Handle,
    /// Those not at their end; the last is being read.
    streams: Vec<MessageStream<v1::SelectResponse>>,
    message: std::vec::IntoIter<v1::SeriesChunks>,
    start_ms: i64,
    end_ms: i64,
}

impl SeriesSet for Streams<'_> {
    fn next(&mut self) -> Result<Option<Series>, SourceError> {
        loop {
            for part in self.message.by_ref() {
                let series = decode_series(&part, self.start_ms, self.end_ms).map_err(source_error)?;
                if series.is_some() {
                    return Ok(series);
                }
            }
            let Some(stream) = self.streams.last_mut() else {
                return Ok(None);
            };
            match self.runtime.block_on(stream.next()) {
                Some(message) => self.message = message.map_err(source_error)?.series.into_iter(),
                None => drop(self.streams.pop()),
            }
        }
    }
}

fn source_error(status: Status) -> SourceError {
    let retryable = matches!(
        status.code(),
        Code::Unavailable | Code::NotFound | Code::ResourceExhausted
    );
    SourceError {
        message: status.message().to_owned(),
        retryable,
    }
}
