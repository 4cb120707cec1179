//! What can be wrong with a query.

use std::fmt;

use crate::Span;

/// The text is not PromQL. Messages and positions are those of Prometheus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// Where it went wrong, in bytes of the query.
    pub span: Span,
    /// Both count from 1; the column is in bytes, as in Prometheus. Both are 0 in an empty query.
    pub line: usize,
    pub column: usize,
    pub message: String,
}

impl ParseError {
    pub(crate) fn new(query: &str, span: Span, message: impl Into<String>) -> ParseError {
        let before = query.as_bytes().get(..span.start).unwrap_or_default();
        let line_start = before
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        let newlines = before.iter().filter(|&&byte| byte == b'\n').count();
        let (line, column) = match query {
            "" => (0, 0),
            _ => (newlines + 1, before.len() - line_start + 1),
        };
        ParseError {
            span,
            line,
            column,
            message: message.into(),
        }
    }
}

impl std::error::Error for ParseError {}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str("unknown position")?,
            line => write!(f, "{line}:{}", self.column)?,
        }
        write!(f, ": parse error: {}", self.message)
    }
}

/// The matchers would select every series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("match[] must contain at least one non-empty matcher")]
pub struct UnboundedSelector;

/// Why an evaluation has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// The query is wrong whatever the data.
    #[error("{0}")]
    Invalid(String),
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
