use bytes::Bytes;
use vigie_storage::ShardStore;

use super::SimRng;
use crate::error::FatalError;
use crate::state_machine::StateMachine;

/// What a simulation found wrong.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct SimError(pub String);

/// An entry whose proposal succeeded: it must be in every replica's state from then on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acked {
    pub client: u32,
    /// From 0 for each client, which proposes one entry after the other, each until it succeeds.
    pub seq: u64,
    pub entry: Bytes,
}

/// A state machine under simulation and how to tell whether it is right.
pub trait Subject: Send + Sync + 'static {
    type Machine: StateMachine;

    /// Opens the state machine on what its last checkpoint left.
    ///
    /// # Errors
    /// The store cannot be read.
    fn open(&self, store: ShardStore) -> Result<Self::Machine, FatalError>;

    /// The entry a client proposes as its `seq`th.
    fn entry(&self, client: u32, seq: u64, rng: &mut SimRng) -> Bytes;

    /// A digest of all the state that entries determine; asked for after each entry, so it must be cheap.
    fn digest(&self, machine: &Self::Machine) -> u64;

    /// Checks that what was acknowledged is there, in order.
    ///
    /// # Errors
    /// Says what is missing or wrong.
    fn verify(&self, machine: &Self::Machine, acked: &[Acked]) -> Result<(), SimError>;
}
