//! What can be wrong with an exposition. Any of it fails the whole scrape.

/// A line that is not in the format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} (byte {byte_offset}): {reason}")]
pub struct ParseError {
    /// Counts from 1.
    pub line: usize,
    /// Where the line starts in the input.
    pub byte_offset: usize,
    pub reason: SyntaxError,
}

/// Why a line, or the bytes of a series, are not in the format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    #[error("expected a valid start token, got {0:?}")]
    Start(String),
    #[error("expected metric name after {0}")]
    MetadataName(&'static str),
    #[error("expected text in {0}")]
    MetadataText(&'static str),
    #[error("invalid metric type {0:?}")]
    UnknownType(String),
    #[error("help text is not a valid utf8 string")]
    HelpNotUtf8,
    #[error("unit {unit:?} not a suffix of metric {metric:?}")]
    UnitNotSuffix { unit: String, metric: String },
    #[error("label set is not closed")]
    UnclosedLabels,
    #[error("expected label name, got {0:?}")]
    LabelName(String),
    #[error("expected equal after label {0:?}")]
    Equal(String),
    #[error("expected quoted value of label {0:?}")]
    LabelValue(String),
    #[error("expected comma or brace close, got {0:?}")]
    Comma(String),
    #[error("invalid UTF-8 in label name or value: {0:?}")]
    NotUtf8(String),
    #[error("label name {0:?} is not unique")]
    DuplicateLabel(String),
    #[error("metric name already set")]
    SecondMetricName,
    #[error("metric name not set")]
    NoMetricName,
    #[error("expected value after {after}, got {found:?}")]
    Value { after: &'static str, found: String },
    #[error("invalid timestamp {0:?}")]
    Timestamp(String),
    #[error("unexpected data at end of line: {0:?}")]
    TrailingData(String),
    #[error("unexpected data after # EOF")]
    DataAfterEof,
    #[error("data does not end with # EOF")]
    MissingEof,
}

/// Quotes bytes in a message; at most the first 64 of them, as a line can be megabytes long.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(64)]).into_owned()
}
