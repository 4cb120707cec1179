//! The HTTP edge: the Prometheus API, the framing of remote write and remote read, federation, health and
//! administration.
//!
//! This is the only crate that knows Prometheus JSON, HTTP status codes and remote write headers.
//! It must not know how a query is answered or a sample stored: the roles behind it are traits
//! ([`QueryBackend`], [`WriteBackend`], [`TargetsBackend`], [`Lifecycle`]), and a process serves the
//! routes of the roles it has.

mod ast;
mod backend;
mod cors;
mod error;
mod federation;
mod handlers;
mod http_metrics;
mod json;
mod names;
mod options;
mod params;
mod remote_read;
mod reply;
mod routes;
mod server;
mod tenant;

pub use backend::{
    ActiveTarget, AdminBackend, AdminError, BuildInfo, DroppedTarget, Found, HeadStats, IngesterBackend,
    LabelsRequest, Lifecycle, MetadataRequest, NamedCount, Notification, QueryAnswer, QueryBackend,
    QueryError, QueryErrorKind, QueryOptions, QueryRange, QueryStats, Readiness, RelabelRule, RelabelStep,
    ReplayStatus, RequestOrigin, RuntimeInfo, SelectRequest, TargetHealth, TargetMetadata, TargetsBackend,
    TsdbStats, WriteBackend, WriteError, WriteErrorKind, WriteProtocol, WriteSummary,
};
pub use handlers::query::stats_json;
pub use http_metrics::HttpMetrics;
pub use json::write_query_value;
pub use options::{ApiOptions, RemoteReadOptions, Tenancy};
pub use routes::{Backends, router};
pub use server::{ServerOptions, serve};

#[cfg(test)]
mod tests;
