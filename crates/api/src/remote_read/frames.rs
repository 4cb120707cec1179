//! Answers to remote read, as one message of samples or as a stream of chunks.

use std::ops::Range;

use axum::body::Bytes;
use prost::Message;
use vigie_model::Labels;
use vigie_promql::Series;

use super::messages::{
    Chunk, ChunkedReadResponse, ChunkedSeries, QueryResult, ReadResponse, Sample, TimeSeries,
};
use super::{with_external, xor, xor2};

/// As many as Prometheus's own chunks have.
const SAMPLES_PER_CHUNK: usize = 120;
const XOR: i32 = 1;
const XOR2: i32 = 4;

/// `prometheus.ReadResponse` with a result for each query.
pub(crate) fn sample_response(results: &[Vec<Series>], external: &Labels) -> Vec<u8> {
    let result = |series: &Vec<Series>| QueryResult {
        timeseries: series
            .iter()
            .map(|series| TimeSeries {
                labels: with_external(&series.labels, external),
                samples: samples(series).collect(),
            })
            .collect(),
    };
    ReadResponse {
        results: results.iter().map(result).collect(),
    }
    .encode_to_vec()
}

fn samples(series: &Series) -> impl Iterator<Item = Sample> {
    series
        .timestamps_ms
        .iter()
        .zip(&series.values)
        .map(|(&timestamp_ms, &value)| Sample { value, timestamp_ms })
}

/// The frames of a stream: each has a length, a checksum, and a `prometheus.ChunkedReadResponse` of one
/// series. A series that takes more than `max_frame_bytes` is spread over several.
pub(crate) fn frames(
    results: Vec<Vec<Series>>,
    external: Labels,
    max_frame_bytes: usize,
) -> impl Iterator<Item = Bytes> {
    results.into_iter().enumerate().flat_map(move |(query, series)| {
        let external = external.clone();
        series
            .into_iter()
            .flat_map(move |series| series_frames(&series, query as i64, &external, max_frame_bytes))
    })
}

fn series_frames(series: &Series, query_index: i64, external: &Labels, max_frame_bytes: usize) -> Vec<Bytes> {
    let labels = with_external(&series.labels, external);
    let label_bytes: usize = labels.iter().map(Message::encoded_len).sum();
    let mut frames = Vec::new();
    let mut chunks: Vec<Chunk> = Vec::new();
    let mut bytes = label_bytes;
    let mut close = |chunks: Vec<Chunk>| {
        let message = ChunkedReadResponse {
            chunked_series: vec![ChunkedSeries {
                labels: labels.clone(),
                chunks,
            }],
            query_index,
        };
        frames.push(frame(&message.encode_to_vec()));
    };
    let samples = series.timestamps_ms.len();
    for start in (0..samples).step_by(SAMPLES_PER_CHUNK) {
        let chunk = chunk(series, start..samples.min(start + SAMPLES_PER_CHUNK));
        bytes += chunk.encoded_len();
        chunks.push(chunk);
        if bytes >= max_frame_bytes {
            close(std::mem::take(&mut chunks));
            bytes = label_bytes;
        }
    }
    if !chunks.is_empty() {
        close(chunks);
    }
    frames
}

/// Some samples of a series. As in Prometheus, only those with start times need the encoding that has them.
fn chunk(series: &Series, range: Range<usize>) -> Chunk {
    let times = &series.timestamps_ms[range.clone()];
    let values = &series.values[range.clone()];
    let starts = series.starts_ms.get(range).unwrap_or_default();
    let has_starts = starts.iter().any(|start_ms| *start_ms != 0);
    Chunk {
        min_time_ms: times.first().copied().unwrap_or_default(),
        max_time_ms: times.last().copied().unwrap_or_default(),
        encoding: if has_starts { XOR2 } else { XOR },
        data: if has_starts {
            xor2::encode(times, values, starts)
        } else {
            xor::encode(times, values)
        },
    }
}

/// Length as a varint, CRC-32C in big-endian order, message.
fn frame(message: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(message.len() + 14);
    // A vector has room for any number of bytes.
    let _ = prost::encode_length_delimiter(message.len(), &mut frame);
    frame.extend_from_slice(&crc32c::crc32c(message).to_be_bytes());
    frame.extend_from_slice(message);
    frame.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_have_start_times_where_samples_have() {
        let series = Series {
            timestamps_ms: (0..300).collect(),
            values: vec![1.0; 300],
            starts_ms: (0..300).map(|at| i64::from(at >= 250)).collect(),
            ..Series::default()
        };
        let encodings =
            |series: &Series| [0..120, 120..240, 240..300].map(|range| chunk(series, range).encoding);
        assert_eq!(encodings(&series), [XOR, XOR, XOR2]);
        let plain = Series {
            starts_ms: Vec::new(),
            ..series
        };
        assert_eq!(encodings(&plain), [XOR; 3]);
    }
}
