//! From a workload to requests with entries in ledgers, and back from a ledger's entry to its samples.

mod ledgers;
mod native;
mod reader;
mod regenerate;
mod sources;

pub use ledgers::{LedgerFile, Ledgers};
pub use reader::ApiReader;
pub use regenerate::{Regenerator, labels_of};
pub use sources::{SplitSource, Supply};
