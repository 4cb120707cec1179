//! The load tester: scenarios, the runner that drives a server through one, and the comparison of servers.
//!
//! What is sent is `vigie-workload`'s business, which processes are driven `vigie-systems`', what must be true
//! afterwards `vigie-ledger`'s, how two answers differ `vigie-differential`'s, and how it is all shown
//! `vigie-report`'s; this crate puts them together. It knows Vigie and its peers only from outside: flags, HTTP, files.

pub mod ask;
pub mod compare;
pub mod data;
pub mod farm;
pub mod progress;
pub mod recording;
pub mod run;
pub mod scenario;
pub mod send;
pub mod summary;
