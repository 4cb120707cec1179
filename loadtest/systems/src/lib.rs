//! What a load test drives: Vigie and its peers as real processes on loopback.
//!
//! A [`System`] is one server of one [`SystemKind`], started with the settings its own documentation recommends and
//! with a list of them ([`Setting`]) for the report. It is stopped, killed, paused, restarted and watched here; what it
//! cost is an [`Account`]. [`Api`] asks it, [`WriteClient`] writes to it, [`check`] proves that what it acknowledged is
//! stored, and [`faults`] harms it on a schedule.
//!
//! This crate knows every server only from outside: as a program with flags, files, an HTTP surface and a place in
//! `/proc`. It must not know what is sent (workloads), what must be true afterwards (ledgers), how results are shown,
//! nor any other crate of the workspace, so that its encoders and parsers are a second opinion on theirs.

mod account;
mod answer;
mod api;
mod build;
mod check;
mod cpu_clock;
pub mod faults;
mod kind;
mod launch;
mod options;
mod ports;
mod proc_stat;
mod process;
mod recipe;
mod recipes;
mod remote_write;
mod sampler;
mod setting;
mod settle;
mod system;
mod tools;
mod write_client;

pub use account::{Account, own_cpu_seconds};
pub use answer::{Answer, FloatSeries, QueryData, SeriesLabels, value_of};
pub use api::{Api, Find, http_client, percent_encode};
pub use build::{Built, build};
pub use check::{Probe, Version, check, probe, version};
pub use cpu_clock::CpuClock;
pub use kind::{SystemKind, UnknownSystem};
pub use launch::{Launch, Placement};
pub use options::StartOptions;
pub use ports::free_port;
pub use proc_stat::{ProcStat, disk_bytes};
pub use process::{Process, wait_until};
pub use remote_write::{
    Protocol, Series, encode_labels, encode_request, encode_request_v2, encode_series, snappy,
};
pub use sampler::{AccountSample, Sampler};
pub use setting::Setting;
pub use settle::{SettleLimits, Settled};
pub use system::{Restarted, System};
pub use tools::{repository_root, tools_dir, vigie_binary};
pub use write_client::{Ack, WriteClient, WriteError, Written};
