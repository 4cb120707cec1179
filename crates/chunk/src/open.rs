//! The chunk that is still appended to.

mod decode;
mod value;

pub(crate) use decode::decode_body;

use vigie_model::{write_uvarint, write_varint};

use crate::frame::{self, Kind, take, take_uvarint, take_varint};
use crate::info::checked_count;
use crate::{AppendError, ChunkError, MAX_CHUNK_SAMPLES, StartRuns, starts};
use value::ValueCoder;

/// Time codes, the two high bits of a sample's control byte.
const TIME_SAME_DELTA: u8 = 0x00;
const TIME_NEAR_DELTA: u8 = 0x40;
const TIME_NEW_DELTA: u8 = 0x80;
/// A whole run of samples at the same interval with the same value, its length minus 1 in the low bits.
const RUN: u8 = 0xc0;
const MAX_RUN: u8 = 64;

/// One series' newest samples, times strictly ascending.
///
/// 48 bytes and a byte buffer. A constant value at a regular interval costs a byte for 64 samples,
/// small steps of integers (or of decimals with few places) one to three, a random float nine.
/// Appending is O(1); the buffer grows by a quarter, not by doubling, as there is one per series.
#[derive(Debug, Clone, Default)]
pub struct OpenChunk {
    stream: Vec<u8>,
    last_time_ms: i64,
    last_value_bits: u64,
    /// The last interval; 0 before the second sample and when it does not fit.
    delta_ms: u32,
    count: u16,
    /// Length of the run at the end of the stream, if it ends in one.
    run: u8,
    /// See [`ValueCoder`], which is taken apart here to save its padding.
    packed_scale: u8,
}

const _: () = assert!(
    size_of::<OpenChunk>() == 48,
    "one per series: see the memory budget"
);

impl OpenChunk {
    pub fn new() -> OpenChunk {
        OpenChunk::default()
    }

    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Time of the oldest sample.
    pub fn first_time_ms(&self) -> Option<i64> {
        vigie_model::read_varint(&mut self.stream.as_slice())
    }

    /// Time of the newest sample.
    #[inline]
    pub fn last_time_ms(&self) -> Option<i64> {
        (self.count > 0).then_some(self.last_time_ms)
    }

    /// Bits of the newest value.
    #[inline]
    pub fn last_value_bits(&self) -> Option<u64> {
        (self.count > 0).then_some(self.last_value_bits)
    }

    /// Bytes of the encoded samples.
    #[inline]
    pub fn stream_bytes(&self) -> usize {
        self.stream.len()
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.stream.capacity()
    }

    /// The end of the stream, to bring it into the processor's cache ahead of appending.
    #[inline]
    pub fn tail(&self) -> u8 {
        self.stream.last().copied().unwrap_or_default()
    }

    /// Appends a sample newer than the newest.
    #[inline]
    pub fn append(&mut self, time_ms: i64, value: f64) -> Result<(), AppendError> {
        if self.count == 0 {
            self.append_first(time_ms, value);
            return Ok(());
        }
        if time_ms <= self.last_time_ms {
            return Err(AppendError::NotAscending);
        }
        if self.len() >= MAX_CHUNK_SAMPLES {
            return Err(AppendError::Full);
        }
        let delta = time_ms.wrapping_sub(self.last_time_ms) as u64;
        self.last_time_ms = time_ms;
        self.count += 1;
        let same_delta = delta == u64::from(self.delta_ms);
        if same_delta && value.to_bits() == self.last_value_bits {
            self.append_repeat();
            return Ok(());
        }
        self.run = 0;
        let mut record = Record::default();
        let time_code = if same_delta {
            TIME_SAME_DELTA
        } else {
            let code = self.encode_delta(delta, &mut record);
            self.delta_ms = u32::try_from(delta).unwrap_or(0);
            code
        };
        record.bytes[0] = time_code | self.encode_value(value, &mut record);
        self.extend(record.as_slice());
        Ok(())
    }

    #[cold]
    fn append_first(&mut self, time_ms: i64, value: f64) {
        self.last_time_ms = time_ms;
        self.count = 1;
        let mut start = Vec::with_capacity(10);
        write_varint(&mut start, time_ms);
        let mut record = Record::default();
        record.bytes[0] = TIME_SAME_DELTA | self.encode_value(value, &mut record);
        start.extend_from_slice(record.as_slice());
        self.extend(&start);
    }

    #[inline]
    fn append_repeat(&mut self) {
        match self.stream.last_mut() {
            Some(last) if self.run > 0 && self.run < MAX_RUN => {
                *last += 1;
                self.run += 1;
            }
            _ => {
                self.extend(&[RUN]);
                self.run = 1;
            }
        }
    }

    #[inline]
    fn encode_value(&mut self, value: f64, record: &mut Record) -> u8 {
        let mut coder = ValueCoder::unpack(self.last_value_bits, self.packed_scale);
        let code = coder.encode(value, record);
        self.last_value_bits = coder.last_bits();
        self.packed_scale = coder.packed_scale();
        code
    }

    fn encode_delta(&self, delta: u64, record: &mut Record) -> u8 {
        if self.delta_ms != 0
            && let Ok(delta) = i64::try_from(delta)
            && let Ok(change) = i8::try_from(delta - i64::from(self.delta_ms))
        {
            record.push(change as u8);
            return TIME_NEAR_DELTA;
        }
        record.push_uvarint(delta);
        TIME_NEW_DELTA
    }

    #[inline]
    fn extend(&mut self, bytes: &[u8]) {
        let needed = self.stream.len() + bytes.len();
        if needed > self.stream.capacity() {
            let grown = needed.max(self.stream.len() + self.stream.len() / 4);
            // Whole steps of 16, which is what allocators hand out anyway.
            let capacity = grown.next_multiple_of(16);
            self.stream.reserve_exact(capacity - self.stream.len());
        }
        self.stream.extend_from_slice(bytes);
    }

