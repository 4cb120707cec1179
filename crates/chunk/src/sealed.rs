//! Chunks that take no more samples.

use vigie_model::{write_uvarint, write_varint};

use crate::codec::decimal::{self, Decimals};
use crate::codec::{pcodec, times, xor};
use crate::frame::{self, Kind, take, take_uvarint, take_varint};
use crate::info::checked_count;
use crate::{ChunkError, MAX_CHUNK_SAMPLES, SealError, starts};

const CONSTANT: u8 = 0;
const DECIMAL: u8 = 1;
const XOR: u8 = 2;
const PCO_FLOATS: u8 = 3;
const PCO_INTEGERS: u8 = 4;

/// Below this, no codec with a header of its own can win.
const PCO_WORTHWHILE_BYTES: usize = 48;

/// Encodes samples in the smallest of the codecs. Every candidate is lossless by construction or is
/// decoded and compared bit by bit before it may win.
///
/// Takes some ten microseconds for a few hundred samples: not for the write path itself.
pub fn seal(times_ms: &[i64], values: &[f64]) -> Result<Vec<u8>, SealError> {
    seal_with_starts(times_ms, values, &[])
}

/// As [`seal`], with the time at which each value began to count, 0 where that is not known. `starts_ms` may be
/// empty; where no start time is known, the chunk is that of [`seal`].
pub fn seal_with_starts(times_ms: &[i64], values: &[f64], starts_ms: &[i64]) -> Result<Vec<u8>, SealError> {
    let (Some(&min), Some(&max)) = (times_ms.first(), times_ms.last()) else {
        return Err(SealError::Empty);
    };
    if times_ms.len() != values.len() || !(starts_ms.is_empty() || starts_ms.len() == times_ms.len()) {
        return Err(SealError::LengthMismatch);
    }
    if times_ms.len() > MAX_CHUNK_SAMPLES {
        return Err(SealError::TooMany);
    }
    if times_ms.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err(SealError::NotAscending);
    }
    let mut time_payload = Vec::new();
    let time_codec = times::encode(&mut time_payload, times_ms);
    let (value_codec, value_payload) = smallest_values(values);

    let mut out = Vec::with_capacity(30 + time_payload.len() + value_payload.len());
    let start = if starts_ms.iter().all(|start_ms| *start_ms == 0) {
        frame::start_frame(Kind::Sealed, &mut out)
    } else {
        let start = frame::start_frame(Kind::SealedWithStarts, &mut out);
        starts::write_column(&mut out, starts_ms);
        start
    };
    out.extend_from_slice(&[time_codec, value_codec]);
    write_uvarint(&mut out, times_ms.len() as u64);
    write_varint(&mut out, min);
    write_uvarint(&mut out, max.wrapping_sub(min) as u64);
    out.extend_from_slice(&time_payload);
    out.extend_from_slice(&value_payload);
    frame::finish_frame(start, &mut out);
    Ok(out)
}

/// Encodes values, at least one, in the smallest of the codecs; gives which.
pub(crate) fn smallest_values(values: &[f64]) -> (u8, Vec<u8>) {
    let bits = values[0].to_bits();
    if values.iter().all(|value| value.to_bits() == bits) {
        return (CONSTANT, bits.to_le_bytes().to_vec());
    }
    let mut best = (XOR, Vec::new());
    xor::encode(&mut best.1, values);
    let decimals = Decimals::find(values);
    if let Some(decimals) = &decimals {
        let mut payload = Vec::new();
        decimal::encode(&mut payload, decimals);
        if payload.len() < best.1.len() {
            best = (DECIMAL, payload);
        }
    }
    if values.len() >= pcodec::MIN_VALUES && best.1.len() > PCO_WORTHWHILE_BYTES {
        let mut payload = Vec::new();
        let (codec, usable) = match &decimals {
            Some(decimals) if decimals.exceptions.is_empty() => (
                PCO_INTEGERS,
                pcodec::encode_integers(&mut payload, decimals.scale, &decimals.integers),
            ),
            _ => (PCO_FLOATS, pcodec::encode_floats(&mut payload, values)),
        };
        if usable && payload.len() < best.1.len() && is_lossless(codec, &payload, values) {
            best = (codec, payload);
        }
    }
    best
}

/// Own codecs are proven by tests; another project's is checked on every chunk.
fn is_lossless(codec: u8, payload: &[u8], values: &[f64]) -> bool {
    let mut decoded = Vec::new();
    decode_values(codec, payload, values.len(), &mut decoded).is_ok()
        && decoded.len() == values.len()
        && decoded
            .iter()
            .zip(values)
            .all(|(left, right)| left.to_bits() == right.to_bits())
}

/// What stands before the payloads.
#[derive(Debug)]
pub(crate) struct SealedHeader {
    time_codec: u8,
    value_codec: u8,
    pub(crate) count: usize,
    pub(crate) min_time_ms: i64,
    pub(crate) max_time_ms: i64,
}

impl SealedHeader {
    pub(crate) fn read(input: &mut &[u8]) -> Result<SealedHeader, ChunkError> {
        let [time_codec, value_codec] = take::<2>(input)?;
        let count = checked_count(take_uvarint(input)?)?;
        if count == 0 {
            return Err(ChunkError::Inconsistent("no samples"));
        }
        let min_time_ms = take_varint(input)?;
        let max_time_ms = min_time_ms
            .checked_add_unsigned(take_uvarint(input)?)
            .ok_or(ChunkError::Inconsistent("newest time"))?;
        Ok(SealedHeader {
            time_codec,
            value_codec,
            count,
            min_time_ms,
            max_time_ms,
        })
    }
}

pub(crate) fn decode_body(
    mut input: &[u8],
    times_ms: &mut Vec<i64>,
    values: &mut Vec<f64>,
) -> Result<(), ChunkError> {
    let header = SealedHeader::read(&mut input)?;
    let range = (header.min_time_ms, header.max_time_ms);
    times::decode(header.time_codec, &mut input, header.count, range, times_ms)?;
    decode_values(header.value_codec, input, header.count, values)
}

pub(crate) fn decode_values(
    codec: u8,
    mut input: &[u8],
    count: usize,
    values: &mut Vec<f64>,
) -> Result<(), ChunkError> {
    match codec {
        CONSTANT => {
            let value = f64::from_le_bytes(take(&mut input)?);
            values.resize(values.len() + count, value);
            Ok(())
        }
        DECIMAL => decimal::decode(&mut input, count, values),
        XOR => xor::decode(input, count, values),
        PCO_FLOATS => pcodec::decode_floats(input, count, values),
        PCO_INTEGERS => pcodec::decode_integers(input, count, values),
        unknown => Err(ChunkError::UnknownCodec(unknown)),
    }
}
