//! Samples that scrapers send: columns over packed label sets.

use vigie_chunk::FlatHistogram;
use vigie_model::{Exemplar, InvalidLabels, Labels};
use vigie_proto::v1;

use crate::error::WriteError;
use crate::exemplars::SeriesExemplar;
use crate::histograms::Histograms;
use crate::ingest::{Family, NO_HISTOGRAM, Row, SeriesSource};
use crate::series_cache::{SeriesKey, SeriesKeyer};

/// A [`v1::WriteRequest`] whose columns agree in length.
pub(crate) struct ScrapedRows<'a> {
    request: &'a v1::WriteRequest,
    /// Of the rows, then of the series with exemplars.
    keys: Vec<SeriesKey>,
    label_ends: Vec<usize>,
    families: Vec<Family<'a>>,
    histograms: Histograms,
    /// Rows that are histograms.
    histogram_rows: &'a [u32],
    /// When the value of each row began to count, 0 where that is not known; or empty.
    starts_ms: &'a [i64],
}

impl<'a> ScrapedRows<'a> {
    pub(crate) fn new(
        request: &'a v1::WriteRequest,
        keyer: SeriesKeyer,
    ) -> Result<ScrapedRows<'a>, WriteError> {
        let rows = request.label_lengths.len();
        if request.timestamps_ms.len() != rows || request.value_bits.len() != rows {
            return Err(WriteError::Malformed(
                "columns of a write request differ in length".to_owned(),
            ));
        }
        let starts_ms = &request.start_timestamps_ms;
        if !starts_ms.is_empty() && starts_ms.len() != rows {
            return Err(WriteError::Malformed(
                "start timestamps of a write request differ in number from its rows".to_owned(),
            ));
        }
        let histograms = histograms(request)?;
        let mut keys = Vec::with_capacity(rows);
        let mut label_ends = Vec::with_capacity(rows);
        let mut start = 0usize;
        for &length in &request.label_lengths {
            let end = start + length as usize;
            let raw = request
                .labels
                .get(start..end)
                .ok_or_else(|| WriteError::Malformed("labels of a write request are truncated".to_owned()))?;
            keys.push(keyer.key(raw));
            label_ends.push(end);
            start = end;
        }
        keys.extend(request.exemplars.iter().map(|series| keyer.key(&series.labels)));
        let families = request
            .metadata
            .iter()
            .map(|family| {
                let kind = family.metadata().kind;
                Family {
                    fingerprint: keyer.fingerprint([&family.name, kind.as_str(), &family.unit, &family.help]),
                    name: &family.name,
                    kind,
                    help: &family.help,
                    unit: &family.unit,
                }
            })
            .collect();
        Ok(ScrapedRows {
            request,
            keys,
            label_ends,
            families,
            histograms,
            histogram_rows: &request.histogram_rows,
            starts_ms,
        })
    }

    /// Where start times are not kept.
    pub(crate) fn forget_starts(&mut self) {
        self.starts_ms = &[];
        self.histograms.forget_starts();
    }
}

impl SeriesSource for ScrapedRows<'_> {
    fn keys(&self) -> &[SeriesKey] {
        &self.keys
    }

    fn labels(&self, series: usize) -> Result<Labels, InvalidLabels> {
        if let Some(beyond) = series.checked_sub(self.label_ends.len()) {
            return Labels::from_packed(&self.request.exemplars[beyond].labels);
        }
        let start = series
            .checked_sub(1)
            .map_or(0, |previous| self.label_ends[previous]);
        Labels::from_packed(&self.request.labels[start..self.label_ends[series]])
    }

    fn rows(&self) -> impl Iterator<Item = Row> + Send {
        self.request
            .timestamps_ms
            .iter()
            .zip(&self.request.value_bits)
            .zip(0..)
            .filter({
                let mut histogram_rows = self.histogram_rows.iter().peekable();
                move |(_, series)| histogram_rows.next_if(|row| *row == series).is_none()
            })
            .map(|((&timestamp_ms, &bits), series)| Row {
                series,
                histogram: NO_HISTOGRAM,
                timestamp_ms,
                value: f64::from_bits(bits),
                start_ms: self.starts_ms.get(series as usize).copied().unwrap_or(0),
            })
    }

    fn histograms(&self) -> &Histograms {
        &self.histograms
    }

    fn families(&self) -> &[Family<'_>] {
        &self.families
    }

    /// What cannot be read is left out: an exemplar is no reason to refuse samples.
    fn exemplars(&self) -> Vec<SeriesExemplar> {
        let first = self.label_ends.len() as u32;
        (first..)
            .zip(&self.request.exemplars)
            .flat_map(|(series, of_series)| {
                let readable = of_series
                    .exemplars
                    .iter()
                    .filter_map(|wire| Exemplar::try_from(wire).ok());
                readable.map(move |exemplar| SeriesExemplar { series, exemplar })
            })
            .collect()
    }
}

