//! Why a write was not, or not wholly, taken.

use std::time::Duration;

use tonic::{Code, Status};

/// What the client should do follows from the variant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The request cannot be read. Sending it again cannot help.
    #[error("{0}")]
    Malformed(String),
    /// The request is larger than allowed once decompressed.
    #[error("decoded request of {decoded_bytes} bytes exceeds the limit of {limit_bytes} bytes")]
    TooLarge { decoded_bytes: u64, limit_bytes: u64 },
    /// Everything else was stored; these samples never will be. The message names some of them.
    #[error("{message}")]
    Rejected {
        message: String,
        rejected: u64,
        /// Floats.
        appended: u64,
        appended_histograms: u64,
    },
    /// Too many bytes are in flight. Nothing was written; send it again later.
    #[error("too many requests in flight: {0}")]
    Overloaded(String),
    /// The tenant sends more than it may. Nothing was written; send it again later.
    #[error("{message}")]
    RateLimited { message: String, retry_after: Duration },
    /// It is not known what was written. Sending it again is harmless.
    #[error("{0}")]
    Unavailable(String),
}

impl From<WriteError> for Status {
    fn from(error: WriteError) -> Status {
        let code = match &error {
            WriteError::Malformed(_) | WriteError::TooLarge { .. } | WriteError::Rejected { .. } => {
                Code::InvalidArgument
            }
            WriteError::Overloaded(_) | WriteError::RateLimited { .. } => Code::ResourceExhausted,
            WriteError::Unavailable(_) => Code::Unavailable,
        };
        Status::new(code, error.to_string())
    }
}
