//! The messages of `io.prometheus.client`, decoded into buffers that are used again.

use vigie_model::Span;

use super::ProtobufReason;
use super::wire::{Fields, Value, zigzag};

type Outcome<T = ()> = Result<T, ProtobufReason>;

/// `MetricFamily`, its metrics not yet decoded.
#[derive(Debug, Clone, Default)]
pub(super) struct Family<'a> {
    pub(super) name: &'a str,
    pub(super) help: &'a str,
    pub(super) unit: &'a str,
    pub(super) type_number: u64,
    pub(super) metrics: Vec<&'a [u8]>,
}

impl<'a> Family<'a> {
    pub(super) fn read(&mut self, message: &'a [u8]) -> Outcome {
        self.metrics.clear();
        *self = Family {
            metrics: std::mem::take(&mut self.metrics),
            ..Family::default()
        };
        let mut fields = Fields::new(message);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => self.name = value.text("name")?,
                2 => self.help = value.text("help")?,
                3 => self.type_number = value.varint("type")?,
                4 => self.metrics.push(value.bytes("metric")?),
                5 => self.unit = value.text("unit")?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// `Metric` of any type. What a type does not have stays zero.
#[derive(Debug, Clone, Default)]
pub(super) struct Metric<'a> {
    pub(super) labels: Vec<(&'a str, &'a str)>,
    /// 0 if there is none.
    pub(super) timestamp_ms: i64,
    pub(super) start_timestamp_ms: i64,
    /// Of counters, gauges and metrics without a type.
    pub(super) value: f64,
    /// `Exemplar` of a counter.
    pub(super) exemplar: Option<&'a [u8]>,
    /// Of summaries.
    pub(super) quantiles: Vec<(f64, f64)>,
    /// Of histograms; count and sum of summaries as well.
    pub(super) histogram: HistogramFields<'a>,
}

/// `Histogram`.
#[derive(Debug, Clone, Default)]
pub(super) struct HistogramFields<'a> {
    pub(super) count: u64,
    pub(super) count_float: f64,
    pub(super) sum: f64,
    pub(super) buckets: Vec<Bucket<'a>>,
    pub(super) schema: i32,
    pub(super) zero_threshold: f64,
    pub(super) zero_count: u64,
    pub(super) zero_count_float: f64,
    pub(super) negative: Side,
    pub(super) positive: Side,
    /// `Exemplar`s of a native histogram.
    pub(super) exemplars: Vec<&'a [u8]>,
}

/// One side of a native histogram: deltas if counts are integers, counts if they are floats.
#[derive(Debug, Clone, Default)]
pub(super) struct Side {
    pub(super) spans: Vec<Span>,
    pub(super) deltas: Vec<i64>,
    pub(super) counts: Vec<f64>,
}

/// `Bucket` of a classic histogram.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bucket<'a> {
    pub(super) upper_bound: f64,
    pub(super) cumulative_count: f64,
    pub(super) exemplar: Option<&'a [u8]>,
}

/// Which of a metric's messages the family's type makes count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Counter,
    Gauge,
    Summary,
    Untyped,
    Histogram,
}

