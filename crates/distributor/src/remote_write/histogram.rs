//! `Histogram` of either version: native histograms, numbered alike in both.

use vigie_chunk::{AnyHistogram, FlatHistogram};
use vigie_model::{
    CounterResetHint, EXPONENTIAL_SCHEMAS, FloatHistogram, Histogram, KNOWN_EXPONENTIAL_SCHEMAS, Span,
};

use super::protobuf::{Reader, Value, unreadable};
use crate::error::WriteError;
use crate::histograms::Histograms;

/// A histogram as a request has it.
#[derive(Debug, Default)]
struct SentHistogram {
    timestamp_ms: i64,
    /// When it began to count; 0 if that is not known. Version 2.0 only.
    start_ms: i64,
    is_float: bool,
    hint: CounterResetHint,
    schema: i32,
    zero_threshold: f64,
    sum: f64,
    /// Bits of a float or an integer, as `is_float` says.
    count: u64,
    zero_count: Number,
    positive: Side,
    negative: Side,
    custom_values: Vec<f64>,
}

/// A member of a protobuf `oneof`.
#[derive(Debug, Clone, Copy)]
enum Number {
    Integer(u64),
    Float(f64),
}

impl Default for Number {
    fn default() -> Number {
        Number::Integer(0)
    }
}

#[derive(Debug, Default)]
struct Side {
    spans: Vec<Span>,
    /// Of integer histograms.
    deltas: Vec<i64>,
    /// Of float histograms.
    counts: Vec<f64>,
}

/// Reads the message of a histogram and adds it to those of the request.
pub(super) fn scan_histogram(
    message: &[u8],
    series: usize,
    histograms: &mut Histograms,
) -> Result<(), WriteError> {
    let sent = read_histogram(message)?;
    let (series, timestamp_ms, start_ms) = (series as u32, sent.timestamp_ms, sent.start_ms);
    match sent.check() {
        Ok(histogram) => histograms.push(series, (timestamp_ms, start_ms), &histogram),
        Err(why) => histograms.refuse(series, timestamp_ms, why),
    }
    Ok(())
}

/// Reads the message. What the histogram says is checked by [`SentHistogram::check`].
fn read_histogram(message: &[u8]) -> Result<SentHistogram, WriteError> {
    let mut sent = SentHistogram::default();
    let mut reader = Reader { rest: message };
    while let Some(field) = reader.field()? {
        match field {
            (1, Value::Varint(count)) => (sent.is_float, sent.count) = (false, count),
            (2, Value::Fixed64(bits)) => (sent.is_float, sent.count) = (true, bits),
            (3, Value::Fixed64(bits)) => sent.sum = f64::from_bits(bits),
            (4, Value::Varint(coded)) => sent.schema = unzigzag(coded) as i32,
            (5, Value::Fixed64(bits)) => sent.zero_threshold = f64::from_bits(bits),
            (6, Value::Varint(count)) => sent.zero_count = Number::Integer(count),
            (7, Value::Fixed64(bits)) => sent.zero_count = Number::Float(f64::from_bits(bits)),
            (8, Value::Bytes(span)) => sent.negative.spans.push(read_span(span)?),
            (9, value) => read_deltas(value, &mut sent.negative.deltas)?,
            (10, value) => read_doubles(value, &mut sent.negative.counts)?,
            (11, Value::Bytes(span)) => sent.positive.spans.push(read_span(span)?),
            (12, value) => read_deltas(value, &mut sent.positive.deltas)?,
            (13, value) => read_doubles(value, &mut sent.positive.counts)?,
            (14, Value::Varint(hint)) => sent.hint = reset_hint(hint),
            (15, Value::Varint(raw)) => sent.timestamp_ms = raw.cast_signed(),
            (16, value) => read_doubles(value, &mut sent.custom_values)?,
            (17, Value::Varint(raw)) => sent.start_ms = raw.cast_signed(),
            (1..=17, _) => return Err(unreadable("a histogram field has the wrong wire type")),
            _ => {}
        }
    }
    Ok(sent)
}

impl SentHistogram {
    /// The histogram as it is stored, or what is wrong with it. A schema finer than those that are stored is
    /// reduced, as Prometheus does.
    fn check(self) -> Result<FlatHistogram, String> {
        let schema = self.schema;
        let finest = *EXPONENTIAL_SCHEMAS.end();
        let is_too_fine = schema > finest && KNOWN_EXPONENTIAL_SCHEMAS.contains(&schema);
        let mut histogram = self.into_histogram(if is_too_fine { finest } else { schema });
        histogram.validate().map_err(|error| error.to_string())?;
        if is_too_fine {
            histogram = reduced(histogram, schema);
        }
        histogram.flatten().ok_or_else(|| {
            format!(
                "histogram has more than {} buckets",
                vigie_chunk::MAX_HISTOGRAM_BUCKETS
            )
        })
    }

