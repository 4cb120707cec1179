//! Version 2.0: `io.prometheus.write.v2.Request`.
//!
//! Texts are in a table of symbols, and a series lists the numbers of its symbols. The numbers mean
//! something within one request only, so a series is named by the hashes of its symbols: every
//! symbol is hashed once per request, however many series share it.

use vigie_model::{InvalidLabels, Labels, METRIC_NAME, TenantId};

use super::exemplars::{self, RawExemplars};
use super::histogram::scan_histogram;
use super::protobuf::{Reader, Value, metric_kind, read_started_sample, text, unreadable};
use super::rows;
use crate::error::WriteError;
use crate::exemplars::SeriesExemplar;
use crate::histograms::Histograms;
use crate::ingest::{Family, Row, SeriesSource};
use crate::series_cache::{LabelEncoding, SeriesKey, SeriesKeyer};

/// What an answer says at most; Prometheus says all, which for a broken sender is a line per series.
const MAX_COMPLAINTS: usize = 10;

/// A request, scanned.
#[derive(Debug)]
pub(crate) struct RequestV2<'a> {
    symbols: Vec<&'a [u8]>,
    keys: Vec<SeriesKey>,
    series: Vec<SymbolicSeries>,
    /// Symbol numbers, series by series: name, value, name, value.
    refs: Vec<u32>,
    /// All samples, series by series.
    samples: Vec<(i64, f64)>,
    /// When the samples began to count, 0 where that is not said: as many as there are samples up to the last
    /// that says so.
    starts_ms: Vec<i64>,
    families: Vec<Family<'a>>,
    exemplars: RawExemplars<'a>,
    histograms: Histograms,
}

/// One `TimeSeries` message.
#[derive(Debug, Clone, Copy)]
struct SymbolicSeries {
    /// Where its symbol numbers end in [`RequestV2::refs`].
    refs_end: usize,
    /// Where its samples end in [`RequestV2::samples`].
    samples_end: usize,
    histograms: usize,
}

/// Name and value of a label, not yet known to be text.
type Pair<'a> = (&'a [u8], &'a [u8]);

/// `Metadata` of a `TimeSeries`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct MetadataRefs {
    kind: u64,
    help: u32,
    unit: u32,
}

