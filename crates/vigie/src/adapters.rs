//! Roles behind the traits of the crates that use them, so that neither has to know the other.

mod active_queries;
mod ingester;
mod query;
mod query_log;
mod sink;
mod targets;
mod write;

pub(crate) use active_queries::ActiveQueries;
pub(crate) use ingester::IngesterAdapter;
pub(crate) use query::QueryAdapter;
pub(crate) use query_log::QueryLog;
pub(crate) use sink::DistributorSink;
pub(crate) use targets::TargetsAdapter;
pub(crate) use write::WriteAdapter;
