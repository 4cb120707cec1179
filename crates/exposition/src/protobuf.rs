//! Walks an exposition of length-delimited `io.prometheus.client.MetricFamily` messages.

mod error;
mod message;
mod wire;

use std::ops::Range;

use vigie_model::{CounterResetHint, FloatHistogram, Histogram, MetricKind, NORMAL_NAN_BITS, read_uvarint};

use crate::classic::ClassicHistogram;
use crate::entry::ExemplarItem;
use crate::number::format_openmetrics_float;
use crate::{Entry, Exemplars, ExpositionOptions, HistogramSeries, NativeValue, Series, series_text};
pub use error::{ProtobufError, ProtobufReason};
use message::{ExemplarFields, Family, Metric, Shape, Side};

/// Bytes a length may take: Prometheus's limit.
const MAX_LENGTH_BYTES: usize = 5;

/// Reads entries out of a buffer, in the order Prometheus gives them: what is said of a family, then each
/// of its metrics as one or more series.
///
/// The raw bytes of a series are made up: name and labels as the text format writes them. So a series has
/// one key whichever format it comes in.
#[derive(Debug)]
pub struct ProtobufParser<'a> {
    input: &'a [u8],
    /// Where the next family starts.
    position: usize,
    family_start: usize,
    options: ExpositionOptions,
    family: Family<'a>,
    kind: MetricKind,
    shape: Shape,
    /// The metric being read; the ones of the family before it are done.
    metric_index: usize,
    metric: Metric<'a>,
    step: Step,
    /// Name and labels of the current series.
    raw: Vec<u8>,
    /// How much of `raw` the buckets of a histogram, or the quantiles of a summary, have in common.
    raw_common: usize,
    exemplar_text: Vec<u8>,
    exemplar_items: Vec<ExemplarItem>,
    classic: ClassicHistogram,
    is_done: bool,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Family,
    Help,
    Unit,
    Type,
    Metric,
    Simple,
    Native,
    Count,
    Sum,
    /// The bucket or quantile with this index; one past the last is the bucket without a bound, if it is
    /// not among them.
    Part(usize),
    Custom,
}

/// What was found and is ready to be borrowed.
enum Found {
    Help,
    Unit,
    Type,
    Series { value: f64 },
    Histogram(NativeValue),
}

impl<'a> ProtobufParser<'a> {
    pub fn new(input: &'a [u8], options: ExpositionOptions) -> ProtobufParser<'a> {
        ProtobufParser {
            input,
            position: 0,
            family_start: 0,
            options,
            family: Family::default(),
            kind: MetricKind::Unknown,
            shape: Shape::Untyped,
            metric_index: 0,
            metric: Metric::default(),
            step: Step::Family,
            raw: Vec::new(),
            raw_common: 0,
            exemplar_text: Vec::new(),
            exemplar_items: Vec::new(),
            classic: ClassicHistogram::default(),
            is_done: false,
        }
    }

    /// The next entry. After an error or the end there is nothing more.
    #[expect(clippy::should_implement_trait, reason = "the entry borrows from the parser")]
    pub fn next(&mut self) -> Result<Option<Entry<'_>>, ProtobufError> {
        if self.is_done {
            return Ok(None);
        }
        self.exemplar_text.clear();
        self.exemplar_items.clear();
        match self.advance() {
            Ok(Some(found)) => Ok(Some(self.entry(found))),
            Ok(None) => {
                self.is_done = true;
                Ok(None)
            }
            Err(reason) => {
                self.is_done = true;
                Err(ProtobufError {
                    byte_offset: self.family_start,
                    reason,
                })
            }
        }
    }

