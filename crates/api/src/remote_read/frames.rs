//! Answers to remote read, as one message of samples or as a stream of chunks.

use axum::body::Bytes;
use prost::Message;
use vigie_model::Labels;
use vigie_promql::Series;

use super::messages::{
    Chunk, ChunkedReadResponse, ChunkedSeries, QueryResult, ReadResponse, Sample, TimeSeries,
};
use super::{histogram, with_external, xor, xor2};

/// As many as Prometheus's own chunks have.
const SAMPLES_PER_CHUNK: usize = 120;
const XOR: i32 = 1;
const FLOAT_HISTOGRAM: i32 = 3;
const XOR2: i32 = 4;

/// `prometheus.ReadResponse` with a result for each query.
pub(crate) fn sample_response(results: &[Vec<Series>], external: &Labels) -> Vec<u8> {
    let result = |series: &Vec<Series>| QueryResult {
        timeseries: series
            .iter()
            .map(|series| TimeSeries {
                labels: with_external(&series.labels, external),
                samples: samples(series).collect(),
                histograms: series
                    .histograms
                    .iter()
                    .map(|(timestamp_ms, sample)| histogram::message(*timestamp_ms, sample))
                    .collect(),
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
    for chunk in chunks_of(series) {
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

/// The chunks of a series by time, of floats and of histograms.
fn chunks_of(series: &Series) -> impl Iterator<Item = Chunk> {
    let (mut times, mut values) = (&series.timestamps_ms[..], &series.values[..]);
    let mut starts = &series.starts_ms[..];
    let mut histograms = &series.histograms[..];
    std::iter::from_fn(move || {
        let float_ms = times.first().copied().unwrap_or(i64::MAX);
        let histogram_ms = histograms.first().map_or(i64::MAX, |(time_ms, _)| *time_ms);
        if float_ms < histogram_ms {
            let before = times.partition_point(|&time_ms| time_ms < histogram_ms);
            let (chunk_times, later) = times.split_at(before.min(SAMPLES_PER_CHUNK));
            let (chunk_values, later_values) = values.split_at(chunk_times.len().min(values.len()));
            let (chunk_starts, later_starts) = starts.split_at(chunk_times.len().min(starts.len()));
            (times, values, starts) = (later, later_values, later_starts);
            // As in Prometheus, only those with start times need the encoding that has them.
            let has_starts = chunk_starts.iter().any(|start_ms| *start_ms != 0);
            return Some(Chunk {
                min_time_ms: float_ms,
                max_time_ms: chunk_times.last().copied()?,
                encoding: if has_starts { XOR2 } else { XOR },
                data: if has_starts {
                    xor2::encode(chunk_times, chunk_values, chunk_starts)
                } else {
                    xor::encode(chunk_times, chunk_values)
                },
            });
        }
        let before = histograms.partition_point(|&(time_ms, _)| time_ms < float_ms);
        // Nothing is left if these are none.
        let candidates = &histograms[..before.min(SAMPLES_PER_CHUNK)];
        candidates.first()?;
        let (chunk, later) = histograms.split_at(histogram::chunk_len(candidates));
        histograms = later;
        Some(Chunk {
            min_time_ms: histogram_ms,
            max_time_ms: chunk.last()?.0,
            encoding: FLOAT_HISTOGRAM,
            data: histogram::encode(chunk),
        })
    })
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
