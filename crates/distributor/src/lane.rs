//! The way of samples to one shard.
//!
//! All requests in flight share the lane's open batch. While one batch is being committed the next
//! one fills, so the number of commits follows the speed of the shard, not the number of requests.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status};
use vigie_cluster::Directory;
use vigie_head::batch::{BatchEncoder, DeclaredIndex, ExemplarSeries, HistogramRecord};
use vigie_model::{Labels, MetricMetadata, SeriesId, ShardId, TenantId};
use vigie_proto::v1;

use crate::error::WriteError;
use crate::exemplars::{ExemplarTarget, LaneExemplar};
use crate::metrics::LaneMetrics;

/// A batch that has grown to this is closed; the next one opens behind it.
const BATCH_BYTES: usize = 1 << 20;

/// What one request has for one shard.
#[derive(Debug, Default)]
pub(crate) struct ShardWrite {
    pub(crate) rows: Vec<LaneRow>,
    /// Those of `rows` of which it is known when they began to count, ascending, and when.
    pub(crate) starts: Vec<(usize, i64)>,
    /// They come after the rows.
    pub(crate) histograms: Vec<LaneHistogram>,
    /// Series whose id is not known.
    pub(crate) declares: Vec<Labels>,
    pub(crate) metadata: Vec<(String, MetricMetadata)>,
    pub(crate) exemplars: Vec<LaneExemplar>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct LaneRow {
    pub(crate) series: LaneSeries,
    pub(crate) timestamp_ms: i64,
    pub(crate) value: f64,
}

#[derive(Debug, Clone)]
pub(crate) struct LaneHistogram {
    pub(crate) series: LaneSeries,
    pub(crate) timestamp_ms: i64,
    /// When it began to count; 0 if that is not known.
    pub(crate) start_ms: i64,
    /// Where its record lies in those of the request.
    pub(crate) record: Range<usize>,
}

impl ShardWrite {
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
            && self.histograms.is_empty()
            && self.metadata.is_empty()
            && self.exemplars.is_empty()
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum LaneSeries {
    Known(SeriesId),
    /// Index into [`ShardWrite::declares`].
    Declared(u32),
}

/// What became of a [`ShardWrite`].
#[derive(Debug)]
pub(crate) struct LaneOutcome {
    response: Arc<v1::PushResponse>,
    rows: Range<u32>,
    declared: Range<usize>,
    exemplars: Range<u32>,
}

impl LaneOutcome {
    /// Ids of the declared series, in the order of [`ShardWrite::declares`].
    pub(crate) fn declared(&self) -> &[u32] {
        self.response
            .declared
            .get(self.declared.clone())
            .unwrap_or_default()
    }

    /// Rows that were not stored, as indices into [`ShardWrite::rows`] and on into [`ShardWrite::histograms`].
    pub(crate) fn rejected(&self) -> impl Iterator<Item = (usize, v1::RejectReason)> {
        rejected_within(&self.response.rejected, &self.rows)
    }

    /// Exemplars that were not kept, as indices into [`ShardWrite::exemplars`].
    pub(crate) fn rejected_exemplars(&self) -> impl Iterator<Item = (usize, v1::RejectReason)> {
        rejected_within(&self.response.rejected_exemplars, &self.exemplars)
    }
}

/// The part of a list, ascending by row, that belongs to one request; its rows counted from 0.
fn rejected_within<'a>(
    rejected: &'a [v1::RejectedRow],
    rows: &'a Range<u32>,
) -> impl Iterator<Item = (usize, v1::RejectReason)> + 'a {
    let first = rejected.partition_point(|row| row.row < rows.start);
    rejected[first..]
        .iter()
        .take_while(|row| row.row < rows.end)
        .map(|row| ((row.row - rows.start) as usize, row.reason()))
}

pub(crate) type LaneReply = Result<LaneOutcome, WriteError>;

#[derive(Debug)]
pub(crate) struct Lane {
    shard: ShardId,
    queue: Mutex<Queue>,
    wake: Notify,
    commit_timeout: Duration,
    metrics: LaneMetrics,
}

