//! The consensus library's messages over a [`Transport`](crate::Transport): encoding, the calling side, the answering side.

mod client;
mod envelope;
mod factory;
mod floors;
mod log_stream;
mod messages;
mod server;

pub(crate) use envelope::Address;
pub(crate) use factory::{LinkTimings, Links};
pub(crate) use floors::SnapshotFloors;
pub(crate) use server::Server;
