//! What can be wrong with a chunk.

/// Bytes are not a chunk this version can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    #[error("chunk is truncated")]
    Truncated,
    #[error("chunk checksum does not match")]
    Checksum,
    #[error("chunk has unknown kind {0}")]
    UnknownKind(u8),
    #[error("chunk has unknown version {0}")]
    UnknownVersion(u8),
    #[error("chunk names an unknown codec {0}")]
    UnknownCodec(u8),
    /// The parts of the chunk contradict each other.
    #[error("chunk is inconsistent: {0}")]
    Inconsistent(&'static str),
}

/// A sample cannot be appended to an open chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    #[error("sample is not newer than the chunk's newest")]
    NotAscending,
    #[error("chunk is full")]
    Full,
}

/// Samples cannot be sealed into one chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("no samples to seal")]
    Empty,
    #[error("as many times as values are needed, and as many start times or none")]
    LengthMismatch,
    #[error("times are not strictly ascending")]
    NotAscending,
    #[error("too many samples for one chunk")]
    TooMany,
}
