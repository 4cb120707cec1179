//! Takes samples from the edge and from scrapers, finds the shard of every series, and commits
//! them: one accumulator per shard, shared by all requests in flight.
//!
//! A known series costs a hash of its raw label bytes and a look-up ([`series_cache`]); only new
//! ones are parsed, validated and sent with their labels. The crate must not know HTTP, storage,
//! Raft, or what a query is.

mod buffers;
mod distributor;
mod error;
mod exemplars;
mod grpc;
mod ha_tracker;
mod histograms;
mod ingest;
mod lane;
mod metrics;
mod rate;
mod remote_write;
mod rules;
mod scraped;
mod series_cache;

/// What fuzzing reads requests with, without a distributor.
#[cfg(fuzzing)]
pub mod fuzz;

pub use distributor::{Distributor, DistributorOptions};
pub use error::WriteError;
pub use ingest::WriteSummary;
pub use remote_write::RemoteWriteVersion;
