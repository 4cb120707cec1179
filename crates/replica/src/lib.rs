//! One replicated group: the consensus over a [`GroupLog`](vigie_storage::GroupLog), driving a [`StateMachine`].
//!
//! Entries, positions and snapshots are bytes here. This crate must not know what a group replicates, how
//! messages reach a machine, or when a checkpoint is worth its cost; and nobody outside it names the
//! consensus library.

mod admission;
mod codec;
mod command;
mod error;
mod leadership;
mod log_store;
mod machine;
mod network;
mod options;
mod position;
mod raft_types;
mod replica;
mod reply;
mod state_machine;
mod status;
mod transport;

#[cfg(any(test, feature = "testkit"))]
pub mod testkit;
#[cfg(test)]
mod tests;

pub use admission::ProposalBudget;
pub use error::{FatalError, ProposeError, ReadError, ReplicaError, RpcError};
pub use options::{ReplicaOptions, Timings};
pub use replica::{Member, Replica};
pub use state_machine::{CheckpointTask, SnapshotInstaller, SnapshotReader, StateMachine};
pub use status::{Leadership, ReplicaStatus};
pub use transport::{Lane, NoTransport, Peer, Transport, TransportError};
