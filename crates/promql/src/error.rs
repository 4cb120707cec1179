//! What can be wrong with a query.

use crate::Span;

/// The text is not PromQL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: parse error: {message}")]
pub struct ParseError {
    /// Where it went wrong, in bytes of the query.
    pub span: Span,
    /// Both count from 1; the column is in bytes, as in Prometheus.
    pub line: usize,
    pub column: usize,
    pub message: String,
}

/// Why an evaluation has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// The query cannot be answered for these data: many-to-many matching, duplicate output series.
    #[error("{0}")]
    Execution(String),
    /// The caller stopped it because its deadline passed.
    #[error("query timed out in {phase}")]
    Timeout { phase: &'static str },
    /// The caller stopped it because nobody waits for the answer.
    #[error("query was canceled in {phase}")]
    Canceled { phase: &'static str },
    /// More samples would be held than the limit allows.
    #[error("query processing would load too many samples into memory in query execution")]
    TooManySamples,
    /// More memory would be held than the limit allows.
    #[error(
        "query needs more than its limit of {limit_bytes} bytes of memory; select fewer series or a shorter range"
    )]
    TooManyBytes { limit_bytes: u64 },
    /// The samples could not be read.
    #[error("expanding series: {0}")]
    Source(#[from] crate::SourceError),
}
