//! A query nobody waits for ends at once, also in the ingesters it reads from, and leaves its turn to others.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which fail by panicking")]

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use async_trait::async_trait;
use futures::{Stream, StreamExt, stream};
use tokio::sync::mpsc;
use tonic::{Request, Response, Status};
use vigie_cluster::Directory;
use vigie_model::{Labels, TenantId};
use vigie_proto::{MessageStream, v1};
use vigie_querier::{Querier, QuerierOptions, QueryError, QueryRequest};
use vigie_runtime::Metrics;

#[derive(Debug, PartialEq, Eq)]
enum Event {
    Waited,
    Dropped,
}

/// An ingester whose streams give one message, if there is one left, and then nothing, not even their end.
struct Silent {
    events: mpsc::UnboundedSender<Event>,
    messages: Mutex<Vec<v1::SelectResponse>>,
}

/// Tells when it is waited for and when it is dropped.
struct Silence(mpsc::UnboundedSender<Event>);

impl Stream for Silence {
    type Item = Result<v1::SelectResponse, Status>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.send(Event::Waited).unwrap();
        Poll::Pending
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        let _ = self.0.send(Event::Dropped);
    }
}

#[async_trait]
impl vigie_proto::Ingester for Silent {
    type SelectStream = MessageStream<v1::SelectResponse>;
    type SeriesStream = MessageStream<v1::SeriesResponse>;
    type ExemplarsStream = MessageStream<v1::ExemplarsResponse>;

    async fn describe(
        &self,
        _: Request<v1::DescribeRequest>,
    ) -> Result<Response<v1::DescribeResponse>, Status> {
        Ok(Response::new(v1::DescribeResponse {
            shard_count: 1,
            shards: vec![0],
            epoch: 1,
        }))
    }

    async fn select(&self, _: Request<v1::SelectRequest>) -> Result<Response<Self::SelectStream>, Status> {
        let first = self.messages.lock().unwrap().pop();
        let messages = stream::iter(first.map(Ok)).chain(Silence(self.events.clone()));
        Ok(Response::new(messages.boxed()))
    }

    async fn push(&self, _: Request<v1::PushRequest>) -> Result<Response<v1::PushResponse>, Status> {
        Err(Status::unimplemented("read only"))
    }

    async fn series(&self, _: Request<v1::SeriesRequest>) -> Result<Response<Self::SeriesStream>, Status> {
        Err(Status::unimplemented("samples only"))
    }

    async fn exemplars(
        &self,
        _: Request<v1::ExemplarsRequest>,
    ) -> Result<Response<Self::ExemplarsStream>, Status> {
        Err(Status::unimplemented("samples only"))
    }

    async fn label_names(
        &self,
        _: Request<v1::LabelNamesRequest>,
    ) -> Result<Response<v1::LabelNamesResponse>, Status> {
        Err(Status::unimplemented("samples only"))
    }

    async fn label_values(
        &self,
        _: Request<v1::LabelValuesRequest>,
    ) -> Result<Response<v1::LabelValuesResponse>, Status> {
        Err(Status::unimplemented("samples only"))
    }

    async fn metadata(
        &self,
        _: Request<v1::MetadataRequest>,
    ) -> Result<Response<v1::MetadataResponse>, Status> {
        Err(Status::unimplemented("samples only"))
    }

    async fn tenant_stats(
        &self,
        _: Request<v1::TenantStatsRequest>,
    ) -> Result<Response<v1::TenantStatsResponse>, Status> {
        Err(Status::unimplemented("samples only"))
    }
}

/// More series than one thread takes at a time, so that several threads wait.
fn message(series: usize) -> v1::SelectResponse {
    let chunk: bytes::Bytes = vigie_chunk::seal(&[900, 1000], &[1.0, 2.0]).unwrap().into();
    let series = (0..series).map(|at| {
        let labels = Labels::from_pairs([("__name__", "m".to_owned()), ("at", at.to_string())]).unwrap();
        v1::SeriesChunks {
            labels: bytes::Bytes::copy_from_slice(labels.as_packed()),
            chunks: vec![chunk.clone()],
        }
    });
    v1::SelectResponse {
        series: series.collect(),
    }
}

fn request() -> QueryRequest {
    QueryRequest {
        query: "sum(m)".to_owned(),
        start_ms: 1000,
        end_ms: 1000,
        step_ms: 0,
        timeout: None,
        lookback_ms: None,
        explain: false,
    }
}

async fn check(messages: Vec<v1::SelectResponse>) {
    let (events, mut happened) = mpsc::unbounded_channel();
    let ingester = Silent {
        events,
        messages: Mutex::new(messages),
    };
    let options = QuerierOptions {
        max_concurrency: 1,
        max_queued_per_tenant: 1,
        threads: 3,
        ..QuerierOptions::default()
    };
    let directory = Arc::new(Directory::new(vec![Arc::new(ingester)]));
    let querier = Arc::new(Querier::new(options, directory, &Metrics::new()));
    let tenant = TenantId::new("t").unwrap();
    let ask = || {
        let (querier, tenant) = (Arc::clone(&querier), tenant.clone());
        tokio::spawn(async move { querier.query(&tenant, request()).await })
    };
    // The second query has its turn only because the first one's is given back.
    for _ in 0..2 {
        let asking = ask();
        assert_eq!(happened.recv().await, Some(Event::Waited));
        asking.abort();
        while happened.recv().await != Some(Event::Dropped) {}
        assert!(asking.await.unwrap_err().is_cancelled());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_waits_for_its_first_series_ends_with_its_asker() {
    check(Vec::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_computes_on_several_threads_ends_with_its_asker() {
    check(vec![message(1000), message(1000)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_beyond_the_queue_is_refused_while_others_wait() {
    let (events, mut happened) = mpsc::unbounded_channel();
    let ingester = Silent {
        events,
        messages: Mutex::default(),
    };
    let options = QuerierOptions {
        max_concurrency: 1,
        max_queued_per_tenant: 0,
        ..QuerierOptions::default()
    };
    let directory = Arc::new(Directory::new(vec![Arc::new(ingester)]));
    let querier = Arc::new(Querier::new(options, directory, &Metrics::new()));
    let tenant = TenantId::new("t").unwrap();
    let running = tokio::spawn({
        let (querier, tenant) = (Arc::clone(&querier), tenant.clone());
        async move { querier.query(&tenant, request()).await }
    });
    assert_eq!(happened.recv().await, Some(Event::Waited));
    let refused = querier.query(&tenant, request()).await.unwrap_err();
    assert_eq!(
        refused,
        QueryError::Unavailable("too many queries of the tenant are waiting".to_owned())
    );
    running.abort();
}
