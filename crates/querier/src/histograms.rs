//! Series with native histograms, from chunks to what the engine computes with.

use vigie_chunk::{ChunkError, HistogramSample, SeriesSamples, read_series};
use vigie_model::{CounterResetHint, FloatHistogram};
use vigie_promql::Series;

/// Decodes chunks of which some hold histograms into `series`, and cuts the samples to `start_ms..=end_ms`. The
/// labels are left alone. False if nothing is left.
pub(crate) fn decode_mixed(
    chunks: &[&[u8]],
    start_ms: i64,
    end_ms: i64,
    series: &mut Series,
) -> Result<bool, ChunkError> {
    let samples = read_series(chunks)?;
    let is_within = |time_ms: i64| (start_ms..=end_ms).contains(&time_ms);
    let from = samples.times_ms.partition_point(|time_ms| *time_ms < start_ms);
    let to = samples.times_ms.partition_point(|time_ms| *time_ms <= end_ms);
    let Series {
        labels: _,
        timestamps_ms,
        values,
        starts_ms,
        histograms,
        histogram_starts_ms,
    } = series;
    timestamps_ms.clear();
    timestamps_ms.extend_from_slice(&samples.times_ms[from..to]);
    values.clear();
    values.extend_from_slice(&samples.values[from..to]);
    starts_ms.clear();
    starts_ms.extend_from_slice(samples.starts_ms.get(from..to).unwrap_or_default());
    histograms.clear();
    // Hints depend on the histogram before, which may be out of the range.
    let hinted = with_hints(&samples).into_iter();
    histograms.extend(hinted.filter(|(time_ms, _)| is_within(*time_ms)));
    histogram_starts_ms.clear();
    let within = samples
        .histograms
        .iter()
        .filter(|sample| is_within(sample.time_ms));
    if within.clone().any(|sample| sample.start_ms != 0) {
        histogram_starts_ms.extend(within.map(|sample| sample.start_ms));
    }
    Ok(!timestamps_ms.is_empty() || !histograms.is_empty())
}

/// The histograms with the hints that Prometheus's storage gives them: those that senders give are kept in
/// the store, but only a gauge is believed to be one, as between a histogram and the one that is stored
/// before it others may have been lost.
///
/// A histogram that goes on in the chunk of the one before is known not to be a reset. Prometheus cuts
/// chunks where the layout changes in a way that cannot be brought together and where the counter was reset,
/// and nothing is said across chunks.
fn with_hints(samples: &SeriesSamples) -> Vec<(i64, FloatHistogram)> {
    let mut hinted: Vec<(i64, FloatHistogram)> = Vec::with_capacity(samples.histograms.len());
    for HistogramSample {
        time_ms, histogram, ..
    } in &samples.histograms
    {
        let mut histogram = histogram.to_float();
        if histogram.counter_reset_hint != CounterResetHint::Gauge {
            let sent = std::mem::take(&mut histogram.counter_reset_hint);
            let goes_on = hinted.last().is_some_and(|(before_ms, previous)| {
                sent != CounterResetHint::Reset
                    && !has_float_between(&samples.times_ms, *before_ms, *time_ms)
                    && goes_on_in_chunk(previous, &histogram)
            });
            if goes_on {
                histogram.counter_reset_hint = CounterResetHint::NotReset;
            }
        }
        hinted.push((*time_ms, histogram));
    }
    hinted
}

fn goes_on_in_chunk(previous: &FloatHistogram, histogram: &FloatHistogram) -> bool {
    previous.counter_reset_hint != CounterResetHint::Gauge
        && !previous.is_stale()
        && previous.schema == histogram.schema
        && previous.zero_threshold == histogram.zero_threshold
        && previous.custom_values == histogram.custom_values
        && !histogram.is_reset_after(previous)
}

