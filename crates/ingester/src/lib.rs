//! Holds shards: each a Raft group whose state machine is a head, with its checkpoints and older
//! samples in the node's store.
//!
//! The crate joins what lower ones decide and keep, and answers the [`Ingester`](vigie_proto::Ingester)
//! service. It must not know which series belongs to which shard, what a query computes, or HTTP.

mod compactor;
mod error;
mod identity;
mod ingester;
mod keeper;
mod local;
mod machine;
mod metrics;
mod patterns;
mod progress;
mod read;
mod retention;
mod service;
mod shard;

pub use compactor::{CompactedSpans, CompactionReport};
pub use error::IngesterError;
pub use ingester::{Ingester, IngesterOptions};
pub use machine::ShardMachine;
pub use progress::StartProgress;

#[cfg(test)]
mod tests;