impl<'a> Metric<'a> {
    pub(super) fn read(&mut self, message: &'a [u8], shape: Shape) -> Outcome {
        self.clear();
        let mut fields = Fields::new(message);
        while let Some((number, value)) = fields.next()? {
            match (number, shape) {
                (1, _) => self.labels.push(read_label(value.bytes("label")?)?),
                (6, _) => self.timestamp_ms = value.varint("timestamp_ms")?.cast_signed(),
                (2, Shape::Gauge) | (5, Shape::Untyped) => self.read_value(value.bytes("value")?)?,
                (3, Shape::Counter) => self.read_counter(value.bytes("counter")?)?,
                (4, Shape::Summary) => self.read_summary(value.bytes("summary")?)?,
                (7, Shape::Histogram) => self.read_histogram(value.bytes("histogram")?)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.labels.clear();
        self.timestamp_ms = 0;
        self.start_timestamp_ms = 0;
        self.value = 0.0;
        self.exemplar = None;
        self.quantiles.clear();
        self.histogram.clear();
    }

    fn read_value(&mut self, message: &'a [u8]) -> Outcome {
        let mut fields = Fields::new(message);
        while let Some((number, value)) = fields.next()? {
            if number == 1 {
                self.value = value.double("value")?;
            }
        }
        Ok(())
    }

    fn read_counter(&mut self, message: &'a [u8]) -> Outcome {
        let mut fields = Fields::new(message);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => self.value = value.double("value")?,
                2 => self.exemplar = Some(value.bytes("exemplar")?),
                3 => self.start_timestamp_ms = read_timestamp_ms(value.bytes("start_timestamp")?)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn read_summary(&mut self, message: &'a [u8]) -> Outcome {
        let mut fields = Fields::new(message);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => self.histogram.count = value.varint("sample_count")?,
                2 => self.histogram.sum = value.double("sample_sum")?,
                3 => self.quantiles.push(read_quantile(value.bytes("quantile")?)?),
                4 => self.start_timestamp_ms = read_timestamp_ms(value.bytes("start_timestamp")?)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn read_histogram(&mut self, message: &'a [u8]) -> Outcome {
        let histogram = &mut self.histogram;
        let mut fields = Fields::new(message);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => histogram.count = value.varint("sample_count")?,
                2 => histogram.sum = value.double("sample_sum")?,
                3 => histogram.buckets.push(read_bucket(value.bytes("bucket")?)?),
                4 => histogram.count_float = value.double("sample_count_float")?,
                5 => histogram.schema = signed_32(value.varint("schema")?),
                6 => histogram.zero_threshold = value.double("zero_threshold")?,
                7 => histogram.zero_count = value.varint("zero_count")?,
                8 => histogram.zero_count_float = value.double("zero_count_float")?,
                9..=14 => histogram.read_side(number, value)?,
                15 => self.start_timestamp_ms = read_timestamp_ms(value.bytes("start_timestamp")?)?,
                16 => histogram.exemplars.push(value.bytes("exemplars")?),
                _ => {}
            }
        }
        Ok(())
    }
}

impl HistogramFields<'_> {
    fn clear(&mut self) {
        self.count = 0;
        self.count_float = 0.0;
        self.sum = 0.0;
        self.buckets.clear();
        self.schema = 0;
        self.zero_threshold = 0.0;
        self.zero_count = 0;
        self.zero_count_float = 0.0;
        self.exemplars.clear();
        for side in [&mut self.negative, &mut self.positive] {
            side.spans.clear();
            side.deltas.clear();
            side.counts.clear();
        }
    }

    /// Fields 9 to 11 are the negative side, 12 to 14 the positive one.
    fn read_side(&mut self, number: u64, value: Value<'_>) -> Outcome {
        let side = if number < 12 {
            &mut self.negative
        } else {
            &mut self.positive
        };
        match number {
            9 | 12 => side.spans.push(read_span(value.bytes("span")?)?),
            10 | 13 => value.signed("delta", &mut side.deltas)?,
            _ => value.doubles("count", &mut side.counts)?,
        }
        Ok(())
    }

    /// The number of observations; a float takes precedence.
    pub(super) fn observations(&self) -> f64 {
        or_integer(self.count_float, self.count)
    }

    pub(super) fn is_float(&self) -> bool {
        self.count_float > 0.0 || self.zero_count_float > 0.0
    }

    /// A native histogram without observations and with a zero threshold of 0 looks like a classic one
    /// unless it has a span of length 0.
    pub(super) fn is_native(&self) -> bool {
        !self.positive.spans.is_empty()
            || !self.negative.spans.is_empty()
            || self.zero_threshold > 0.0
            || self.zero_count > 0
    }
}

/// `Exemplar`.
#[derive(Debug, Clone, Default)]
pub(super) struct ExemplarFields<'a> {
    pub(super) labels: Vec<(&'a str, &'a str)>,
    pub(super) value: f64,
    pub(super) timestamp_ms: Option<i64>,
}

impl<'a> ExemplarFields<'a> {
    pub(super) fn read(message: &'a [u8]) -> Outcome<ExemplarFields<'a>> {
        let mut exemplar = ExemplarFields::default();
        let mut fields = Fields::new(message);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => exemplar.labels.push(read_label(value.bytes("label")?)?),
                2 => exemplar.value = value.double("value")?,
                3 => exemplar.timestamp_ms = Some(read_timestamp_ms(value.bytes("timestamp")?)?),
                _ => {}
            }
        }
        Ok(exemplar)
    }
}

#[inline]
fn read_label(message: &[u8]) -> Outcome<(&str, &str)> {
    let (mut name, mut text) = ("", "");
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => name = value.text("label name")?,
            2 => text = value.text("label value")?,
            _ => {}
        }
    }
    if name.is_empty() {
        return Err(ProtobufReason::LabelName(name.to_owned()));
    }
    Ok((name, text))
}

fn read_bucket(message: &[u8]) -> Outcome<Bucket<'_>> {
    let mut bucket = Bucket::default();
    let (mut count, mut count_float) = (0, 0.0);
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => count = value.varint("cumulative_count")?,
            2 => bucket.upper_bound = value.double("upper_bound")?,
            3 => bucket.exemplar = Some(value.bytes("exemplar")?),
            4 => count_float = value.double("cumulative_count_float")?,
            _ => {}
        }
    }
    bucket.cumulative_count = or_integer(count_float, count);
    Ok(bucket)
}

fn read_quantile(message: &[u8]) -> Outcome<(f64, f64)> {
    let (mut quantile, mut of) = (0.0, 0.0);
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => quantile = value.double("quantile")?,
            2 => of = value.double("value")?,
            _ => {}
        }
    }
    Ok((quantile, of))
}

fn read_span(message: &[u8]) -> Outcome<Span> {
    let mut span = Span::default();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => span.offset = signed_32(value.varint("offset")?),
            2 => span.length = value.varint("length")? as u32,
            _ => {}
        }
    }
    Ok(span)
}

/// `google.protobuf.Timestamp`, cut to milliseconds.
fn read_timestamp_ms(message: &[u8]) -> Outcome<i64> {
    let (mut seconds, mut nanos) = (0i64, 0i64);
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => seconds = value.varint("seconds")?.cast_signed(),
            2 => nanos = value.varint("nanos")?.cast_signed(),
            _ => {}
        }
    }
    Ok(seconds.wrapping_mul(1000).wrapping_add(nanos / 1_000_000))
}

/// `sint32`; what does not fit is cut, as every protobuf library does.
fn signed_32(value: u64) -> i32 {
    zigzag(value & u64::from(u32::MAX)) as i32
}

fn or_integer(float: f64, integer: u64) -> f64 {
    if float == 0.0 { integer as f64 } else { float }
}
