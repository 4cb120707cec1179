//! Acceptance harness: starts real processes on loopback (Vigie in either layout, Prometheus, VictoriaMetrics, MariaDB
//! and the exporters), talks to them as real and as hostile clients do, and compares what they answer.
//!
//! It knows Vigie only from outside, as a binary with flags and an HTTP surface; it depends on no other crate of the
//! workspace, so its encoders and parsers are a second opinion on theirs.

mod api;
mod compare;
mod corpus;
mod fake_target;
mod fleet;
pub mod kill9;
mod ledger;
mod peers;
mod ports;
mod proc_stat;
mod process;
mod progress;
mod raw_http;
mod remote_write;
mod rng;
mod target;

pub use api::{Answer, Api, QueryData, SeriesLabels, percent_encode};
pub use compare::differences;
pub use corpus::{Corpus, CorpusOptions, ReplayReport};
pub use fake_target::{Behaviour, FakeTarget};
pub use peers::{
    MariaDb, Peer, mysqld_exporter, node_exporter, prometheus, tools_dir, victoria_metrics, vigie,
};
pub use ports::free_port;
pub use proc_stat::{ProcStat, disk_bytes};
pub use process::{Process, wait_until};
pub use progress::progress;
pub use raw_http::{BodyLength, early_answer};
pub use remote_write::{Series, WriteClient, encode_request, snappy};
pub use rng::Rng;
pub use target::{Layout, Target, TargetOptions, vigie_binary};