    /// Takes steps until one finds something.
    fn advance(&mut self) -> Result<Option<Found>, ProtobufReason> {
        loop {
            match self.step {
                Step::Family => {
                    if self.position == self.input.len() {
                        return Ok(None);
                    }
                    self.start_family()?;
                }
                Step::Help => {
                    self.step = if self.family.unit.is_empty() {
                        Step::Type
                    } else {
                        Step::Unit
                    };
                    return Ok(Some(Found::Help));
                }
                Step::Unit => {
                    self.step = Step::Type;
                    return Ok(Some(Found::Unit));
                }
                Step::Type => {
                    self.step = Step::Metric;
                    return Ok(Some(Found::Type));
                }
                Step::Metric => self.start_metric()?,
                Step::Simple => {
                    self.step = Step::Metric;
                    self.name_series("");
                    series_text::finish_series(&mut self.raw);
                    self.take_exemplar(self.metric.exemplar)?;
                    return Ok(Some(Found::Series {
                        value: self.metric.value,
                    }));
                }
                Step::Native => return self.native().map(Some),
                Step::Count => {
                    self.step = Step::Sum;
                    self.name_series("_count");
                    series_text::finish_series(&mut self.raw);
                    return Ok(Some(Found::Series {
                        value: self.metric.histogram.observations(),
                    }));
                }
                Step::Sum => {
                    self.step = Step::Part(0);
                    self.name_series("_sum");
                    series_text::finish_series(&mut self.raw);
                    return Ok(Some(Found::Series {
                        value: self.metric.histogram.sum,
                    }));
                }
                Step::Part(index) => {
                    if let Some(value) = self.part(index)? {
                        return Ok(Some(Found::Series { value }));
                    }
                }
                Step::Custom => return self.custom().map(Some),
            }
        }
    }

    fn start_family(&mut self) -> Result<(), ProtobufReason> {
        self.family_start = self.position;
        let mut rest = &self.input[self.position..];
        let length = read_uvarint(&mut rest).ok_or(ProtobufReason::Truncated)?;
        let start = self.input.len() - rest.len();
        if start - self.position > MAX_LENGTH_BYTES {
            return Err(ProtobufReason::Length);
        }
        let message = usize::try_from(length)
            .ok()
            .and_then(|length| rest.get(..length))
            .ok_or(ProtobufReason::Truncated)?;
        self.position = start + message.len();
        self.family.read(message)?;
        self.metric_index = 0;
        // A family without metrics is not even looked at.
        if self.family.metrics.is_empty() {
            return Ok(());
        }
        if self.family.name.is_empty() {
            return Err(ProtobufReason::MetricName(String::new()));
        }
        (self.kind, self.shape) = match self.family.type_number {
            0 => (MetricKind::Counter, Shape::Counter),
            1 => (MetricKind::Gauge, Shape::Gauge),
            2 => (MetricKind::Summary, Shape::Summary),
            3 => (MetricKind::Unknown, Shape::Untyped),
            4 => (MetricKind::Histogram, Shape::Histogram),
            5 => (MetricKind::GaugeHistogram, Shape::Histogram),
            number => {
                return Err(ProtobufReason::MetricType {
                    metric: self.family.name.to_owned(),
                    number,
                });
            }
        };
        self.step = Step::Help;
        Ok(())
    }

    fn start_metric(&mut self) -> Result<(), ProtobufReason> {
        let Some(message) = self.family.metrics.get(self.metric_index) else {
            self.step = Step::Family;
            return Ok(());
        };
        self.metric_index += 1;
        self.metric.read(message, self.shape)?;
        self.step = match self.shape {
            Shape::Counter | Shape::Gauge | Shape::Untyped => Step::Simple,
            Shape::Summary => Step::Count,
            Shape::Histogram if self.is_native() => Step::Native,
            Shape::Histogram if self.options.convert_classic && !self.options.keep_classic => Step::Custom,
            Shape::Histogram => Step::Count,
        };
        Ok(())
    }

    fn is_native(&self) -> bool {
        self.options.native && self.metric.histogram.is_native()
    }

