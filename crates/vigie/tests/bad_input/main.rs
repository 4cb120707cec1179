//! Bad input of every kind: the status and message are those of Prometheus 3.14, memory stays bounded, and the server
//! goes on. `VIGIE_E2E_TARGET=prometheus` runs the same against the real one.

#![expect(clippy::unwrap_used, reason = "in a test a failed step is a failed test")]

mod queries;
mod scrapes;
mod server;
mod writes;