/// The histogram column, if its rows ascend and are among the request's.
fn histograms(request: &v1::WriteRequest) -> Result<Histograms, WriteError> {
    let malformed = |what: &str| WriteError::Malformed(format!("histograms of a write request {what}"));
    let rows = &request.histogram_rows;
    if rows.len() != request.histograms.len() {
        return Err(malformed("differ in number from their rows"));
    }
    if rows.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err(malformed("are out of order"));
    }
    let start_of = |row: u32| {
        request
            .start_timestamps_ms
            .get(row as usize)
            .copied()
            .unwrap_or(0)
    };
    let mut histograms = Histograms::default();
    for (&row, record) in rows.iter().zip(&request.histograms) {
        let timestamp_ms = request
            .timestamps_ms
            .get(row as usize)
            .ok_or_else(|| malformed("have no row"))?;
        let mut rest = &record[..];
        // Here, as a shard would refuse the batch with all that is in it.
        match FlatHistogram::read(&mut rest) {
            Ok(histogram) if rest.is_empty() => match histogram.to_any().validate() {
                Ok(()) => histograms.push(row, (*timestamp_ms, start_of(row)), &histogram),
                Err(error) => histograms.refuse(row, *timestamp_ms, error.to_string()),
            },
            _ => return Err(malformed("are unreadable")),
        }
    }
    Ok(histograms)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use vigie_model::FloatHistogram;

    use crate::series_cache::LabelEncoding;

    use super::*;

    fn record(count: f64) -> Bytes {
        let histogram = FloatHistogram {
            count,
            ..FloatHistogram::default()
        };
        let mut record = Vec::new();
        FlatHistogram::from_float(&histogram).unwrap().write(&mut record);
        record.into()
    }

    /// Three rows; the second is a histogram, the third one that cannot be.
    fn request() -> v1::WriteRequest {
        let labels = Labels::from_pairs([("__name__", "m")]).unwrap();
        let packed = labels.as_packed();
        v1::WriteRequest {
            labels: packed.repeat(3).into(),
            label_lengths: vec![packed.len() as u32; 3],
            timestamps_ms: vec![1, 2, 3],
            value_bits: vec![1.5f64.to_bits(), 0, 0],
            histogram_rows: vec![1, 2],
            histograms: vec![record(1.0), record(-1.0)],
            ..v1::WriteRequest::default()
        }
    }

    fn read(request: &v1::WriteRequest) -> Result<ScrapedRows<'_>, WriteError> {
        ScrapedRows::new(request, SeriesKeyer::new(7, "test", LabelEncoding::Packed))
    }

    #[test]
    fn a_row_is_a_float_or_a_histogram() {
        let request = request();
        let scraped = read(&request).unwrap();
        let floats: Vec<_> = scraped
            .rows()
            .map(|row| (row.series, row.value, row.start_ms))
            .collect();
        assert_eq!(floats, [(0, 1.5, 0)]);
        let histograms: Vec<(u32, i64)> = scraped
            .histograms()
            .rows()
            .map(|row| (row.series, row.timestamp_ms))
            .collect();
        assert_eq!(histograms, [(1, 2)]);
        let refused = scraped.histograms().refused();
        assert_eq!((refused.len(), refused[0].0.series), (1, 2));
        assert!(
            refused[0].1.contains("observation count is negative"),
            "{}",
            refused[0].1
        );
    }

    #[test]
    fn floats_say_when_they_began_to_count() {
        let mut request = request();
        request.start_timestamps_ms = vec![-5, 6, 0];
        let mut scraped = read(&request).unwrap();
        let starts =
            |scraped: &ScrapedRows<'_>| -> Vec<i64> { scraped.rows().map(|row| row.start_ms).collect() };
        assert_eq!(starts(&scraped), [-5]);
        scraped.forget_starts();
        assert_eq!(starts(&scraped), [0]);
    }

    #[test]
    fn columns_that_contradict_are_refused() {
        let damages: [fn(&mut v1::WriteRequest); 6] = [
            |request| drop(request.histograms.pop()),
            |request| request.histogram_rows = vec![2, 1],
            |request| request.histogram_rows = vec![1, 3],
            |request| request.histograms[0] = request.histograms[0].slice(1..),
            |request| request.histograms[0] = [&request.histograms[0][..], b"x"].concat().into(),
            |request| request.start_timestamps_ms = vec![1],
        ];
        for (at, damage) in damages.into_iter().enumerate() {
            let mut request = request();
            damage(&mut request);
            assert!(
                matches!(read(&request), Err(WriteError::Malformed(_))),
                "damage {at}"
            );
        }
    }
}
