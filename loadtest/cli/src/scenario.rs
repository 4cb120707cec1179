//! Scenario files: what is done to a server, in YAML, strictly read.

mod fault;
mod file;
mod query;

pub use fault::{FaultAction, FaultSpec};
pub use file::{Builtin, Scenario, ScrapeSpec, SendMode, SendSpec, VerifySpec, builtin, load};
pub use query::{QueryGroup, Span, When};
