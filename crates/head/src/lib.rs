//! One shard's memory: which series there are, which samples are admitted, and the newest samples.
//!
//! [`Head::apply`] is the state machine of a shard: it takes log entries (the sample batches of
//! [`batch`]) and nothing else, so replicas that applied the same entries are equal. This crate must
//! not know the log, the store that checkpoints go to, clocks, or any other shard.

mod admission;
mod apply;
pub mod batch;
mod checkpoint;
mod digest;
mod exemplars;
mod head;
mod histograms;
mod index;
mod memory;
mod out_of_order;
mod pairs;
mod recent;
mod records;
mod restore;
mod retain;
mod select;
mod series;
mod starts;
mod stats;
mod tenant;
mod waiting;

pub use admission::RowError;
pub use checkpoint::{CheckpointImage, CheckpointToken, SealedChunk};
pub use exemplars::{ExemplarError, ExemplarStats};
pub use head::{BatchOutcome, ChunkBytes, Head, HeadOptions};
pub use memory::MemoryUsage;
pub use records::Records;
pub use restore::RestoreError;
pub use select::DistinctTexts;
pub use stats::TenantStats;

#[cfg(test)]
mod tests;
