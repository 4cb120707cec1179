//! Entries that cannot be applied.

/// Bytes are not an entry of this version. Nothing was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CorruptEntry {
    #[error("entry is truncated")]
    Truncated,
    #[error("entry checksum does not match")]
    Checksum,
    #[error("entry has unknown kind {0}")]
    UnknownKind(u8),
    #[error("entry has unknown version {0}")]
    UnknownVersion(u8),
    #[error("entry has an unknown section {0}")]
    UnknownSection(u8),
    #[error("entry has unknown flags")]
    UnknownFlags,
    #[error("entry names an invalid tenant")]
    Tenant,
    #[error("entry declares invalid labels")]
    Labels,
    #[error("entry has an unreadable histogram: {0}")]
    Histogram(vigie_chunk::ChunkError),
    /// It can be read, but says what no histogram can.
    #[error("entry has an invalid histogram in row {0}")]
    InvalidHistogram(u32),
    #[error("entry is inconsistent: {0}")]
    Inconsistent(&'static str),
    /// Ids are never reused, so a shard can see 2^32 - 2 series in its life.
    #[error("shard has no series ids left")]
    IdsExhausted,
}
