//! A shard of this node.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::Bytes;
use parking_lot::RwLock;
use tonic::Status;
use vigie_head::batch::{self, Stamp};
use vigie_head::{BatchOutcome, ExemplarError, Head, RowError};
use vigie_model::ShardId;
use vigie_proto::v1;
use vigie_replica::{FatalError, ProposeError, ReadError, Replica};
use vigie_storage::ShardStore;

use crate::machine::ShardMachine;

/// A replica and the ways around it that reading takes.
pub(crate) struct Shard {
    pub(crate) id: ShardId,
    pub(crate) replica: Replica<ShardMachine>,
    pub(crate) head: Arc<RwLock<Head>>,
    pub(crate) store: ShardStore,
    /// See [`ShardMachine::uncheckpointed_bytes`].
    pub(crate) uncheckpointed_bytes: Arc<AtomicU64>,
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Shard {
    /// Bytes of log that a restart would replay now.
    pub(crate) fn uncheckpointed_bytes(&self) -> u64 {
        self.uncheckpointed_bytes.load(Relaxed)
    }

    /// Commits a batch as it came from a distributor.
    pub(crate) async fn push(&self, batch: &[u8], stamp: Stamp) -> Result<v1::PushResponse, Status> {
        // What is wrong with it must come out before it is in the log, where nothing can be refused.
        batch::verify(batch)
            .map_err(|error| Status::invalid_argument(format!("batch is malformed: {error}")))?;
        let mut entry = batch.to_vec();
        batch::stamp(&mut entry, stamp).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let outcome = self.propose(Bytes::from(entry)).await?;
        Ok(v1::PushResponse {
            declared: outcome.declared.iter().map(|id| id.0).collect(),
            rejected: outcome
                .rejected
                .iter()
                .map(|&(row, error)| rejected(row, error))
                .collect(),
            appended: outcome.appended,
            duplicates: outcome.duplicates,
            rejected_exemplars: outcome
                .rejected_exemplars
                .iter()
                .map(|&(position, error)| rejected_exemplar(position, error))
                .collect(),
        })
    }

    pub(crate) async fn propose(&self, entry: Bytes) -> Result<BatchOutcome, Status> {
        self.replica.propose(entry).await.map_err(|error| match error {
            ProposeError::Overloaded => Status::resource_exhausted(format!("shard {}: {error}", self.id)),
            ProposeError::Fatal(cause) => self.has_stopped(&cause),
            ProposeError::NotLeader { .. } | ProposeError::Unknown => {
                Status::unavailable(format!("shard {}: {error}", self.id))
            }
        })
    }

    /// Returns when everything acknowledged before the call can be read here.
    pub(crate) async fn read_barrier(&self) -> Result<(), Status> {
        self.replica.read_barrier().await.map_err(|error| match error {
            ReadError::Fatal(cause) => self.has_stopped(&cause),
            ReadError::NotLeader { .. } | ReadError::NoQuorum => {
                Status::unavailable(format!("shard {}: {error}", self.id))
            }
        })
    }

    /// Not a code that is tried again: only a restart of the process helps.
    fn has_stopped(&self, cause: &FatalError) -> Status {
        let cause = cause.with_causes();
        Status::failed_precondition(format!("shard {} has stopped: {cause}", self.id))
    }
}

fn rejected(row: u32, error: RowError) -> v1::RejectedRow {
    let reason = match error {
        RowError::OutOfBounds => v1::RejectReason::OutOfBounds,
        RowError::OutOfOrder => v1::RejectReason::OutOfOrder,
        RowError::TooOld => v1::RejectReason::TooOld,
        RowError::DuplicateTimestamp => v1::RejectReason::DuplicateTimestamp,
        RowError::UnknownSeries => v1::RejectReason::UnknownSeries,
    };
    v1::RejectedRow {
        row,
        reason: reason as i32,
    }
}

fn rejected_exemplar(position: u32, error: ExemplarError) -> v1::RejectedRow {
    let reason = match error {
        ExemplarError::OutOfOrder => v1::RejectReason::OutOfOrder,
        ExemplarError::UnknownSeries => v1::RejectReason::UnknownSeries,
    };
    v1::RejectedRow {
        row: position,
        reason: reason as i32,
    }
}
