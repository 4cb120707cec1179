//! From encoded chunks to columns.

use tonic::Status;
use vigie_chunk::{ChunkInfo, ChunkValues, decode_into};
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
        decode_into(bytes, timestamps_ms, values).map_err(|error| corrupt(error.to_string()))?;
    }
    if overlap {
        (*timestamps_ms, *values) = merge(timestamps_ms, values);
    }
    cut(timestamps_ms, values, start_ms, end_ms);
    if timestamps_ms.is_empty() {
        return Ok(false);
    }
    series.labels = labels_of(part, wanted).map_err(|error| corrupt(error.to_string()))?;
    Ok(true)
}

fn labels_of(part: &SeriesChunks, wanted: Option<&[String]>) -> Result<Labels, InvalidLabels> {
    match wanted {
        None => Labels::from_packed(&part.labels),
        Some(wanted) => {
            Labels::from_packed_where(&part.labels, |name| wanted.iter().any(|label| label == name))
        }
    }
}

/// Sorts samples by time. A time comes up twice only where one chunk was read from memory and from
/// the store, so which of the two stays makes no difference.
fn merge(timestamps_ms: &[i64], values: &[f64]) -> (Vec<i64>, Vec<f64>) {
    let mut samples: Vec<(i64, f64)> = timestamps_ms
        .iter()
        .copied()
        .zip(values.iter().copied())
        .collect();
    samples.sort_by_key(|&(time, _)| time);
    samples.dedup_by_key(|&mut (time, _)| time);
    samples.into_iter().unzip()
}

fn cut(timestamps_ms: &mut Vec<i64>, values: &mut Vec<f64>, start_ms: i64, end_ms: i64) {
    let end = timestamps_ms.partition_point(|&time| time <= end_ms);
    timestamps_ms.truncate(end);
    values.truncate(end);
    let start = timestamps_ms.partition_point(|&time| time < start_ms);
    if start > 0 {
        timestamps_ms.drain(..start);
        values.drain(..start);
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