    /// A bucket or quantile, or what comes after the last.
    fn part(&mut self, index: usize) -> Result<Option<f64>, ProtobufReason> {
        self.step = Step::Part(index + 1);
        if self.shape == Shape::Summary {
            let Some(&(quantile, value)) = self.metric.quantiles.get(index) else {
                self.step = Step::Metric;
                return Ok(None);
            };
            self.name_part(index, "", "quantile", quantile);
            return Ok(Some(value));
        }
        if let Some(bucket) = self.metric.histogram.buckets.get(index).copied() {
            if bucket.upper_bound == f64::INFINITY {
                self.step = self.after_buckets();
            }
            self.name_part(index, "_bucket", "le", bucket.upper_bound);
            self.take_exemplar(bucket.exemplar)?;
            return Ok(Some(bucket.cumulative_count));
        }
        self.step = self.after_buckets();
        self.name_part(index, "_bucket", "le", f64::INFINITY);
        Ok(Some(self.metric.histogram.observations()))
    }

    fn after_buckets(&self) -> Step {
        if self.options.convert_classic && !self.is_native() {
            Step::Custom
        } else {
            Step::Metric
        }
    }

    fn native(&mut self) -> Result<Found, ProtobufReason> {
        let has_classic = !self.metric.histogram.buckets.is_empty();
        self.step = if self.options.keep_classic && has_classic {
            Step::Count
        } else {
            Step::Metric
        };
        let mut value = self.native_value()?;
        value.compact(0);
        self.name_series("");
        series_text::finish_series(&mut self.raw);
        self.take_native_exemplars()?;
        Ok(Found::Histogram(value))
    }

    fn native_value(&self) -> Result<NativeValue, ProtobufReason> {
        let fields = &self.metric.histogram;
        let is_float = fields.is_float();
        for (name, side) in [("positive", &fields.positive), ("negative", &fields.negative)] {
            let held = if is_float {
                side.counts.len()
            } else {
                side.deltas.len()
            };
            self.check_spans(name, side, held)?;
        }
        let counter_reset_hint = if self.kind == MetricKind::GaugeHistogram {
            CounterResetHint::Gauge
        } else {
            CounterResetHint::Unknown
        };
        if is_float {
            return Ok(NativeValue::Float(FloatHistogram {
                counter_reset_hint,
                schema: fields.schema,
                zero_threshold: fields.zero_threshold,
                zero_count: fields.zero_count_float,
                count: fields.count_float,
                sum: canonical(fields.sum),
                positive_spans: fields.positive.spans.clone(),
                positive_buckets: fields.positive.counts.clone(),
                negative_spans: fields.negative.spans.clone(),
                negative_buckets: fields.negative.counts.clone(),
                custom_values: [].into(),
            }));
        }
        Ok(NativeValue::Integer(Histogram {
            counter_reset_hint,
            schema: fields.schema,
            zero_threshold: fields.zero_threshold,
            zero_count: fields.zero_count,
            count: fields.count,
            sum: canonical(fields.sum),
            positive_spans: fields.positive.spans.clone(),
            positive_deltas: fields.positive.deltas.clone(),
            negative_spans: fields.negative.spans.clone(),
            negative_deltas: fields.negative.deltas.clone(),
            custom_values: [].into(),
        }))
    }

    fn check_spans(&self, name: &'static str, side: &Side, held: usize) -> Result<(), ProtobufReason> {
        let needed: u64 = side.spans.iter().map(|span| u64::from(span.length)).sum();
        if needed == held as u64 {
            return Ok(());
        }
        Err(ProtobufReason::Spans {
            metric: self.family.name.to_owned(),
            side: name,
            needed,
            held,
        })
    }

    /// The classic histogram as one with custom buckets.
    fn custom(&mut self) -> Result<Found, ProtobufReason> {
        self.step = Step::Metric;
        self.classic.clear();
        self.classic.set_count(self.metric.histogram.observations());
        self.classic.set_sum(canonical(self.metric.histogram.sum));
        for bucket in &self.metric.histogram.buckets {
            self.classic
                .set_bucket(bucket.upper_bound, bucket.cumulative_count);
        }
        let mut value = self.classic.convert().map_err(|reason| ProtobufReason::Classic {
            metric: self.family.name.to_owned(),
            reason: Box::new(reason),
        })?;
        if self.kind == MetricKind::GaugeHistogram {
            match &mut value {
                NativeValue::Integer(histogram) => histogram.counter_reset_hint = CounterResetHint::Gauge,
                NativeValue::Float(histogram) => histogram.counter_reset_hint = CounterResetHint::Gauge,
            }
        }
        self.name_series("");
        series_text::finish_series(&mut self.raw);
        self.take_native_exemplars()?;
        Ok(Found::Histogram(value))
    }

