//! Scenario files: what is done to a server, in YAML, strictly read.

mod file;
mod find;
mod query;

pub use file::{
    Builtin, RecordSpec, Scenario, ScrapeSpec, SendMode, SendSpec, SettleSpec, VerifySpec, builtin, load,
};
pub use find::FindSpec;
pub use query::{QueryGroup, Span, When};
