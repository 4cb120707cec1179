//! From encoded chunks to columns.

use tonic::Status;
use vigie_chunk::{ChunkInfo, ChunkValues, decode_with_starts_into};
use vigie_model::{InvalidLabels, Labels};
use vigie_promql::Series;
use vigie_proto::v1::SeriesChunks;

use crate::histograms::decode_mixed;

/// Decodes a series into `series` and cuts it to `start_ms..=end_ms`. False if nothing is left. Of its labels, those are
/// made that are wanted.
pub(crate) fn decode_series(
    part: &SeriesChunks,
    start_ms: i64,
    end_ms: i64,
    wanted: Option<&[String]>,
    series: &mut Series,
) -> Result<bool, Status> {
    let corrupt = |what: String| Status::data_loss(format!("series from an ingester cannot be read: {what}"));
    let mut chunks = Vec::with_capacity(part.chunks.len());
    let mut capacity = 0;
    for bytes in &part.chunks {
        let info = ChunkInfo::read(bytes).map_err(|error| corrupt(error.to_string()))?;
        if info.count > 0 && info.min_time_ms <= end_ms && info.max_time_ms >= start_ms {
            capacity += info.count as usize;
            chunks.push((info, bytes));
        }
    }
    if chunks
        .iter()
        .any(|(info, _)| info.values == ChunkValues::Histograms)
    {
        let chunks: Vec<&[u8]> = chunks.iter().map(|(_, bytes)| &bytes[..]).collect();
        let found =
            decode_mixed(&chunks, start_ms, end_ms, series).map_err(|error| corrupt(error.to_string()))?;
        if found {
            series.labels = labels_of(part, wanted).map_err(|error| corrupt(error.to_string()))?;
        }
        return Ok(found);
    }
    chunks.sort_by_key(|(info, _)| info.min_time_ms);
    let overlap = chunks
        .windows(2)
        .any(|pair| pair[0].0.max_time_ms >= pair[1].0.min_time_ms);
    let Series {
        timestamps_ms,
        values,
        starts_ms,
        histograms,
        histogram_starts_ms,
        ..
    } = series;
    timestamps_ms.clear();
    values.clear();
    starts_ms.clear();
    histograms.clear();
    histogram_starts_ms.clear();
    timestamps_ms.reserve(capacity);
    values.reserve(capacity);
    for (_, bytes) in &chunks {
        decode_with_starts_into(bytes, timestamps_ms, values, starts_ms)
            .map_err(|error| corrupt(error.to_string()))?;
    }
    if !starts_ms.is_empty() {
        starts_ms.resize(timestamps_ms.len(), 0);
    }
    if overlap {
        let order = order(timestamps_ms);
        pick(timestamps_ms, &order);
        pick(values, &order);
        pick(starts_ms, &order);
    }
    let range = (
        timestamps_ms.partition_point(|&time| time < start_ms),
        timestamps_ms.partition_point(|&time| time <= end_ms),
    );
    cut(timestamps_ms, range);
    cut(values, range);
    cut(starts_ms, range);
    if timestamps_ms.is_empty() {
        return Ok(false);
    }
    series.labels = labels_of(part, wanted).map_err(|error| corrupt(error.to_string()))?;
    Ok(true)
}

/// The positions of samples by time, each time once. A time comes up twice only where one chunk was read from
/// memory and from the store, so which of the two stays makes no difference.
fn order(timestamps_ms: &[i64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..timestamps_ms.len()).collect();
    order.sort_by_key(|at| timestamps_ms[*at]);
    order.dedup_by_key(|at| timestamps_ms[*at]);
    order
}

fn labels_of(part: &SeriesChunks, wanted: Option<&[String]>) -> Result<Labels, InvalidLabels> {
    match wanted {
        None => Labels::from_packed(&part.labels),
        Some(wanted) => {
            Labels::from_packed_where(&part.labels, |name| wanted.iter().any(|label| label == name))
        }
    }
}

/// Puts a column in order, unless there is none.
fn pick<T: Copy>(column: &mut Vec<T>, order: &[usize]) {
    if !column.is_empty() {
        *column = order.iter().map(|at| column[*at]).collect();
    }
}

