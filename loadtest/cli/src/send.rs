//! Sending: open-loop or closed-loop senders that behave as Prometheus's remote write does, and count everything.

mod client;
mod fleet;
mod pace;
mod pack;
mod record;
mod retry;
mod sender;

pub use client::{BadUrl, Endpoint};
pub use fleet::{Fleet, FleetOptions, Frontiers, THREAD_NAME};
pub use pace::Pace;
pub use record::{Counts, Recorder, Stretch};
pub use sender::{Entry, Parcel, Source};
