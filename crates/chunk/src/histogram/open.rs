//! The histogram chunk that is still appended to.

use vigie_model::{write_uvarint, write_varint};

use super::{FlatHistogram, HistogramLayout, HistogramSample};
use crate::frame::{self, Kind, take, take_uvarint, take_varint};
use crate::info::checked_count;
use crate::{AppendError, ChunkError, MAX_CHUNK_SAMPLES};

/// Bits of a record's control byte.
const NEW_LAYOUT: u8 = 1;
const NEW_START: u8 = 2;

/// One series' newest histograms, times strictly ascending. A histogram costs a byte or two for each
/// bucket whose count moved by less than 64, one for each that stayed.
#[derive(Debug, Clone, Default)]
pub struct OpenHistogramChunk {
    stream: Vec<u8>,
    first_time_ms: i64,
    count: u16,
    /// What the next one is compared with.
    last: Option<Box<HistogramSample>>,
}

impl OpenHistogramChunk {
    pub fn new() -> OpenHistogramChunk {
        OpenHistogramChunk::default()
    }

    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn first_time_ms(&self) -> Option<i64> {
        (self.count > 0).then_some(self.first_time_ms)
    }

    pub fn last_time_ms(&self) -> Option<i64> {
        self.last.as_ref().map(|last| last.time_ms)
    }

    /// The newest sample.
    pub fn last(&self) -> Option<&HistogramSample> {
        self.last.as_deref()
    }

    /// Bytes of the encoded samples.
    pub fn stream_bytes(&self) -> usize {
        self.stream.len()
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        let last = self.last.as_ref().map_or(0, |last| last.histogram.heap_bytes());
        self.stream.capacity() + last
    }

    /// Appends a sample newer than the newest.
    pub fn append(&mut self, mut sample: HistogramSample) -> Result<(), AppendError> {
        if let Some(last) = &self.last {
            if sample.time_ms <= last.time_ms {
                return Err(AppendError::NotAscending);
            }
            if self.len() >= MAX_CHUNK_SAMPLES {
                return Err(AppendError::Full);
            }
        } else {
            self.first_time_ms = sample.time_ms;
        }
        let previous = self.last.as_deref();
        let same_layout = previous.filter(|previous| previous.histogram.layout == sample.histogram.layout);
        if let Some(previous) = same_layout {
            sample.histogram.layout = previous.histogram.layout.clone();
        }
        let start_before = previous.map_or(0, |previous| previous.start_ms);
        let mut control = 0;
        if same_layout.is_none() {
            control |= NEW_LAYOUT;
        }
        if sample.start_ms != start_before {
            control |= NEW_START;
        }
        let out = &mut self.stream;
        out.push(control);
        match previous {
            Some(previous) => write_uvarint(out, sample.time_ms.wrapping_sub(previous.time_ms) as u64),
            None => write_varint(out, sample.time_ms),
        }
        if control & NEW_START != 0 {
            write_varint(out, sample.start_ms.wrapping_sub(start_before));
        }
        if same_layout.is_none() {
            sample.histogram.layout.write(out);
        }
        sample
            .histogram
            .write_numbers(same_layout.map(|previous| &previous.histogram), out);
        self.count += 1;
        match &mut self.last {
            Some(last) => **last = sample,
            None => self.last = Some(Box::new(sample)),
        }
        Ok(())
    }

