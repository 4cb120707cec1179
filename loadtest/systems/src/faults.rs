//! Harm done to systems on a schedule: killed and paused processes, full disks, cut and slow networks.
//!
//! Whatever is made here (mounts, network namespaces, files) goes away when its owner is dropped, after a panic too;
//! what a killed load test has left is found by [`remove_leftovers`]. Only processes started by this crate are touched.

mod disk;
mod leftovers;
mod network;
mod run;
mod schedule;

pub use disk::{FileSystem, LimitedDisk};
pub use leftovers::remove_leftovers;
pub use network::{HOST, Network, Slowness};
pub use schedule::{Applied, Fault, Schedule, Stage, Victim};
