//! What all kinds of chunk have around them: kind, version and checksum.

use crate::ChunkError;

pub(crate) const VERSION: u8 = 1;
const CHECKSUM_BYTES: usize = 4;

/// The leading byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Open = 1,
    Sealed = 2,
    OpenHistograms = 3,
    SealedHistograms = 4,
    OpenWithStarts = 5,
    SealedWithStarts = 6,
}

/// Starts a chunk at the end of `out` and gives its position.
pub(crate) fn start_frame(kind: Kind, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[kind as u8, VERSION]);
    start
}

/// Appends the checksum of all that was appended since `start`.
pub(crate) fn finish_frame(start: usize, out: &mut Vec<u8>) {
    let checksum = crc32c::crc32c(&out[start..]);
    out.extend_from_slice(&checksum.to_le_bytes());
}

/// Verifies the checksum and gives the part between version and checksum.
pub(crate) fn open_frame(bytes: &[u8]) -> Result<(Kind, &[u8]), ChunkError> {
    let (framed, checksum) = bytes
        .split_last_chunk::<CHECKSUM_BYTES>()
        .ok_or(ChunkError::Truncated)?;
    let parts = read_kind(framed)?;
    if crc32c::crc32c(framed) != u32::from_le_bytes(*checksum) {
        return Err(ChunkError::Checksum);
    }
    Ok(parts)
}

/// Kind and what follows the version; nothing is verified.
pub(crate) fn read_kind(bytes: &[u8]) -> Result<(Kind, &[u8]), ChunkError> {
    let [kind, version, body @ ..] = bytes else {
        return Err(ChunkError::Truncated);
    };
    let kind = match *kind {
        1 => Kind::Open,
        2 => Kind::Sealed,
        3 => Kind::OpenHistograms,
        4 => Kind::SealedHistograms,
        5 => Kind::OpenWithStarts,
        6 => Kind::SealedWithStarts,
        unknown => return Err(ChunkError::UnknownKind(unknown)),
    };
    if *version != VERSION {
        return Err(ChunkError::UnknownVersion(*version));
    }
    Ok((kind, body))
}

/// Takes `N` bytes off the front.
#[inline(always)]
pub(crate) fn take<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], ChunkError> {
    let (taken, rest) = input.split_first_chunk::<N>().ok_or(ChunkError::Truncated)?;
    *input = rest;
    Ok(*taken)
}

/// Reads a LEB128 integer.
#[inline]
pub(crate) fn take_uvarint(input: &mut &[u8]) -> Result<u64, ChunkError> {
    vigie_model::read_uvarint(input).ok_or(ChunkError::Truncated)
}

/// Reads a zigzag-coded LEB128 integer.
#[inline]
pub(crate) fn take_varint(input: &mut &[u8]) -> Result<i64, ChunkError> {
    vigie_model::read_varint(input).ok_or(ChunkError::Truncated)
}

#[inline]
pub(crate) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[inline]
pub(crate) fn unzigzag(raw: u64) -> i64 {
    (raw >> 1) as i64 ^ -((raw & 1) as i64)
}
