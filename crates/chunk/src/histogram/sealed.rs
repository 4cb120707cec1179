//! Histogram chunks that take no more samples: columns of numbers, cut where the layout changes.

use std::sync::Arc;

use vigie_model::{write_uvarint, write_varint};

use super::flat::{COUNT, FIRST_BUCKET, is_float_at};
use super::{FlatHistogram, HistogramLayout, HistogramSample};
use crate::codec::{column, times};
use crate::frame::{self, Kind, take, take_uvarint, take_varint};
use crate::info::checked_count;
use crate::sealed::{decode_values, smallest_values};
use crate::{ChunkError, MAX_CHUNK_SAMPLES, SealError};

/// Numbers in a chunk at most, 32 MiB: what decoding allocates is bounded by it.
pub(crate) const MAX_CELLS: usize = 1 << 22;

/// Encodes histograms of one series, times strictly ascending.
pub fn seal_histograms(samples: &[HistogramSample]) -> Result<Vec<u8>, SealError> {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        return Err(SealError::Empty);
    };
    let cells: usize = samples.iter().map(|sample| sample.histogram.numbers.len()).sum();
    if samples.len() > MAX_CHUNK_SAMPLES || cells > MAX_CELLS {
        return Err(SealError::TooMany);
    }
    let times_ms: Vec<i64> = samples.iter().map(|sample| sample.time_ms).collect();
    if times_ms.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err(SealError::NotAscending);
    }
    let mut time_payload = Vec::new();
    let time_codec = times::encode(&mut time_payload, &times_ms);
    let mut out = Vec::with_capacity(64 + time_payload.len() + cells);
    let start = frame::start_frame(Kind::SealedHistograms, &mut out);
    out.push(time_codec);
    write_uvarint(&mut out, samples.len() as u64);
    write_varint(&mut out, first.time_ms);
    write_uvarint(&mut out, last.time_ms.wrapping_sub(first.time_ms) as u64);
    out.extend_from_slice(&time_payload);
    let starts: Vec<u64> = samples
        .iter()
        .map(|sample| sample.start_ms.cast_unsigned())
        .collect();
    column::encode(&mut out, &starts);
    for segment in samples.chunk_by(|left, right| left.histogram.layout == right.histogram.layout) {
        write_segment(&mut out, segment);
    }
    frame::finish_frame(start, &mut out);
    Ok(out)
}

/// Histograms of one layout.
fn write_segment(out: &mut Vec<u8>, segment: &[HistogramSample]) {
    let first = &segment[0].histogram;
    write_uvarint(out, segment.len() as u64);
    first.layout.write(out);
    for at in 0..first.numbers.len() {
        let numbers = segment.iter().map(|sample| sample.histogram.numbers[at]);
        if is_float_at(&first.layout, at) {
            let values: Vec<f64> = numbers.map(f64::from_bits).collect();
            let (codec, payload) = smallest_values(&values);
            out.push(codec);
            write_uvarint(out, payload.len() as u64);
            out.extend_from_slice(&payload);
        } else if at == COUNT {
            // Nearly always what the buckets add up to, so that nothing is left of it.
            let rest: Vec<u64> = segment
                .iter()
                .map(|sample| {
                    sample.histogram.numbers[at].wrapping_sub(in_buckets(&sample.histogram.numbers))
                })
                .collect();
            column::encode(out, &rest);
        } else {
            column::encode(out, &numbers.collect::<Vec<_>>());
        }
    }
}

/// The sum of all buckets, that of zero included.
fn in_buckets(numbers: &[u64]) -> u64 {
    numbers[COUNT + 1..]
        .iter()
        .fold(0, |sum, number| sum.wrapping_add(*number))
}

/// What stands before the payloads.
pub(crate) struct SealedHistogramHeader {
    time_codec: u8,
    pub(crate) count: usize,
    pub(crate) min_time_ms: i64,
    pub(crate) max_time_ms: i64,
}

impl SealedHistogramHeader {
    pub(crate) fn read(input: &mut &[u8]) -> Result<SealedHistogramHeader, ChunkError> {
        let [time_codec] = take::<1>(input)?;
        let count = checked_count(take_uvarint(input)?)?;
        if count == 0 {
            return Err(ChunkError::Inconsistent("no samples"));
        }
        let min_time_ms = take_varint(input)?;
        let max_time_ms = min_time_ms
            .checked_add_unsigned(take_uvarint(input)?)
            .ok_or(ChunkError::Inconsistent("newest time"))?;
        Ok(SealedHistogramHeader {
            time_codec,
            count,
            min_time_ms,
            max_time_ms,
        })
    }
}

pub(super) fn decode_body(mut input: &[u8], samples: &mut Vec<HistogramSample>) -> Result<(), ChunkError> {
    let header = SealedHistogramHeader::read(&mut input)?;
    let range = (header.min_time_ms, header.max_time_ms);
    let mut times_ms = Vec::new();
    times::decode(header.time_codec, &mut input, header.count, range, &mut times_ms)?;
    let mut starts = Vec::new();
    column::decode(&mut input, header.count, &mut starts)?;
    let (mut at, mut cells) = (0, 0);
    while at < header.count {
        let length = take_uvarint(&mut input)? as usize;
        if length == 0 || length > header.count - at {
            return Err(ChunkError::Inconsistent("segments"));
        }
        let layout = Arc::new(HistogramLayout::read(&mut input)?);
        let width = FIRST_BUCKET + layout.positive_count() + layout.negative_count();
        cells += length * width;
        if cells > MAX_CELLS {
            return Err(ChunkError::Inconsistent("too many buckets"));
        }
        let rows = read_segment(&mut input, &layout, length, width)?;
        for numbers in rows {
            samples.push(HistogramSample {
                time_ms: times_ms[at],
                start_ms: starts[at].cast_signed(),
                histogram: FlatHistogram {
                    layout: layout.clone(),
                    numbers,
                },
            });
            at += 1;
        }
    }
    if input.is_empty() {
        Ok(())
    } else {
        Err(ChunkError::Inconsistent("bytes after the last segment"))
    }
}

fn read_segment(
    input: &mut &[u8],
    layout: &HistogramLayout,
    length: usize,
    width: usize,
) -> Result<Vec<Box<[u64]>>, ChunkError> {
    let mut rows = vec![vec![0u64; width].into_boxed_slice(); length];
    let (mut numbers, mut values) = (Vec::new(), Vec::new());
    for at in 0..width {
        if is_float_at(layout, at) {
            let [codec] = take::<1>(input)?;
            let bytes = usize::try_from(take_uvarint(input)?).unwrap_or(usize::MAX);
            let (payload, rest) = input.split_at_checked(bytes).ok_or(ChunkError::Truncated)?;
            *input = rest;
            values.clear();
            decode_values(codec, payload, length, &mut values)?;
            if values.len() != length {
                return Err(ChunkError::Inconsistent("length of a column"));
            }
            for (row, value) in rows.iter_mut().zip(&values) {
                row[at] = value.to_bits();
            }
        } else {
            column::decode(input, length, &mut numbers)?;
            for (row, number) in rows.iter_mut().zip(&numbers) {
                row[at] = *number;
            }
        }
    }
    if !layout.is_float {
        for row in &mut rows {
            row[COUNT] = row[COUNT].wrapping_add(in_buckets(row));
        }
    }
    Ok(rows)
}
