//! An ingester of this process, asked without a message.

use tonic::Status;
use vigie_model::{Matcher, TenantId};

use crate::v1;

/// Reads series on the caller's thread, where a stream would hand each message from one thread to another:
/// for a query of few series that costs more than reading them.
pub trait LocalIngester: Send + Sync {
    /// The series that match and may have samples between the two times, both inclusive, of all shards served here. `None`
    /// if a shard has to ask others before it may be read: then [`Ingester::select`](crate::Ingester::select), which
    /// can wait, has the answer.
    ///
    /// # Errors
    /// As of `select`.
    fn select_here(
        &self,
        tenant: &TenantId,
        matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Option<Box<dyn LocalSeries>>, Status>;
}

/// Series that are read as they are asked for. Each call may read the disk.
pub trait LocalSeries: Send {
    /// Some of the series that are left; never none. `None` at the end.
    ///
    /// # Errors
    /// A store could not be read. There is no use in asking on.
    fn next_message(&mut self) -> Result<Option<Vec<v1::SeriesChunks>>, Status>;
}
