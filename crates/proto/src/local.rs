//! An ingester of this process, asked without a message.

use tonic::Status;
use vigie_model::{Matcher, TenantId};

use crate::v1;

/// Reads few series on the caller's thread, where a stream would hand them from one thread to another: for a query of
/// few series that costs more than reading them.
pub trait LocalIngester: Send + Sync {
    /// The series that match and may have samples between the two times, both inclusive, of all shards served
    /// here. Reads the disk. `None` if they are not few, or if a shard has to ask others before it may be read: then
    /// [`Ingester::select`](crate::Ingester::select), which streams and can wait, has the answer.
    ///
    /// # Errors
    /// As of `select`.
    fn select_few(
        &self,
        tenant: &TenantId,
        matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Option<Vec<v1::SeriesChunks>>, Status>;
}
