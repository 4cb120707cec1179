//! The consensus library's messages over a [`Transport`](crate::Transport): encoding, the calling side, the answering side.

mod client;
mod envelope;
mod factory;
mod floors;
mod messages;
mod server;
mod sever;

pub(crate) use envelope::Address;
pub(crate) use factory::{LinkTimings, Links};
pub(crate) use floors::SnapshotFloors;
pub(crate) use server::Server;
