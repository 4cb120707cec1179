//! LogDB: the logs of all Raft groups of a node.

mod db;
mod group;
mod options;

pub use db::{LogDb, LogDbStats, OpInFlight, PinnedGroup};
pub use group::{Callback, GroupLog, GroupState};
pub use options::{Durability, Fault, FaultPoint, Faults, LogDbOptions};
