//! Driving one server through one scenario.

mod after;
mod arena;
mod drive;
mod machine;
mod plan;
mod read_back;
mod scrape;
mod target;
mod write;

pub use arena::Arena;
pub use drive::{DriveOptions, drive, feed};
pub use machine::machine;
pub use plan::{Plan, PlanOptions, Replay, Size};
pub use read_back::read_back;
pub use target::Target;
