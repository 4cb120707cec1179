//! What the edge needs from the roles behind it.

mod lifecycle;
mod query;
mod targets;
mod write;

pub use lifecycle::{BuildInfo, Lifecycle, Readiness, ReplayStatus, RuntimeInfo};
pub use query::{
    Found, HeadStats, LabelsRequest, MetadataRequest, NamedCount, QueryAnswer, QueryBackend, QueryError,
    QueryErrorKind, QueryOptions, QueryRange, QueryStats, TsdbStats,
};
pub use targets::{ActiveTarget, DroppedTarget, TargetHealth, TargetMetadata, TargetsBackend};
pub use write::{WriteBackend, WriteError, WriteErrorKind, WriteProtocol, WriteSummary};
