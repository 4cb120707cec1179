//! How the samples of one series are kept in bytes: [`OpenChunk`], which grows by one sample at a
//! time, and sealed chunks, for which [`seal`] tries several codecs and keeps the smallest.
//! Floats that say when they began to count have the same two forms with a section more ([`StartRuns`],
//! [`seal_with_starts`]). Native histograms have two forms of their own ([`OpenHistogramChunk`],
//! [`seal_histograms`]); a chunk holds floats or histograms.
//!
//! All forms are lossless to the last bit, carry a checksum, and are read by [`decode_with_starts_into`] (or
//! [`decode_into`], for those who do not ask for start times) and [`decode_histograms_into`]; docs/formats/chunk.md describes them byte by byte. This crate knows one series
//! at a time: it must not know labels, series ids, windows or where the bytes go.

mod bitpack;
mod codec;
mod error;
mod frame;
mod histogram;
mod info;
mod merge;
mod open;
mod sealed;
mod starts;

pub use error::{AppendError, ChunkError, SealError};
pub use histogram::{
    AnyHistogram, FlatHistogram, HistogramLayout, HistogramSample, MAX_HISTOGRAM_BUCKETS, OpenHistogramChunk,
    decode_histograms_into, seal_histograms,
};
pub use info::{ChunkInfo, ChunkValues};
pub use merge::{SeriesSamples, merge, read_series, reseal};
pub use open::OpenChunk;
pub use sealed::{seal, seal_with_starts};
pub use starts::{StartRuns, decode_with_starts_into};

/// The most samples a chunk holds. It bounds what decoding may allocate: 16 bytes a sample.
pub const MAX_CHUNK_SAMPLES: usize = u16::MAX as usize;

/// Appends the samples of a chunk of floats, open or sealed, to `times_ms` and `values`; start times are left out.
///
/// The checksum is verified first. After an error both vectors are as they were.
pub fn decode_into(bytes: &[u8], times_ms: &mut Vec<i64>, values: &mut Vec<f64>) -> Result<(), ChunkError> {
    let (kind, mut body) = frame::open_frame(bytes)?;
    let (times_before, values_before) = (times_ms.len(), values.len());
    let decoded = match kind {
        frame::Kind::Open => open::decode_body(body, times_ms, values),
        frame::Kind::Sealed => sealed::decode_body(body, times_ms, values),
        frame::Kind::OpenWithStarts => {
            starts::take_section(&mut body).and_then(|_| open::decode_body(body, times_ms, values))
        }
        frame::Kind::SealedWithStarts => {
            starts::take_section(&mut body).and_then(|_| sealed::decode_body(body, times_ms, values))
        }
        frame::Kind::OpenHistograms | frame::Kind::SealedHistograms => {
            Err(ChunkError::Inconsistent("not a chunk of floats"))
        }
    };
    if decoded.is_err() {
        times_ms.truncate(times_before);
        values.truncate(values_before);
    }
    decoded
}

#[cfg(test)]
mod tests;