/// Leaves the part of a column between two positions, if there is one.
fn cut<T>(column: &mut Vec<T>, (start, end): (usize, usize)) {
    column.truncate(end);
    if start > 0 && !column.is_empty() {
        column.drain(..start);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn chunk(samples: &[(i64, f64)]) -> Bytes {
        let (times, values): (Vec<i64>, Vec<f64>) = samples.iter().copied().unzip();
        vigie_chunk::seal(&times, &values).unwrap().into()
    }

    fn check(chunks: Vec<Bytes>, start_ms: i64, end_ms: i64, expected: &[(i64, f64)]) {
        let labels = Labels::from_pairs([("__name__", "m")]).unwrap();
        let part = SeriesChunks {
            labels: Bytes::copy_from_slice(labels.as_packed()),
            chunks,
        };
        let mut series = Series::default();
        let found = decode_series(&part, start_ms, end_ms, None, &mut series).unwrap();
        let samples: Vec<(i64, f64)> = series.timestamps_ms.into_iter().zip(series.values).collect();
        assert_eq!(found, !samples.is_empty());
        assert_eq!(samples, expected);
    }

    #[test]
    fn chunks_are_joined_and_cut() {
        let chunks = vec![chunk(&[(30, 3.0), (40, 4.0)]), chunk(&[(10, 1.0), (20, 2.0)])];
        check(
            chunks.clone(),
            0,
            100,
            &[(10, 1.0), (20, 2.0), (30, 3.0), (40, 4.0)],
        );
        check(chunks.clone(), 20, 30, &[(20, 2.0), (30, 3.0)]);
        check(chunks, 21, 29, &[]);
    }

    #[test]
    fn overlapping_chunks_give_each_time_once() {
        let chunks = vec![
            chunk(&[(10, 1.0), (30, 3.0)]),
            chunk(&[(20, 2.0)]),
            chunk(&[(10, 1.0), (30, 3.0)]),
        ];
        check(chunks, 0, 100, &[(10, 1.0), (20, 2.0), (30, 3.0)]);
    }

    #[test]
    fn start_times_follow_their_samples() {
        let started = |times: &[i64], starts: &[i64]| -> Bytes {
            let values: Vec<f64> = times.iter().map(|time| *time as f64).collect();
            vigie_chunk::seal_with_starts(times, &values, starts)
                .unwrap()
                .into()
        };
        let starts_of = |chunks: Vec<Bytes>, start_ms, end_ms| {
            let part = SeriesChunks {
                labels: Bytes::new(),
                chunks,
            };
            let mut series = Series {
                starts_ms: vec![7],
                ..Series::default()
            };
            decode_series(&part, start_ms, end_ms, None, &mut series).unwrap();
            (series.timestamps_ms, series.starts_ms)
        };
        let plain = chunk(&[(30, 3.0), (40, 4.0)]);
        assert_eq!(starts_of(vec![plain.clone()], 0, 100), (vec![30, 40], vec![]));
        let first = started(&[10, 20], &[5, 15]);
        let joined = (vec![10, 20, 30, 40], vec![5, 15, 0, 0]);
        assert_eq!(starts_of(vec![plain.clone(), first.clone()], 0, 100), joined);
        assert_eq!(
            starts_of(vec![first.clone(), plain.clone()], 20, 30),
            (vec![20, 30], vec![15, 0])
        );
        // One in the middle of another, and one twice.
        let around = started(&[5, 50], &[1, 2]);
        let chunks = vec![around.clone(), first, plain, around];
        let merged = (vec![5, 10, 20, 30, 40, 50], vec![1, 5, 15, 0, 0, 2]);
        assert_eq!(starts_of(chunks, 0, 100), merged);
    }

    #[test]
    fn a_damaged_chunk_is_an_error() {
        let mut bytes = chunk(&[(10, 1.0), (20, 2.5), (30, 9.0)]).to_vec();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let part = SeriesChunks {
            labels: Bytes::new(),
            chunks: vec![bytes.into()],
        };
        assert!(decode_series(&part, 0, 100, None, &mut Series::default()).is_err());
    }
}
