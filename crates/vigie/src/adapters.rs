//! Roles behind the traits of the crates that use them, so that neither has to know the other.

mod query;
mod sink;
mod targets;
mod write;

pub(crate) use query::QueryAdapter;
pub(crate) use sink::DistributorSink;
pub(crate) use targets::TargetsAdapter;
pub(crate) use write::WriteAdapter;
