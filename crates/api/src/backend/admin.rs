//! Administration of the storage.

use async_trait::async_trait;
use vigie_model::{Matcher, TenantId};

/// Removes samples, and copies the storage.
#[async_trait]
pub trait AdminBackend: Send + Sync {
    /// Hides the samples from `start_ms` to `end_ms`, both inclusive, of the tenant's series that match.
    /// On success that is as durable as the samples were, and holds for every later query.
    async fn delete_series(
        &self,
        tenant: &TenantId,
        matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
    ) -> Result<(), AdminError>;

    /// Takes deleted samples off the disk; returns when they are.
    async fn clean_tombstones(&self) -> Result<(), AdminError>;

    /// Copies the storage of this process, as of now, into a new folder below `snapshots/` of its data folder,
    /// and gives the folder's name. Without the head, only what is in the store by now is copied.
    async fn snapshot(&self, with_head: bool) -> Result<String, AdminError>;
}

/// Why it was not done; all of these are Prometheus's `internal`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AdminError(pub String);