    fn into_histogram(self, schema: i32) -> AnyHistogram {
        if self.is_float {
            AnyHistogram::Float(FloatHistogram {
                counter_reset_hint: self.hint,
                schema,
                zero_threshold: self.zero_threshold,
                zero_count: match self.zero_count {
                    Number::Float(count) => count,
                    Number::Integer(_) => 0.0,
                },
                count: f64::from_bits(self.count),
                sum: self.sum,
                positive_spans: self.positive.spans,
                positive_buckets: self.positive.counts,
                negative_spans: self.negative.spans,
                negative_buckets: self.negative.counts,
                custom_values: self.custom_values.into(),
            })
        } else {
            AnyHistogram::Integer(Histogram {
                counter_reset_hint: self.hint,
                schema,
                zero_threshold: self.zero_threshold,
                zero_count: match self.zero_count {
                    Number::Integer(count) => count,
                    Number::Float(_) => 0,
                },
                count: self.count,
                sum: self.sum,
                positive_spans: self.positive.spans,
                positive_deltas: self.positive.deltas,
                negative_spans: self.negative.spans,
                negative_deltas: self.negative.deltas,
                custom_values: self.custom_values.into(),
            })
        }
    }
}

/// `schema` is the one it was sent with. Integers stay integers as long as a float holds them exactly.
fn reduced(histogram: AnyHistogram, schema: i32) -> AnyHistogram {
    let reduce = |mut float: FloatHistogram| {
        float.schema = schema;
        float.reduce_to_stored_schema();
        float
    };
    match histogram {
        AnyHistogram::Float(float) => AnyHistogram::Float(reduce(float)),
        AnyHistogram::Integer(integer) => {
            let float = reduce(integer.to_float());
            Histogram::from_float(&float).map_or(AnyHistogram::Float(float), AnyHistogram::Integer)
        }
    }
}

fn reset_hint(number: u64) -> CounterResetHint {
    match number {
        1 => CounterResetHint::Reset,
        2 => CounterResetHint::NotReset,
        3 => CounterResetHint::Gauge,
        _ => CounterResetHint::Unknown,
    }
}

fn read_span(message: &[u8]) -> Result<Span, WriteError> {
    let mut span = Span::default();
    let mut reader = Reader { rest: message };
    while let Some(field) = reader.field()? {
        match field {
            (1, Value::Varint(coded)) => span.offset = unzigzag(coded) as i32,
            (2, Value::Varint(length)) => span.length = length as u32,
            (1 | 2, _) => return Err(unreadable("a span field has the wrong wire type")),
            _ => {}
        }
    }
    Ok(span)
}

/// `repeated sint64`, packed or one by one.
fn read_deltas(value: Value<'_>, deltas: &mut Vec<i64>) -> Result<(), WriteError> {
    match value {
        Value::Varint(coded) => deltas.push(unzigzag(coded)),
        Value::Bytes(packed) => {
            let mut numbers = Reader { rest: packed };
            while !numbers.rest.is_empty() {
                deltas.push(unzigzag(numbers.varint()?));
            }
        }
        Value::Fixed64(_) | Value::Fixed32 => {
            return Err(unreadable("a bucket delta has the wrong wire type"));
        }
    }
    Ok(())
}

/// `repeated double`, packed or one by one.
fn read_doubles(value: Value<'_>, doubles: &mut Vec<f64>) -> Result<(), WriteError> {
    match value {
        Value::Fixed64(bits) => doubles.push(f64::from_bits(bits)),
        Value::Bytes(packed) => {
            let (words, rest) = packed.as_chunks::<8>();
            if !rest.is_empty() {
                return Err(unreadable("packed doubles are truncated"));
            }
            doubles.extend(words.iter().map(|word| f64::from_le_bytes(*word)));
        }
        Value::Varint(_) | Value::Fixed32 => {
            return Err(unreadable("a bucket count has the wrong wire type"));
        }
    }
    Ok(())
}

fn unzigzag(coded: u64) -> i64 {
    (coded >> 1) as i64 ^ -((coded & 1) as i64)
}

#[cfg(test)]
mod tests;
