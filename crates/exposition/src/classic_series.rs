//! Classic histograms of the text formats as native ones with custom buckets.

use std::borrow::Cow;

use vigie_model::{MetricKind, parse_go_float};

use crate::classic::ClassicHistogram;
use crate::entry::ExemplarItem;
use crate::labels::LabelPair;
use crate::start_times::StartTimes;
use crate::{Entry, Exemplars, HistogramSeries, NativeValue, ParseError, Series, series_text};

/// Collects neighbouring series that make up a classic histogram, and gives the histogram behind them.
#[derive(Debug)]
pub(crate) struct ClassicConverter<'a> {
    entries: StartTimes<'a>,
    keep_classic: bool,
    /// What the last TYPE line named, if it is a histogram.
    family: Option<Cow<'a, str>>,
    /// The metric that is being collected: its labels but for `le`, sorted.
    metric: Option<Vec<LabelPair<'a>>>,
    timestamp_ms: Option<i64>,
    start_timestamp_ms: Option<i64>,
    classic: ClassicHistogram,
    raw: Vec<u8>,
    exemplar_text: Vec<u8>,
    exemplar_items: Vec<ExemplarItem>,
    /// Read already, but to be given after the histogram before it.
    held: Option<Entry<'a>>,
}

/// A series of a classic histogram.
struct Part<'a> {
    metric: Vec<LabelPair<'a>>,
    role: Role,
}

enum Role {
    Count,
    Sum,
    Bucket(f64),
}

impl<'a> ClassicConverter<'a> {
    pub(crate) fn new(entries: StartTimes<'a>, keep_classic: bool) -> ClassicConverter<'a> {
        ClassicConverter {
            entries,
            keep_classic,
            family: None,
            metric: None,
            timestamp_ms: None,
            start_timestamp_ms: None,
            classic: ClassicHistogram::default(),
            raw: Vec::new(),
            exemplar_text: Vec::new(),
            exemplar_items: Vec::new(),
            held: None,
        }
    }

    pub(crate) fn next(&mut self) -> Result<Option<Entry<'_>>, ParseError> {
        loop {
            let entry = match self.held.take() {
                Some(held) => Some(held),
                None => self.entries.next()?,
            };
            let part = match &entry {
                Some(Entry::Series(series)) => self.part_of(series),
                _ => None,
            };
            let goes_on = match (&part, &self.metric) {
                (Some(part), Some(metric)) => part.metric == *metric,
                _ => false,
            };
            if !goes_on && let Some(value) = self.finish() {
                self.held = entry;
                return Ok(Some(self.histogram(value)));
            }
            match (part, &entry) {
                (Some(part), Some(Entry::Series(series))) => {
                    self.collect(part, series);
                    if self.keep_classic {
                        return Ok(entry);
                    }
                }
                (_, Some(Entry::Type { name, kind })) => {
                    self.family = (*kind == MetricKind::Histogram).then(|| name.clone());
                    return Ok(entry);
                }
                _ => return Ok(entry),
            }
        }
    }

    /// Malformed series are left to whoever stores them.
    fn part_of(&self, series: &Series<'a>) -> Option<Part<'a>> {
        let family = self.family.as_deref()?;
        let mut metric = series.labels().ok()?;
        let (_, name) = metric.remove(0);
        let role = match name.strip_prefix(family)? {
            "_count" => Role::Count,
            "_sum" => Role::Sum,
            "_bucket" => {
                let at = metric.iter().position(|(label, _)| label == "le")?;
                let (_, bound) = metric.remove(at);
                Role::Bucket(parse_go_float(&bound).filter(|bound| !bound.is_nan())?)
            }
            _ => return None,
        };
        if !matches!(role, Role::Bucket(_)) {
            metric.retain(|(label, _)| label != "le");
        }
        metric.sort_unstable();
        Some(Part { metric, role })
    }

    fn collect(&mut self, part: Part<'a>, series: &Series<'a>) {
        if self.metric.is_none() {
            self.metric = Some(part.metric);
            self.timestamp_ms = series.timestamp_ms;
            self.start_timestamp_ms = series.start_timestamp_ms;
            self.exemplar_text.clear();
            self.exemplar_items.clear();
        }
        match part.role {
            Role::Count => self.classic.set_count(series.value),
            Role::Sum => self.classic.set_sum(series.value),
            Role::Bucket(bound) => self.classic.set_bucket(bound, series.value),
        }
        // Without a time of its own an exemplar of a native histogram does not count.
        if let Some(exemplar) = series.exemplar.filter(|exemplar| exemplar.timestamp_ms.is_some()) {
            let start = self.exemplar_text.len();
            self.exemplar_text.extend_from_slice(exemplar.raw_labels);
            self.exemplar_items.push(ExemplarItem {
                labels: start..self.exemplar_text.len(),
                value: exemplar.value,
                timestamp_ms: exemplar.timestamp_ms,
            });
        }
    }

    /// Ends the metric being collected. Nothing if there is none or its series contradict each other.
    fn finish(&mut self) -> Option<NativeValue> {
        let metric = self.metric.take()?;
        let value = self.classic.convert().ok()?;
        let is_valid = match &value {
            NativeValue::Integer(histogram) => histogram.validate().is_ok(),
            NativeValue::Float(histogram) => histogram.validate().is_ok(),
        };
        let pairs: Vec<(&str, &str)> = metric.iter().map(|(name, value)| (&**name, &**value)).collect();
        self.raw.clear();
        let family = self.family.as_deref().unwrap_or_default();
        series_text::start_series(&mut self.raw, family, "", &pairs);
        series_text::finish_series(&mut self.raw);
        is_valid.then_some(value)
    }

    fn histogram(&self, value: NativeValue) -> Entry<'_> {
        Entry::Histogram(Box::new(HistogramSeries {
            raw: &self.raw,
            kind: MetricKind::Histogram,
            value,
            timestamp_ms: self.timestamp_ms,
            start_timestamp_ms: self.start_timestamp_ms,
            exemplars: Exemplars {
                text: &self.exemplar_text,
                items: &self.exemplar_items,
            },
        }))
    }
}