    /// The chunk as [`crate::decode_into`] and [`OpenChunk::from_bytes`] read it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(40 + self.stream.len());
        self.write_to(&mut out);
        out
    }

    /// Appends what [`OpenChunk::to_bytes`] gives.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        let start = frame::start_frame(Kind::Open, out);
        self.write_body(out);
        frame::finish_frame(start, out);
    }

    /// Appends the chunk with the start times of its samples; where none is known, it is that of
    /// [`OpenChunk::write_to`].
    pub fn write_with_starts(&self, starts: &StartRuns, out: &mut Vec<u8>) {
        if starts.is_empty() {
            return self.write_to(out);
        }
        let start = frame::start_frame(Kind::OpenWithStarts, out);
        starts.write(out);
        self.write_body(out);
        frame::finish_frame(start, out);
    }

    fn write_body(&self, out: &mut Vec<u8>) {
        OpenHeader {
            count: self.count,
            last_time_ms: self.last_time_ms,
            last_value_bits: self.last_value_bits,
            delta_ms: self.delta_ms,
            run: self.run,
            packed_scale: self.packed_scale,
        }
        .write(out);
        out.extend_from_slice(&self.stream);
    }

    /// Restores a chunk that appends exactly as the one did that was written.
    ///
    /// The stream is not decoded here: the checksum is what vouches for it.
    pub fn from_bytes(bytes: &[u8]) -> Result<OpenChunk, ChunkError> {
        let (Kind::Open, body) = frame::open_frame(bytes)? else {
            return Err(ChunkError::Inconsistent("not an open chunk"));
        };
        OpenChunk::from_body(body)
    }

    /// As [`OpenChunk::from_bytes`], of a chunk with start times or without.
    pub fn from_bytes_with_starts(bytes: &[u8]) -> Result<(OpenChunk, StartRuns), ChunkError> {
        let (Kind::OpenWithStarts, mut body) = frame::open_frame(bytes)? else {
            return Ok((OpenChunk::from_bytes(bytes)?, StartRuns::default()));
        };
        let section = starts::take_section(&mut body)?;
        let chunk = OpenChunk::from_body(body)?;
        let starts = StartRuns::read(section, chunk.len())?;
        Ok((chunk, starts))
    }

    fn from_body(mut body: &[u8]) -> Result<OpenChunk, ChunkError> {
        let header = OpenHeader::read(&mut body)?;
        if (header.count == 0) != body.is_empty() {
            return Err(ChunkError::Inconsistent("count and stream"));
        }
        let mut chunk = OpenChunk {
            stream: Vec::new(),
            last_time_ms: header.last_time_ms,
            last_value_bits: header.last_value_bits,
            delta_ms: header.delta_ms,
            count: header.count,
            run: header.run,
            packed_scale: header.packed_scale,
        };
        chunk.extend(body);
        if header.run > 0 && body.last() != Some(&(RUN + (header.run - 1))) {
            return Err(ChunkError::Inconsistent("run"));
        }
        Ok(chunk)
    }

    /// Appends the samples to `times_ms` and `values`, which are as they were after an error.
    pub fn samples_into(&self, times_ms: &mut Vec<i64>, values: &mut Vec<f64>) -> Result<(), ChunkError> {
        let (times_before, values_before) = (times_ms.len(), values.len());
        let decoded = decode::decode_stream(&self.stream, self.len(), times_ms, values);
        if decoded.is_err() {
            times_ms.truncate(times_before);
            values.truncate(values_before);
        }
        decoded
    }
}

/// What stands before the stream: the state appending continues with.
#[derive(Debug)]
pub(crate) struct OpenHeader {
    pub(crate) count: u16,
    pub(crate) last_time_ms: i64,
    last_value_bits: u64,
    delta_ms: u32,
    run: u8,
    packed_scale: u8,
}

impl OpenHeader {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.packed_scale);
        out.push(self.run);
        write_uvarint(out, u64::from(self.count));
        write_varint(out, self.last_time_ms);
        write_uvarint(out, u64::from(self.delta_ms));
        out.extend_from_slice(&self.last_value_bits.to_le_bytes());
    }

    pub(crate) fn read(input: &mut &[u8]) -> Result<OpenHeader, ChunkError> {
        let [packed_scale, run] = take::<2>(input)?;
        if run > MAX_RUN {
            return Err(ChunkError::Inconsistent("run"));
        }
        if !value::is_packed_scale(packed_scale) {
            return Err(ChunkError::Inconsistent("decimal places"));
        }
        let count = checked_count(take_uvarint(input)?)? as u16;
        let last_time_ms = take_varint(input)?;
        let delta_ms =
            u32::try_from(take_uvarint(input)?).map_err(|_| ChunkError::Inconsistent("interval"))?;
        Ok(OpenHeader {
            count,
            last_time_ms,
            last_value_bits: u64::from_le_bytes(take(input)?),
            delta_ms,
            run,
            packed_scale,
        })
    }
}

/// One encoded sample: the control byte and at most 10 bytes each of time and value.
#[derive(Debug)]
struct Record {
    bytes: [u8; 24],
    len: usize,
}

impl Default for Record {
    fn default() -> Record {
        Record {
            bytes: [0; 24],
            len: 1,
        }
    }
}

impl Record {
    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    #[inline]
    fn push(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    /// Appends the `count` low bytes, at most 8, least significant first.
    #[inline]
    fn push_low_bytes(&mut self, value: u64, count: usize) {
        self.bytes[self.len..self.len + 8].copy_from_slice(&value.to_le_bytes());
        self.len += count;
    }

    fn push_uvarint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.push(value as u8);
    }
}
