//! Why a query has no answer.

use tonic::{Code, Status};
use vigie_promql::{EvalError, ParseError};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The text is not PromQL, or not of a type that can be asked for.
    #[error("{0}")]
    BadData(String),
    /// It cannot be answered for the data there are, or not within its limits.
    #[error("{0}")]
    Execution(String),
    #[error("{0}")]
    Timeout(String),
    /// Nobody waits for the answer any more.
    #[error("{0}")]
    Canceled(String),
    #[error("{0}")]
    Internal(String),
    /// A shard cannot be read now; asking again may help.
    #[error("{0}")]
    Unavailable(String),
}

impl From<ParseError> for QueryError {
    fn from(error: ParseError) -> QueryError {
        QueryError::BadData(error.to_string())
    }
}

impl From<EvalError> for QueryError {
    fn from(error: EvalError) -> QueryError {
        let message = error.to_string();
        match error {
            EvalError::Invalid(_) => QueryError::BadData(message),
            EvalError::Execution(_) | EvalError::TooManySamples | EvalError::TooManyBytes { .. } => {
                QueryError::Execution(message)
            }
            EvalError::Timeout { .. } => QueryError::Timeout(message),
            EvalError::Canceled { .. } => QueryError::Canceled(message),
            EvalError::Source(source) if source.retryable => QueryError::Unavailable(message),
            EvalError::Source(_) => QueryError::Internal(message),
        }
    }
}

impl From<Status> for QueryError {
    fn from(status: Status) -> QueryError {
        let message = format!("ingester: {}", status.message());
        match status.code() {
            Code::Unavailable
            | Code::NotFound
            | Code::ResourceExhausted
            | Code::DeadlineExceeded
            | Code::FailedPrecondition => QueryError::Unavailable(message),
            Code::InvalidArgument => QueryError::BadData(message),
            _ => QueryError::Internal(message),
        }
    }
}
