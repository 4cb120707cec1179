//! Holds shards: each a Raft group whose state machine is a head, with its checkpoints and older
//! samples in the node's store.
//!
//! The crate joins what lower ones decide and keep, and answers the [`Ingester`](vigie_proto::Ingester)
//! service. It must not know which series belongs to which shard, what a query computes, or HTTP.

mod error;
mod identity;
mod ingester;
mod keeper;
mod machine;
mod metrics;
mod read;
mod service;
mod shard;

pub use error::IngesterError;
pub use ingester::{Ingester, IngesterOptions};
pub use machine::ShardMachine;
