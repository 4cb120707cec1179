//! A simulation of a group under faults, in one process, for any state machine: see [`simulate`].

mod board;
mod client;
mod ledger;
mod network;
mod node;
mod observed;
mod rng;
mod simulation;
mod subject;

#[cfg(test)]
mod membership_tests;

pub use ledger::{Ledger, LedgerOutcome, LedgerSubject};
pub use rng::SimRng;
pub use simulation::{SimOptions, SimReport, simulate};
pub use subject::{Acked, SimError, Subject};
