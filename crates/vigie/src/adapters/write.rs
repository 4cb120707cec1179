//! The distributor behind the edge.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use vigie_api::{WriteBackend, WriteError, WriteErrorKind, WriteProtocol, WriteSummary};
use vigie_distributor::{Distributor, RemoteWriteVersion};
use vigie_model::TenantId;

/// What clients are told to wait when the server is full or a shard has no leader.
const RETRY_AFTER: Duration = Duration::from_secs(1);

pub(crate) struct WriteAdapter(pub(crate) Arc<Distributor>);

#[async_trait]
impl WriteBackend for WriteAdapter {
    async fn remote_write(
        &self,
        tenant: &TenantId,
        protocol: WriteProtocol,
        body: Bytes,
    ) -> Result<WriteSummary, WriteError> {
        let version = match protocol {
            WriteProtocol::V1 => RemoteWriteVersion::V1,
            WriteProtocol::V2 => RemoteWriteVersion::V2,
        };
        match self.0.remote_write(tenant, version, &body).await {
            Ok(summary) => Ok(WriteSummary {
                samples: summary.appended,
                is_from_standby: summary.is_from_standby,
                exemplars: summary.exemplars,
                ..WriteSummary::default()
            }),
            Err(error) => Err(edge_error(error)),
        }
    }

    /// Both, where Prometheus wants version 2.0 enabled by a flag: nobody has to choose.
    fn accepts(&self, _protocol: WriteProtocol) -> bool {
        true
    }
}

fn edge_error(error: vigie_distributor::WriteError) -> WriteError {
    use vigie_distributor::WriteError as Cause;
    let message = error.to_string();
    let (kind, samples) = match error {
        Cause::Malformed(_) | Cause::TooLarge { .. } => (WriteErrorKind::BadRequest, 0),
        Cause::Rejected { appended, .. } => (WriteErrorKind::BadRequest, appended),
        Cause::Overloaded(_) => (
            WriteErrorKind::TooManyRequests {
                retry_after: Some(RETRY_AFTER),
            },
            0,
        ),
        Cause::RateLimited { retry_after, .. } => (
            WriteErrorKind::TooManyRequests {
                retry_after: Some(retry_after),
            },
            0,
        ),
        Cause::Unavailable(_) => (
            WriteErrorKind::Unavailable {
                retry_after: Some(RETRY_AFTER),
            },
            0,
        ),
    };
    WriteError {
        kind,
        message,
        summary: WriteSummary {
            samples,
            ..WriteSummary::default()
        },
    }
}