#[derive(Debug, Default)]
struct Queue {
    batches: VecDeque<OpenBatch>,
    /// Of the batch opened last when it was taken: the next one will be about as large.
    expected_rows: usize,
    closed: bool,
}

#[derive(Debug)]
struct OpenBatch {
    encoder: BatchEncoder,
    declared: usize,
    waiters: Vec<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    rows: Range<u32>,
    declared: Range<usize>,
    exemplars: Range<u32>,
    reply: oneshot::Sender<LaneReply>,
}

impl Lane {
    pub(crate) fn new(shard: ShardId, commit_timeout: Duration, metrics: LaneMetrics) -> Lane {
        Lane {
            shard,
            queue: Mutex::default(),
            wake: Notify::new(),
            commit_timeout,
            metrics,
        }
    }

    /// Adds rows to the open batch. The answer comes when the batch is committed. The bytes held
    /// here are bounded by the budget every request leases from before it gets this far.
    /// `records` are those of the request's histograms.
    pub(crate) fn submit(
        &self,
        tenant: &TenantId,
        write: &ShardWrite,
        records: &[u8],
    ) -> oneshot::Receiver<LaneReply> {
        let (reply, answer) = oneshot::channel();
        {
            let mut queue = self.queue.lock();
            if queue.closed {
                let _ = reply.send(Err(WriteError::Unavailable(
                    "the server is shutting down".to_owned(),
                )));
                return answer;
            }
            queue.open_batch().add(tenant, write, records, reply);
        }
        self.wake.notify_one();
        answer
    }

    /// Commits batches one at a time and in order until `shutdown`, then what is left.
    pub(crate) async fn run(self: Arc<Lane>, directory: Arc<Directory>, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                biased; // Shutdown first: a steady flow of writes must not delay it.
                () = shutdown.cancelled() => break,
                () = self.wake.notified() => {}
            }
            while let Some(batch) = self.take_batch() {
                self.commit(batch, &directory).await;
            }
        }
        self.queue.lock().closed = true;
        while let Some(batch) = self.take_batch() {
            self.commit(batch, &directory).await;
        }
    }

    fn take_batch(&self) -> Option<OpenBatch> {
        let mut queue = self.queue.lock();
        let batch = queue.batches.pop_front()?;
        queue.expected_rows = batch.encoder.row_count();
        Some(batch)
    }

    async fn commit(&self, batch: OpenBatch, directory: &Directory) {
        let payload = Bytes::from(batch.encoder.finish());
        let started = Instant::now();
        let result = self
            .push_until_deadline(&payload, started + self.commit_timeout, directory)
            .await;
        self.metrics.observe_commit(payload.len(), started.elapsed());
        let result = result.map(Arc::new);
        for waiter in batch.waiters {
            let reply = match &result {
                Ok(response) => Ok(LaneOutcome {
                    response: Arc::clone(response),
                    rows: waiter.rows,
                    declared: waiter.declared,
                    exemplars: waiter.exemplars,
                }),
                Err(error) => Err(error.clone()),
            };
            // A client that has gone away does not want its answer any more.
            let _ = waiter.reply.send(reply);
        }
    }

    async fn push_until_deadline(
        &self,
        payload: &Bytes,
        deadline: Instant,
        directory: &Directory,
    ) -> Result<v1::PushResponse, WriteError> {
        let mut pause = Duration::from_millis(10);
        loop {
            let status = match tokio::time::timeout_at(deadline, self.push_once(payload, directory)).await {
                Ok(Ok(response)) => return Ok(response),
                Ok(Err(status)) => status,
                Err(_) => Status::deadline_exceeded("the shard did not answer in time"),
            };
            let retryable = matches!(
                status.code(),
                Code::Unavailable
                    | Code::NotFound
                    | Code::ResourceExhausted
                    | Code::Aborted
                    | Code::Cancelled
                    | Code::Unknown
            );
            if !retryable || Instant::now() + pause >= deadline {
                tracing::warn!(shard = self.shard.0, code = ?status.code(), reason = status.message(), "commit failed");
                return Err(describe(self.shard, &status));
            }
            self.metrics.retries.inc();
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(500));
            if status.code() != Code::ResourceExhausted {
                // The shard may have moved. If nobody answers the next attempt says so.
                let _ = tokio::time::timeout_at(deadline, directory.refresh()).await;
            }
        }
    }

    async fn push_once(&self, payload: &Bytes, directory: &Directory) -> Result<v1::PushResponse, Status> {
        let placement = directory
            .placement()
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        let owner = placement
            .owner(self.shard)
            .ok_or_else(|| Status::unavailable(format!("no ingester serves shard {}", self.shard)))?;
        let request = v1::PushRequest {
            shard: self.shard.0,
            batch: payload.clone(),
        };
        Ok(owner.push(Request::new(request)).await?.into_inner())
    }
}

