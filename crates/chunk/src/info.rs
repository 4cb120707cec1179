//! What a chunk holds, without decoding it.

use crate::frame::{self, Kind};
use crate::histogram::{HistogramHeader, SealedHistogramHeader};
use crate::open::OpenHeader;
use crate::sealed::SealedHeader;
use crate::{ChunkError, MAX_CHUNK_SAMPLES, starts};

/// What a chunk's samples are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkValues {
    /// For [`crate::decode_into`] and [`crate::decode_with_starts_into`].
    Floats,
    /// For [`crate::decode_histograms_into`].
    Histograms,
}

/// Count and time range of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkInfo {
    pub values: ChunkValues,
    pub count: u32,
    /// Inclusive; 0 in a chunk without samples.
    pub min_time_ms: i64,
    /// Inclusive; 0 in a chunk without samples.
    pub max_time_ms: i64,
}

impl ChunkInfo {
    /// Reads the header only. The checksum is left to decoding.
    pub fn read(bytes: &[u8]) -> Result<ChunkInfo, ChunkError> {
        let (kind, mut body) = frame::read_kind(bytes)?;
        if matches!(kind, Kind::OpenWithStarts | Kind::SealedWithStarts) {
            starts::take_section(&mut body)?;
        }
        match kind {
            Kind::Open | Kind::OpenWithStarts => {
                let header = OpenHeader::read(&mut body)?;
                let min_time_ms = match header.count {
                    0 => 0,
                    _ => frame::take_varint(&mut body)?,
                };
                Ok(ChunkInfo {
                    values: ChunkValues::Floats,
                    count: u32::from(header.count),
                    min_time_ms,
                    max_time_ms: header.last_time_ms,
                })
            }
            Kind::Sealed | Kind::SealedWithStarts => {
                let header = SealedHeader::read(&mut body)?;
                Ok(ChunkInfo {
                    values: ChunkValues::Floats,
                    count: header.count as u32,
                    min_time_ms: header.min_time_ms,
                    max_time_ms: header.max_time_ms,
                })
            }
            Kind::OpenHistograms => {
                let header = HistogramHeader::read(&mut body)?;
                Ok(ChunkInfo {
                    values: ChunkValues::Histograms,
                    count: header.count as u32,
                    min_time_ms: header.first_time_ms(body)?,
                    max_time_ms: header.last_time_ms,
                })
            }
            Kind::SealedHistograms => {
                let header = SealedHistogramHeader::read(&mut body)?;
                Ok(ChunkInfo {
                    values: ChunkValues::Histograms,
                    count: header.count as u32,
                    min_time_ms: header.min_time_ms,
                    max_time_ms: header.max_time_ms,
                })
            }
        }
    }
}

/// Refuses counts beyond the bound before anything is allocated for them.
pub(crate) fn checked_count(raw: u64) -> Result<usize, ChunkError> {
    match usize::try_from(raw) {
        Ok(count) if count <= MAX_CHUNK_SAMPLES => Ok(count),
        _ => Err(ChunkError::Inconsistent("too many samples")),
    }
}
