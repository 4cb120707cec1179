//! Receiving.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use vigie_model::TenantId;

/// Takes samples in. The edge checks method, headers and size; decoding is the backend's.
#[async_trait]
pub trait WriteBackend: Send + Sync {
    /// `body` is the message as it came, in snappy's block format. A success says that every sample
    /// that is not reported otherwise is stored as durably as configured.
    async fn remote_write(
        &self,
        tenant: &TenantId,
        protocol: WriteProtocol,
        body: Bytes,
    ) -> Result<WriteSummary, WriteError>;

    /// Protocols that are not accepted are refused before the body is read.
    fn accepts(&self, protocol: WriteProtocol) -> bool {
        protocol == WriteProtocol::V1
    }
}

/// The message in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WriteProtocol {
    /// `prometheus.WriteRequest`
    V1,
    /// `io.prometheus.write.v2.Request`
    V2,
}

/// What was stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WriteSummary {
    pub samples: u64,
    pub histograms: u64,
    pub exemplars: u64,
    /// The sender is not the elected replica of its pair: nothing was stored, and nothing is wrong.
    pub is_from_standby: bool,
}

/// A write failed, in part or as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct WriteError {
    pub kind: WriteErrorKind,
    pub message: String,
    /// What was stored all the same.
    pub summary: WriteSummary,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteErrorKind {
    /// Sending the same again will fail again.
    BadRequest,
    TooLarge,
    TooManyRequests {
        retry_after: Option<Duration>,
    },
    Unavailable {
        retry_after: Option<Duration>,
    },
    Internal,
}
