//! Driving one server through one scenario.

mod drive;
mod machine;
mod plan;
mod target;
mod write;

pub use drive::{DriveOptions, drive};
pub use machine::machine;
pub use plan::{Plan, PlanOptions};
pub use target::Target;
