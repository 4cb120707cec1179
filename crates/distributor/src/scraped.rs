//! Samples that scrapers send: columns over packed label sets.

use vigie_model::{Exemplar, InvalidLabels, Labels};
use vigie_proto::v1;

use crate::error::WriteError;
use crate::exemplars::SeriesExemplar;
use crate::ingest::{Family, Row, SeriesSource};
use crate::series_cache::{SeriesKey, SeriesKeyer};

/// A [`v1::WriteRequest`] whose columns agree in length.
pub(crate) struct ScrapedRows<'a> {
    request: &'a v1::WriteRequest,
    /// Of the rows, then of the series with exemplars.
    keys: Vec<SeriesKey>,
    label_ends: Vec<usize>,
    families: Vec<Family<'a>>,
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
        })
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
            .map(|((&timestamp_ms, &bits), series)| Row {
                series,
                timestamp_ms,
                value: f64::from_bits(bits),
            })
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
