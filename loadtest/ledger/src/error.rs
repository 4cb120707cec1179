use std::{io, path::PathBuf};

/// The error of a caller's own [`Reader`](crate::Reader) or [`Regenerate`](crate::Regenerate).
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a ledger could not be written, read or verified. A verdict that finds faults is not an error.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("{what} {}", path.display())]
    File {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{what} a temporary file")]
    Spill { what: &'static str, source: io::Error },
    #[error("the journal is not one this version reads: {0}")]
    Foreign(String),
    #[error("the journal is damaged at byte {at}: {what}")]
    Damaged { at: u64, what: String },
    #[error("the ledger was given {0}")]
    Misuse(String),
    #[error("{what} the system under test")]
    Read { what: String, source: BoxError },
    #[error("make request {number} of source {origin} again")]
    Regenerate {
        origin: u32,
        number: u64,
        source: BoxError,
    },
    #[error("request {number} of source {origin}, made again, is not what was sent: {what}")]
    OtherContent {
        origin: u32,
        number: u64,
        what: &'static str,
    },
}