impl<'a> RequestV2<'a> {
    pub(crate) fn scan(
        decoded: &'a [u8],
        secret: u64,
        tenant: &TenantId,
    ) -> Result<RequestV2<'a>, WriteError> {
        let mut request = RequestV2 {
            symbols: Vec::new(),
            keys: Vec::new(),
            series: Vec::new(),
            refs: Vec::new(),
            samples: Vec::new(),
            starts_ms: Vec::new(),
            families: Vec::new(),
            exemplars: Vec::new(),
            histograms: Histograms::default(),
        };
        let mut metadata = Vec::new();
        let mut reader = Reader { rest: decoded };
        while let Some(field) = reader.field()? {
            match field {
                (4, Value::Bytes(symbol)) => request.symbols.push(symbol),
                (5, Value::Bytes(series)) => metadata.push(request.scan_series(series)?),
                (4 | 5, _) => return Err(unreadable("a symbol or series field has the wrong wire type")),
                _ => {}
            }
        }
        if request.symbols.first().is_some_and(|first| !first.is_empty()) {
            return Err(unreadable("symbol 0 is not the empty string"));
        }
        let keyer = SeriesKeyer::new(secret, tenant.as_str(), LabelEncoding::RemoteWriteV2);
        let hashes: Vec<u128> = request.symbols.iter().map(|symbol| keyer.hash(symbol)).collect();
        request.name_series(keyer, &hashes);
        request.collect_families(keyer, &metadata)?;
        Ok(request)
    }

    /// Where start times are not kept.
    pub(crate) fn forget_starts(&mut self) {
        self.starts_ms.clear();
        self.histograms.forget_starts();
    }

    /// Series that carry nothing are an error of the sender, unlike in version 1.0.
    pub(crate) fn complaints_of_empty_series(&self) -> Vec<String> {
        let mut samples_start = 0;
        let mut complaints = Vec::new();
        for (index, series) in self.series.iter().enumerate() {
            let is_empty = series.samples_end == samples_start && series.histograms == 0;
            samples_start = series.samples_end;
            if is_empty && complaints.len() < MAX_COMPLAINTS {
                complaints.push(self.complaint(index).unwrap_or_else(|| {
                    format!(
                        "TimeSeries must contain at least one sample or histogram for series {}",
                        self.describe(index)
                    )
                }));
            }
        }
        complaints
    }

    fn scan_series(&mut self, message: &'a [u8]) -> Result<MetadataRefs, WriteError> {
        let mut metadata = MetadataRefs::default();
        let mut histograms = 0;
        let samples_start = self.samples.len();
        let exemplars_start = self.exemplars.len();
        let mut reader = Reader { rest: message };
        while let Some(field) = reader.field()? {
            match field {
                (1, Value::Bytes(packed)) => {
                    let mut numbers = Reader { rest: packed };
                    while !numbers.rest.is_empty() {
                        self.refs.push(symbol_number(numbers.varint()?)?);
                    }
                }
                (1, Value::Varint(number)) => self.refs.push(symbol_number(number)?),
                (2, Value::Bytes(sample)) => {
                    let (sample, start_ms) = read_started_sample(sample)?;
                    if start_ms != 0 {
                        self.starts_ms.resize(self.samples.len(), 0);
                        self.starts_ms.push(start_ms);
                    }
                    self.samples.push(sample);
                }
                (3, Value::Bytes(histogram)) => {
                    scan_histogram(histogram, self.series.len(), &mut self.histograms)?;
                    histograms += 1;
                }
                (4, Value::Bytes(exemplar)) => {
                    self.exemplars.push((self.series.len() as u32, exemplar));
                }
                (5, Value::Bytes(message)) => metadata = read_metadata(message)?,
                (1..=3 | 5, _) => return Err(unreadable("a field of a series has the wrong wire type")),
                _ => {}
            }
        }
        // A series without samples is an error, whatever else it has.
        if self.samples.len() == samples_start && histograms == 0 {
            self.exemplars.truncate(exemplars_start);
        }
        self.series.push(SymbolicSeries {
            refs_end: self.refs.len(),
            samples_end: self.samples.len(),
            histograms,
        });
        Ok(metadata)
    }

    fn name_series(&mut self, keyer: SeriesKeyer, hashes: &[u128]) {
        let mut name = Vec::with_capacity(32 * size_of::<u128>());
        let mut start = 0;
        self.keys.reserve(self.series.len());
        for series in &self.series {
            name.clear();
            for &symbol in &self.refs[start..series.refs_end] {
                // A number beyond the table names no known series; the complaint comes with the labels.
                let hash = hashes.get(symbol as usize).copied().unwrap_or(u128::MAX);
                name.extend_from_slice(&hash.to_le_bytes());
            }
            start = series.refs_end;
            self.keys.push(keyer.key(&name));
        }
    }

    /// Neighbouring series usually belong to one family, which then is listed once.
    fn collect_families(&mut self, keyer: SeriesKeyer, metadata: &[MetadataRefs]) -> Result<(), WriteError> {
        let Some(name_symbol) = self
            .symbols
            .iter()
            .position(|symbol| *symbol == METRIC_NAME.as_bytes())
        else {
            return Ok(());
        };
        let mut previous = None;
        for (index, metadata) in metadata.iter().enumerate() {
            if *metadata == MetadataRefs::default() {
                continue;
            }
            let pairs = self.refs_of(index).chunks_exact(2);
            let name = pairs
                .filter(|pair| pair[0] as usize == name_symbol)
                .find_map(|pair| self.symbols.get(pair[1] as usize));
            let (Some(name), Some(help), Some(unit)) = (
                name,
                self.symbols.get(metadata.help as usize),
                self.symbols.get(metadata.unit as usize),
            ) else {
                return Err(unreadable("metadata refers to a symbol outside of the table"));
            };
            if previous == Some((name, *metadata)) {
                continue;
            }
            let kind = metric_kind(metadata.kind);
            let family = Family {
                fingerprint: keyer.fingerprint([name, kind.as_str().as_bytes(), unit, help]),
                name: text(name)?,
                kind,
                help: text(help)?,
                unit: text(unit)?,
            };
            previous = Some((name, *metadata));
            self.families.push(family);
        }
        Ok(())
    }

    fn refs_of(&self, series: usize) -> &[u32] {
        let start = series
            .checked_sub(1)
            .map_or(0, |previous| self.series[previous].refs_end);
        &self.refs[start..self.series[series].refs_end]
    }

    /// The label pairs, or what is wrong with the numbers.
    fn pairs(&self, series: usize) -> Result<Vec<Pair<'a>>, String> {
        let refs = self.refs_of(series);
        let whose = || format!("parsing labels for series {refs:?}");
        if !refs.len().is_multiple_of(2) {
            return Err(format!("{}: invalid labelRefs length {}", whose(), refs.len()));
        }
        let symbol = |number: u32| self.symbols.get(number as usize).copied();
        refs.chunks_exact(2)
            .map(|pair| match (symbol(pair[0]), symbol(pair[1])) {
                (Some(name), Some(value)) => Ok((name, value)),
                _ => Err(format!(
                    "{}: labelRefs {} (name) = {} (value) outside of symbols table (size {})",
                    whose(),
                    pair[0],
                    pair[1],
                    self.symbols.len()
                )),
            })
            .collect()
    }
}

