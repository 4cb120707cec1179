//! Reading remote write, both versions, behind block snappy.
//!
//! The protobuf bytes are scanned in place. For every series the scan yields a key made from the raw
//! bytes of its labels, which is all a known series needs; labels are decoded for new ones only.

mod exemplars;
mod histogram;
mod protobuf;
mod v1;
mod v2;

use crate::buffers::{Buffer, Buffers};
use crate::error::WriteError;
use crate::ingest::{NO_HISTOGRAM, Row};

pub(crate) use v1::RequestV1;
pub(crate) use v2::RequestV2;

/// Which message a body holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteWriteVersion {
    /// `prometheus.WriteRequest`
    V1,
    /// `io.prometheus.write.v2.Request`
    V2,
}

/// Decompresses a request body, refusing one that claims to be larger than `limit_bytes` before any
/// memory is taken for it.
pub(crate) fn decompress(body: &[u8], limit_bytes: usize, buffers: &Buffers) -> Result<Buffer, WriteError> {
    let malformed = |error: snap::Error| WriteError::Malformed(format!("snappy: {error}"));
    let decoded_bytes = snap::raw::decompress_len(body).map_err(malformed)?;
    if decoded_bytes > limit_bytes {
        return Err(WriteError::TooLarge {
            decoded_bytes: decoded_bytes as u64,
            limit_bytes: limit_bytes as u64,
        });
    }
    let mut decoded = buffers.take(decoded_bytes);
    // It writes all of the length that the body claims, or fails.
    snap::raw::Decoder::new()
        .decompress(body, &mut decoded)
        .map_err(malformed)?;
    Ok(decoded)
}

/// Samples series by series, with the place where each series' samples end, as rows. `starts_ms` is when each
/// sample began to count, as far as that is known.
fn rows<'a>(
    samples: &'a [(i64, f64)],
    starts_ms: &'a [i64],
    ends: impl Iterator<Item = usize> + Send + 'a,
) -> impl Iterator<Item = Row> + Send + 'a {
    let mut start = 0;
    ends.zip(0..).flat_map(move |(end, series)| {
        let numbers = start..end;
        start = end;
        numbers.map(move |at| {
            let (timestamp_ms, value) = samples[at];
            Row {
                series,
                histogram: NO_HISTOGRAM,
                timestamp_ms,
                value,
                start_ms: starts_ms.get(at).copied().unwrap_or(0),
            }
        })
    })
}

#[cfg(test)]
mod tests;
