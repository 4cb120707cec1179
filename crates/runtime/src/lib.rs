//! What every running role needs and none should write again: the clock, byte budgets, logging,
//! errors with their causes and the metrics registry.
//!
//! The crate must not know any role, any wire format or any storage.

mod budget;
mod causes;
mod clock;
mod logging;
mod metrics;
mod process;

pub use budget::{ByteBudget, ByteLease, Exhausted};
pub use causes::with_causes;
pub use clock::{Clock, SystemClock};
pub use logging::{LogFormat, LogLevel, LoggingError, init_logging};
pub use metrics::{Metrics, duration_buckets};
