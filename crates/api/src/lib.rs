//! The HTTP edge: the Prometheus API, remote write framing, federation, health and administration.
//!
//! This is the only crate that knows Prometheus JSON, HTTP status codes and remote write headers.
//! It must not know how a query is answered or a sample stored: the roles behind it are traits
//! ([`QueryBackend`], [`WriteBackend`], [`TargetsBackend`], [`Lifecycle`]), and a process serves the
//! routes of the roles it has.

mod ast;
mod backend;
mod cors;
mod error;
mod handlers;
mod http_metrics;
mod json;
mod names;
mod options;
mod params;
mod reply;
mod routes;
mod server;
mod tenant;

pub use backend::{
    ActiveTarget, BuildInfo, DroppedTarget, Found, HeadStats, LabelsRequest, Lifecycle, MetadataRequest,
    NamedCount, QueryAnswer, QueryBackend, QueryError, QueryErrorKind, QueryOptions, QueryRange, QueryStats,
    Readiness, ReplayStatus, RuntimeInfo, TargetHealth, TargetMetadata, TargetsBackend, TsdbStats,
    WriteBackend, WriteError, WriteErrorKind, WriteProtocol, WriteSummary,
};
pub use http_metrics::HttpMetrics;
pub use json::write_query_value;
pub use options::{ApiOptions, Tenancy};
pub use routes::{Backends, router};
pub use server::{ServerOptions, serve};

#[cfg(test)]
mod tests;
