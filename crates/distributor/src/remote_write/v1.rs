//! Version 1.0: `prometheus.WriteRequest`.

use vigie_model::{InvalidLabels, Labels, MetricKind, TenantId};

use super::exemplars::{self, RawExemplars};
use super::histogram::scan_histogram;
use super::protobuf::{Reader, Value, metric_kind, read_sample, text, unreadable};
use super::rows;
use crate::error::WriteError;
use crate::exemplars::SeriesExemplar;
use crate::histograms::Histograms;
use crate::ingest::{Family, Row, SeriesSource};
use crate::series_cache::{LabelEncoding, SeriesKey, SeriesKeyer};

/// `TimeSeries.labels`: field 1, a message.
const LABEL_TAG: u8 = 1 << 3 | 2;

/// What a series with one sample takes at least, usually: as many are made room for at once.
const EXPECTED_SERIES_BYTES: usize = 128;

/// A request, scanned.
#[derive(Debug)]
pub(crate) struct RequestV1<'a> {
    keyer: SeriesKeyer,
    keys: Vec<SeriesKey>,
    series: Vec<RawSeries<'a>>,
    /// All samples, series by series.
    samples: Vec<(i64, f64)>,
    families: Vec<Family<'a>>,
    exemplars: RawExemplars<'a>,
    histograms: Histograms,
}

/// One `TimeSeries` message.
#[derive(Debug, Clone, Copy)]
struct RawSeries<'a> {
    /// The label fields with their tags. Where a sender put other fields in between, the whole
    /// message stands in: its bytes still name the series, only less stably.
    labels: &'a [u8],
    /// Where this series' samples end in [`RequestV1::samples`].
    samples_end: usize,
}

impl<'a> RequestV1<'a> {
    pub(crate) fn scan(
        decoded: &'a [u8],
        secret: u64,
        tenant: &TenantId,
    ) -> Result<RequestV1<'a>, WriteError> {
        let expected = decoded.len() / EXPECTED_SERIES_BYTES + 1;
        let mut request = RequestV1 {
            keyer: SeriesKeyer::new(secret, tenant.as_str(), LabelEncoding::RemoteWriteV1),
            keys: Vec::new(),
            series: Vec::with_capacity(expected),
            samples: Vec::with_capacity(expected),
            families: Vec::new(),
            exemplars: Vec::new(),
            histograms: Histograms::default(),
        };
        let mut reader = Reader { rest: decoded };
        while let Some(field) = reader.field()? {
            match field {
                (1, Value::Bytes(series)) => request.scan_series(series)?,
                (3, Value::Bytes(metadata)) => request.scan_metadata(metadata)?,
                (1 | 3, _) => return Err(unreadable("a series or metadata field is not a message")),
                _ => {}
            }
        }
        request.keys = request
            .series
            .iter()
            .map(|series| request.keyer.key(series.labels))
            .collect();
        Ok(request)
    }

    fn scan_series(&mut self, message: &'a [u8]) -> Result<(), WriteError> {
        let mut reader = Reader { rest: message };
        let mut labels_end = 0;
        let mut contiguous = true;
        let mut only_labels = true;
        // Labels come first and are short: tag, one byte of length, content. The loop below would read
        // them as well, at several times the cost, which here is most of the cost of a scan.
        while let [LABEL_TAG, length @ ..0x80, rest @ ..] = reader.rest
            && let Some((_, rest)) = rest.split_at_checked(usize::from(*length))
        {
            reader.rest = rest;
            labels_end = message.len() - rest.len();
        }
        while let Some(field) = reader.field()? {
            match field {
                (1, Value::Bytes(_)) => {
                    contiguous &= only_labels;
                    labels_end = message.len() - reader.rest.len();
                }
                (2, Value::Bytes(sample)) => {
                    only_labels = false;
                    self.samples.push(read_sample(sample)?);
                }
                (3, Value::Bytes(exemplar)) => {
                    only_labels = false;
                    self.exemplars.push((self.series.len() as u32, exemplar));
                }
                (4, Value::Bytes(histogram)) => {
                    only_labels = false;
                    scan_histogram(histogram, self.series.len(), &mut self.histograms)?;
                }
                (1 | 2 | 4, _) => {
                    return Err(unreadable("a label, sample or histogram field is not a message"));
                }
                _ => only_labels = false,
            }
        }
        let labels = if contiguous {
            &message[..labels_end]
        } else {
            message
        };
        self.series.push(RawSeries {
            labels,
            samples_end: self.samples.len(),
        });
        Ok(())
    }

    fn scan_metadata(&mut self, message: &'a [u8]) -> Result<(), WriteError> {
        let mut reader = Reader { rest: message };
        let (mut name, mut help, mut unit) = ("", "", "");
        let mut kind = MetricKind::Unknown;
        while let Some(field) = reader.field()? {
            match field {
                (1, Value::Varint(number)) => kind = metric_kind(number),
                (2, Value::Bytes(bytes)) => name = text(bytes)?,
                (4, Value::Bytes(bytes)) => help = text(bytes)?,
                (5, Value::Bytes(bytes)) => unit = text(bytes)?,
                _ => {}
            }
        }
        let fingerprint = self.keyer.fingerprint([name, kind.as_str(), unit, help]);
        self.families.push(Family {
            fingerprint,
            name,
            kind,
            help,
            unit,
        });
        Ok(())
    }
}

impl SeriesSource for RequestV1<'_> {
    fn keys(&self) -> &[SeriesKey] {
        &self.keys
    }

    fn labels(&self, series: usize) -> Result<Labels, InvalidLabels> {
        decode_labels(self.series[series].labels)
    }

    fn rows(&self) -> impl Iterator<Item = Row> + Send {
        rows(
            &self.samples,
            &[],
            self.series.iter().map(|series| series.samples_end),
        )
    }

    fn families(&self) -> &[Family<'_>] {
        &self.families
    }

    fn histograms(&self) -> &Histograms {
        &self.histograms
    }

    fn exemplars(&self) -> Vec<SeriesExemplar> {
        exemplars::decode(&self.exemplars, exemplars::labels_v1)
    }
}

/// Decodes the labels of a scanned series: sorted, empty values dropped.
fn decode_labels(raw: &[u8]) -> Result<Labels, InvalidLabels> {
    let mut pairs = Vec::with_capacity(16);
    let mut reader = Reader { rest: raw };
    // The scan has been through these bytes, so only the texts can still be wrong.
    while let Some((number, value)) = reader.field().map_err(|_| InvalidLabels::Truncated)? {
        if let (1, Value::Bytes(label)) = (number, value) {
            let mut name = &[][..];
            let mut value = &[][..];
            let mut reader = Reader { rest: label };
            while let Some(field) = reader.field().map_err(|_| InvalidLabels::Truncated)? {
                match field {
                    (1, Value::Bytes(bytes)) => name = bytes,
                    (2, Value::Bytes(bytes)) => value = bytes,
                    _ => {}
                }
            }
            let utf8 = |bytes| std::str::from_utf8(bytes).map_err(|_| InvalidLabels::NotUtf8);
            pairs.push((utf8(name)?, utf8(value)?));
        }
    }
    Labels::from_pairs(pairs)
}

#[cfg(test)]
mod tests;