impl SeriesSource for RequestV2<'_> {
    const MAX_COMPLAINTS: usize = MAX_COMPLAINTS;

    fn keys(&self) -> &[SeriesKey] {
        &self.keys
    }

    fn labels(&self, series: usize) -> Result<Labels, InvalidLabels> {
        let pairs = self.pairs(series).map_err(|_| InvalidLabels::Truncated)?;
        let utf8 = |bytes| std::str::from_utf8(bytes).map_err(|_| InvalidLabels::NotUtf8);
        let pairs: Result<Vec<_>, _> = pairs
            .into_iter()
            .map(|(name, value)| Ok((utf8(name)?, utf8(value)?)))
            .collect();
        Labels::from_pairs(pairs?)
    }

    fn rows(&self) -> impl Iterator<Item = Row> + Send {
        let ends = self.series.iter().map(|series| series.samples_end);
        rows(&self.samples, &self.starts_ms, ends)
    }

    fn families(&self) -> &[Family<'_>] {
        &self.families
    }

    fn histograms(&self) -> &Histograms {
        &self.histograms
    }

    fn exemplars(&self) -> Vec<SeriesExemplar> {
        exemplars::decode(&self.exemplars, |message| {
            exemplars::labels_v2(message, &self.symbols)
        })
    }

    fn exemplar_count(&self) -> usize {
        self.exemplars.len()
    }

    fn exemplar_rejection(&self, series: usize) -> Option<String> {
        Some(format!(
            "out of order exemplar for series {}",
            self.describe(series)
        ))
    }

    /// None if nothing is wrong with the labels.
    fn complaint(&self, series: usize) -> Option<String> {
        let mut pairs = match self.pairs(series) {
            Ok(pairs) => pairs,
            Err(complaint) => return Some(complaint),
        };
        let labels = self.labels(series);
        if labels
            .as_ref()
            .is_ok_and(|labels| labels.get(METRIC_NAME).is_some())
        {
            return None;
        }
        pairs.sort_unstable();
        let listed: Vec<String> = pairs
            .iter()
            .map(|(name, value)| {
                let (name, value) = (String::from_utf8_lossy(name), String::from_utf8_lossy(value));
                format!("{name}={}", vigie_model::quote_go(&value))
            })
            .collect();
        let listed = listed.join(", ");
        Some(match labels {
            Err(InvalidLabels::DuplicateName(name)) => {
                format!("invalid labels for series, labels {{{listed}}}, duplicated label {name}")
            }
            _ => format!("invalid metric name or labels, got {{{listed}}}"),
        })
    }

    fn rejection(&self, what: &str, row: Row) -> String {
        format!("{what} for series {}", self.describe(row.series as usize))
    }
}

fn symbol_number(number: u64) -> Result<u32, WriteError> {
    u32::try_from(number).map_err(|_| unreadable("a symbol's number is out of range"))
}

fn read_metadata(message: &[u8]) -> Result<MetadataRefs, WriteError> {
    let mut metadata = MetadataRefs::default();
    let mut reader = Reader { rest: message };
    while let Some(field) = reader.field()? {
        match field {
            (1, Value::Varint(kind)) => metadata.kind = kind,
            (3, Value::Varint(number)) => metadata.help = symbol_number(number)?,
            (4, Value::Varint(number)) => metadata.unit = symbol_number(number)?,
            (1 | 3 | 4, _) => return Err(unreadable("a metadata field has the wrong wire type")),
            _ => {}
        }
    }
    Ok(metadata)
}

#[cfg(test)]
mod tests;