    /// The chunk as [`crate::decode_histograms_into`] and [`OpenHistogramChunk::from_bytes`] read it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32 + self.stream.len());
        let start = frame::start_frame(Kind::OpenHistograms, &mut out);
        write_uvarint(&mut out, u64::from(self.count));
        write_varint(&mut out, self.last_time_ms().unwrap_or_default());
        out.extend_from_slice(&self.stream);
        frame::finish_frame(start, &mut out);
        out
    }

    /// Restores a chunk that appends exactly as the one did that was written.
    pub fn from_bytes(bytes: &[u8]) -> Result<OpenHistogramChunk, ChunkError> {
        let (Kind::OpenHistograms, body) = frame::open_frame(bytes)? else {
            return Err(ChunkError::Inconsistent("not an open chunk of histograms"));
        };
        let mut stream = body;
        let header = HistogramHeader::read(&mut stream)?;
        let mut samples = Vec::new();
        decode_body(body, &mut samples)?;
        Ok(OpenHistogramChunk {
            stream: stream.to_vec(),
            first_time_ms: samples.first().map_or(0, |first| first.time_ms),
            count: header.count as u16,
            last: samples.pop().map(Box::new),
        })
    }

    /// Appends the samples to `samples`.
    pub fn samples_into(&self, samples: &mut Vec<HistogramSample>) -> Result<(), ChunkError> {
        decode_stream(&self.stream, self.len(), samples)
    }
}

/// What stands before the stream.
pub(crate) struct HistogramHeader {
    pub(crate) count: usize,
    pub(crate) last_time_ms: i64,
}

impl HistogramHeader {
    pub(crate) fn read(input: &mut &[u8]) -> Result<HistogramHeader, ChunkError> {
        Ok(HistogramHeader {
            count: checked_count(take_uvarint(input)?)?,
            last_time_ms: take_varint(input)?,
        })
    }

    /// Of the first sample, whose record `stream` begins with.
    pub(crate) fn first_time_ms(&self, stream: &[u8]) -> Result<i64, ChunkError> {
        match stream {
            _ if self.count == 0 => Ok(0),
            [_control, time @ ..] => take_varint(&mut &*time),
            [] => Err(ChunkError::Truncated),
        }
    }
}

pub(super) fn decode_body(mut body: &[u8], samples: &mut Vec<HistogramSample>) -> Result<(), ChunkError> {
    let header = HistogramHeader::read(&mut body)?;
    let before = samples.len();
    decode_stream(body, header.count, samples)?;
    let newest_ms = samples[before..].last().map_or(0, |last| last.time_ms);
    if newest_ms == header.last_time_ms {
        Ok(())
    } else {
        Err(ChunkError::Inconsistent("newest time"))
    }
}

fn decode_stream(
    mut input: &[u8],
    count: usize,
    samples: &mut Vec<HistogramSample>,
) -> Result<(), ChunkError> {
    let before = samples.len();
    for _ in 0..count {
        let sample = read_record(&mut input, samples[before..].last())?;
        samples.push(sample);
    }
    if input.is_empty() {
        Ok(())
    } else {
        Err(ChunkError::Inconsistent("bytes after the last sample"))
    }
}

fn read_record(input: &mut &[u8], previous: Option<&HistogramSample>) -> Result<HistogramSample, ChunkError> {
    let [control] = take::<1>(input)?;
    if control & !(NEW_LAYOUT | NEW_START) != 0 {
        return Err(ChunkError::Inconsistent("control byte"));
    }
    let time_ms = match previous {
        Some(previous) => {
            let time_ms = previous.time_ms.wrapping_add_unsigned(take_uvarint(input)?);
            if time_ms <= previous.time_ms {
                return Err(ChunkError::Inconsistent("times do not ascend"));
            }
            time_ms
        }
        None => take_varint(input)?,
    };
    let mut start_ms = previous.map_or(0, |previous| previous.start_ms);
    if control & NEW_START != 0 {
        start_ms = start_ms.wrapping_add(take_varint(input)?);
    }
    let histogram = if control & NEW_LAYOUT != 0 {
        let layout = HistogramLayout::read(input)?.into();
        FlatHistogram::read_numbers(layout, None, input)?
    } else {
        let before = &previous.ok_or(ChunkError::Inconsistent("no layout"))?.histogram;
        FlatHistogram::read_numbers(before.layout.clone(), Some(before), input)?
    };
    Ok(HistogramSample {
        time_ms,
        start_ms,
        histogram,
    })
}