impl Queue {
    fn open_batch(&mut self) -> &mut OpenBatch {
        let full = self
            .batches
            .back()
            .is_none_or(|batch| batch.encoder.len_bytes() >= BATCH_BYTES);
        if full {
            self.batches.push_back(OpenBatch {
                encoder: BatchEncoder::with_capacity(self.expected_rows),
                declared: 0,
                waiters: Vec::new(),
            });
        }
        let last = self.batches.len() - 1;
        &mut self.batches[last]
    }
}

impl OpenBatch {
    fn add(
        &mut self,
        tenant: &TenantId,
        write: &ShardWrite,
        records: &[u8],
        reply: oneshot::Sender<LaneReply>,
    ) {
        let first_row = self.encoder.row_count() as u32;
        let tenant = self.encoder.tenant(tenant);
        let declares: Vec<_> = write
            .declares
            .iter()
            .map(|labels| self.encoder.declare(tenant, labels.as_packed()))
            .collect();
        let mut pushed = 0;
        for &(row, start_ms) in &write.starts {
            self.push_floats(&write.rows[pushed..row], &declares);
            self.encoder.next_began_at(start_ms);
            pushed = row;
        }
        self.push_floats(&write.rows[pushed..], &declares);
        for histogram in &write.histograms {
            let time_ms = histogram.timestamp_ms;
            let record = HistogramRecord {
                start_ms: histogram.start_ms,
                record: &records[histogram.record.clone()],
            };
            match histogram.series {
                LaneSeries::Known(id) => self.encoder.push_known_histogram(id, time_ms, record),
                LaneSeries::Declared(index) => {
                    let declared = declares[index as usize];
                    self.encoder.push_declared_histogram(declared, time_ms, record);
                }
            }
        }
        for (name, metadata) in &write.metadata {
            self.encoder.metadata(tenant, name, metadata);
        }
        let first_exemplar = self.encoder.exemplar_count() as u32;
        for LaneExemplar { series, exemplar } in &write.exemplars {
            let series = match series {
                ExemplarTarget::Known(id) => ExemplarSeries::Known(*id),
                ExemplarTarget::Declared(index) => ExemplarSeries::Declared(declares[*index as usize]),
                ExemplarTarget::Named(labels) => ExemplarSeries::Named(tenant, labels.as_packed()),
            };
            self.encoder.push_exemplar(series, exemplar);
        }
        let first_declared = self.declared;
        self.declared += declares.len();
        self.waiters.push(Waiter {
            rows: first_row..self.encoder.row_count() as u32,
            declared: first_declared..self.declared,
            exemplars: first_exemplar..self.encoder.exemplar_count() as u32,
            reply,
        });
    }

    fn push_floats(&mut self, rows: &[LaneRow], declares: &[DeclaredIndex]) {
        for row in rows {
            match row.series {
                LaneSeries::Known(id) => self.encoder.push_known(id, row.timestamp_ms, row.value),
                LaneSeries::Declared(index) => {
                    self.encoder
                        .push_declared(declares[index as usize], row.timestamp_ms, row.value);
                }
            }
        }
    }
}

fn describe(shard: ShardId, status: &Status) -> WriteError {
    let message = format!("shard {shard}: {}", status.message());
    match status.code() {
        // The shard itself says so, and names itself.
        Code::FailedPrecondition => WriteError::Unavailable(status.message().to_owned()),
        Code::ResourceExhausted => WriteError::Overloaded(message),
        _ => WriteError::Unavailable(message),
    }
}
