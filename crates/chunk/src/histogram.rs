//! Native histograms: flattened, and in chunks of their own.

mod flat;
mod layout;
mod open;
mod sealed;

pub use flat::{AnyHistogram, FlatHistogram, HistogramSample};
pub use layout::{HistogramLayout, MAX_HISTOGRAM_BUCKETS};
pub use open::OpenHistogramChunk;
pub use sealed::seal_histograms;

pub(crate) use open::HistogramHeader;
pub(crate) use sealed::{MAX_CELLS, SealedHistogramHeader};

use crate::ChunkError;
use crate::frame::{self, Kind};

/// Appends a histogram chunk's samples, open or sealed, to `samples`.
///
/// The checksum is verified first. After an error `samples` is as it was.
pub fn decode_histograms_into(bytes: &[u8], samples: &mut Vec<HistogramSample>) -> Result<(), ChunkError> {
    let (kind, body) = frame::open_frame(bytes)?;
    let before = samples.len();
    let decoded = match kind {
        Kind::OpenHistograms => open::decode_body(body, samples),
        Kind::SealedHistograms => sealed::decode_body(body, samples),
        Kind::Open | Kind::Sealed | Kind::OpenWithStarts | Kind::SealedWithStarts => {
            Err(ChunkError::Inconsistent("not a chunk of histograms"))
        }
    };
    if decoded.is_err() {
        samples.truncate(before);
    }
    decoded
}

#[cfg(test)]
mod tests;
