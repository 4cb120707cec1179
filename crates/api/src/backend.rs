//! What the edge needs from the roles behind it.

mod admin;
mod ingester;
mod lifecycle;
mod notifications;
mod query;
mod targets;
mod write;

pub use admin::{AdminBackend, AdminError};
pub use ingester::IngesterBackend;
pub use lifecycle::{BuildInfo, Lifecycle, Readiness, ReplayStatus, RuntimeInfo};
pub use notifications::Notification;
pub use query::{
    Found, HeadStats, LabelsRequest, MetadataRequest, NamedCount, QueryAnswer, QueryBackend, QueryError,
    QueryErrorKind, QueryOptions, QueryRange, QueryStats, RequestOrigin, SelectRequest, TsdbStats,
};
pub use targets::{
    ActiveTarget, DroppedTarget, RelabelRule, RelabelStep, TargetHealth, TargetMetadata, TargetsBackend,
};
pub use write::{WriteBackend, WriteError, WriteErrorKind, WriteProtocol, WriteSummary};