fn has_float_between(float_times_ms: &[i64], from_ms: i64, to_ms: i64) -> bool {
    let after = float_times_ms.partition_point(|time_ms| *time_ms < from_ms);
    float_times_ms.get(after).is_some_and(|time_ms| *time_ms < to_ms)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use vigie_chunk::{FlatHistogram, seal, seal_histograms, seal_with_starts};
    use vigie_model::{Histogram, Labels, Span};
    use vigie_proto::v1::SeriesChunks;

    use crate::decode::decode_series;

    use super::*;

    fn counting(time_ms: i64, count: i64, hint: CounterResetHint) -> HistogramSample {
        let histogram = Histogram {
            counter_reset_hint: hint,
            count: count as u64,
            sum: count as f64,
            positive_spans: vec![Span { offset: 0, length: 1 }],
            positive_deltas: vec![count],
            ..Histogram::default()
        };
        HistogramSample {
            time_ms,
            start_ms: 5,
            histogram: FlatHistogram::from_integer(&histogram).unwrap(),
        }
    }

    fn decoded(chunks: Vec<Vec<u8>>, start_ms: i64, end_ms: i64) -> Option<Series> {
        let labels = Labels::from_pairs([("__name__", "m")]).unwrap();
        let part = SeriesChunks {
            labels: Bytes::copy_from_slice(labels.as_packed()),
            chunks: chunks.into_iter().map(Bytes::from).collect(),
        };
        let mut series = Series::default();
        decode_series(&part, start_ms, end_ms, None, &mut series)
            .unwrap()
            .then_some(series)
    }

    #[test]
    fn floats_and_histograms_come_in_columns_of_their_own() {
        use CounterResetHint::Unknown;
        let chunks = || {
            let histograms = [counting(10, 1, Unknown), counting(20, 2, Unknown)];
            vec![
                seal(&[30, 40], &[3.0, 4.0]).unwrap(),
                seal_histograms(&histograms).unwrap(),
            ]
        };
        let series = decoded(chunks(), 20, 30).unwrap();
        assert_eq!(series.labels.to_string(), r#"{__name__="m"}"#);
        assert_eq!((series.timestamps_ms, series.values), (vec![30], vec![3.0]));
        assert_eq!(series.histograms.len(), 1);
        assert_eq!((series.histograms[0].0, series.histograms[0].1.count), (20, 2.0));
        assert_eq!(series.histogram_starts_ms, [5]);
        assert!(decoded(chunks(), 21, 29).is_none());
        assert!(decoded(chunks(), 35, 99).unwrap().histograms.is_empty());
    }

    #[test]
    fn floats_beside_histograms_keep_their_start_times() {
        let chunks = vec![
            seal_histograms(&[counting(10, 1, CounterResetHint::Unknown)]).unwrap(),
            seal(&[20], &[3.0]).unwrap(),
            seal_with_starts(&[30, 40], &[3.0, 4.0], &[25, 26]).unwrap(),
        ];
        let series = decoded(chunks, 0, 30).unwrap();
        assert_eq!(
            (series.timestamps_ms, series.starts_ms),
            (vec![20, 30], vec![0, 25])
        );
        assert_eq!(series.histogram_starts_ms, [5]);
    }

    #[test]
    fn hints_are_those_of_prometheus() {
        use CounterResetHint::{Gauge, NotReset, Reset, Unknown};
        let histograms = [
            counting(10, 1, NotReset),
            counting(20, 2, Unknown),
            counting(30, 1, Unknown),
            counting(40, 3, Unknown),
            counting(60, 4, Unknown),
            counting(70, 5, Reset),
            counting(80, 6, Gauge),
            counting(90, 7, Unknown),
        ];
        let chunks = vec![
            seal_histograms(&histograms).unwrap(),
            seal(&[50], &[0.0]).unwrap(),
        ];
        let series = decoded(chunks, 0, 100).unwrap();
        let hints: Vec<CounterResetHint> = series
            .histograms
            .iter()
            .map(|(_, histogram)| histogram.counter_reset_hint)
            .collect();
        assert_eq!(
            hints,
            [
                Unknown, NotReset, Unknown, NotReset, Unknown, Unknown, Gauge, Unknown
            ]
        );
    }
}