    fn name_series(&mut self, suffix: &str) {
        self.raw.clear();
        series_text::start_series(&mut self.raw, self.family.name, suffix, &self.metric.labels);
        self.raw_common = self.raw.len();
    }

    /// Names one of several series that differ in the last label; the first has index 0.
    fn name_part(&mut self, index: usize, suffix: &str, label: &str, value: f64) {
        if index == 0 {
            self.name_series(suffix);
        }
        self.raw.truncate(self.raw_common);
        series_text::finish_series_with(&mut self.raw, label, &format_openmetrics_float(value));
    }

    fn take_exemplar(&mut self, message: Option<&'a [u8]>) -> Result<(), ProtobufReason> {
        if let Some(message) = message {
            let exemplar = ExemplarFields::read(message)?;
            self.push_exemplar(&exemplar);
        }
        Ok(())
    }

    /// Those of the native histogram; if it has none, those of the classic buckets. Without a time of their
    /// own they do not count.
    fn take_native_exemplars(&mut self) -> Result<(), ProtobufReason> {
        let own = &self.metric.histogram.exemplars;
        let messages: Vec<&'a [u8]> = if own.is_empty() {
            let of_buckets = self.metric.histogram.buckets.iter();
            of_buckets.filter_map(|bucket| bucket.exemplar).collect()
        } else {
            own.clone()
        };
        for message in messages {
            let exemplar = ExemplarFields::read(message)?;
            if exemplar.timestamp_ms.is_some() {
                self.push_exemplar(&exemplar);
            }
        }
        Ok(())
    }

    fn push_exemplar(&mut self, exemplar: &ExemplarFields<'a>) {
        let start = self.exemplar_text.len();
        series_text::write_pairs(&mut self.exemplar_text, &exemplar.labels);
        self.exemplar_items.push(ExemplarItem {
            labels: Range {
                start,
                end: self.exemplar_text.len(),
            },
            value: canonical(exemplar.value),
            timestamp_ms: exemplar.timestamp_ms,
        });
    }

    fn entry(&self, found: Found) -> Entry<'_> {
        let name = self.family.name.into();
        let timestamp_ms = Some(self.metric.timestamp_ms).filter(|time| *time != 0);
        let start_timestamp_ms = Some(self.metric.start_timestamp_ms).filter(|time| *time != 0);
        let exemplars = Exemplars {
            text: &self.exemplar_text,
            items: &self.exemplar_items,
        };
        match found {
            Found::Help => Entry::Help {
                name,
                text: self.family.help.into(),
            },
            Found::Unit => Entry::Unit {
                name,
                unit: self.family.unit,
            },
            Found::Type => Entry::Type {
                name,
                kind: self.kind,
            },
            Found::Series { value } => Entry::Series(Series {
                raw: &self.raw,
                kind: self.kind,
                value: canonical(value),
                timestamp_ms,
                start_timestamp_ms,
                exemplar: exemplars.iter().next(),
            }),
            Found::Histogram(value) => Entry::Histogram(Box::new(HistogramSeries {
                raw: &self.raw,
                kind: self.kind,
                value,
                timestamp_ms,
                start_timestamp_ms,
                exemplars,
            })),
        }
    }
}

/// A target cannot forge a staleness marker.
fn canonical(value: f64) -> f64 {
    if value.is_nan() {
        f64::from_bits(NORMAL_NAN_BITS)
    } else {
        value
    }
}

#[cfg(test)]
mod tests;
