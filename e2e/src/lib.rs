//! Acceptance harness: starts real processes on loopback (Vigie in either layout, Prometheus, VictoriaMetrics, MariaDB
//! and the exporters), talks to them as real and as hostile clients do, and compares what they answer.
//!
//! It knows Vigie only from outside, as a binary with flags and an HTTP surface. Of the workspace it depends only on
//! `vigie-systems`, which does the same, so its encoders and parsers are a second opinion on those of the product.

mod compare;
mod fake_target;
pub mod kill9;
mod ledger;
mod page;
mod peers;
mod power_loss;
mod progress;
mod raw_http;
mod remote_write;
mod rng;
mod sender;
mod target;

pub use compare::differences;
pub use fake_target::{Behaviour, FakeTarget};
pub use page::PageTarget;
pub use peers::{MariaDb, Peer, mysqld_exporter, node_exporter};
pub use power_loss::{PowerLoss, ShimOptions};
pub use progress::progress;
pub use raw_http::{BodyLength, early_answer};
pub use remote_write::WriteClient;
pub use rng::Rng;
pub use sender::{now_ms, wait_until_sent};
pub use target::{Layout, Target, TargetOptions};
// What every test of a server needs, whoever drives it.
pub use vigie_systems::{
    Answer, Api, QueryData, Series, StartOptions, System, SystemKind, encode_labels, encode_request,
    free_port, percent_encode, repository_root, snappy, tools_dir, vigie_binary, wait_until,
};
