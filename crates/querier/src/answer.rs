//! An answer as messages of the service: exact, and none of them large.

use std::iter;

use bytes::Bytes;
use prost::Message;
use vigie_model::{CounterResetHint, FloatHistogram, Labels, Span};
use vigie_promql::{Annotations, Matrix, QueryValue, Remark, VectorSample};
use vigie_proto::v1;
use vigie_proto::v1::query_response::Part;
use vigie_proto::v1::vector_element::Value;

use crate::QueryAnswer;

/// A message is closed once it is this large; what it was closed by may make it twice that.
const MESSAGE_BYTES: usize = 1 << 20;
/// Longer series are told in several rows.
const FLOATS_PER_ROW: usize = 16_384;
const HISTOGRAMS_PER_ROW: usize = 512;

type Parts = Box<dyn Iterator<Item = Part> + Send>;

/// Made as they are asked for, so that an answer is not held twice.
pub(crate) fn messages(answer: QueryAnswer) -> impl Iterator<Item = v1::QueryResponse> + Send {
    let summary = Part::Summary(summary(&answer));
    value_parts(answer.value)
        .chain(iter::once(summary))
        .map(|part| v1::QueryResponse { part: Some(part) })
}

fn value_parts(value: QueryValue) -> Parts {
    match value {
        QueryValue::Scalar { timestamp_ms, value } => Box::new(iter::once(Part::Scalar(v1::ScalarResult {
            time_ms: timestamp_ms,
            value_bits: value.to_bits(),
        }))),
        QueryValue::String { timestamp_ms, value } => Box::new(iter::once(Part::String(v1::StringResult {
            time_ms: timestamp_ms,
            value,
        }))),
        QueryValue::Vector(vector) => Box::new(
            Grouped::new(vector.into_iter().map(element))
                .map(|elements| Part::Vector(v1::VectorPart { elements })),
        ),
        QueryValue::Matrix(matrix) => {
            Box::new(Grouped::new(rows(matrix)).map(|rows| Part::Matrix(v1::MatrixPart { rows })))
        }
    }
}

fn element(sample: VectorSample) -> v1::VectorElement {
    v1::VectorElement {
        labels: packed(&sample.labels),
        time_ms: sample.timestamp_ms,
        value: Some(match &sample.histogram {
            Some(histogram) => Value::Histogram(wire_histogram(histogram)),
            None => Value::ValueBits(sample.value.to_bits()),
        }),
    }
}

fn rows(matrix: Matrix) -> impl Iterator<Item = v1::MatrixRow> + Send {
    matrix.into_iter().flat_map(|series| {
        let floats = series
            .timestamps_ms
            .chunks(FLOATS_PER_ROW)
            .zip(series.values.chunks(FLOATS_PER_ROW))
            .map(|(times, values)| v1::MatrixRow {
                labels: packed(&series.labels),
                float_times_ms: times.to_vec(),
                float_value_bits: bits(values),
                ..v1::MatrixRow::default()
            });
        let histograms = series
            .histograms
            .chunks(HISTOGRAMS_PER_ROW)
            .map(|samples| v1::MatrixRow {
                labels: packed(&series.labels),
                histogram_times_ms: samples.iter().map(|(time, _)| *time).collect(),
                histograms: samples
                    .iter()
                    .map(|(_, histogram)| wire_histogram(histogram))
                    .collect(),
                ..v1::MatrixRow::default()
            });
        floats.chain(histograms).collect::<Vec<_>>()
    })
}

fn wire_histogram(histogram: &FloatHistogram) -> v1::ResultHistogram {
    let hint = match histogram.counter_reset_hint {
        CounterResetHint::Unknown => v1::CounterResetHint::Unknown,
        CounterResetHint::Reset => v1::CounterResetHint::Reset,
        CounterResetHint::NotReset => v1::CounterResetHint::NotReset,
        CounterResetHint::Gauge => v1::CounterResetHint::Gauge,
    };
    v1::ResultHistogram {
        counter_reset_hint: hint as i32,
        schema: histogram.schema,
        zero_threshold_bits: histogram.zero_threshold.to_bits(),
        zero_count_bits: histogram.zero_count.to_bits(),
        count_bits: histogram.count.to_bits(),
        sum_bits: histogram.sum.to_bits(),
        positive_spans: spans(&histogram.positive_spans),
        positive_bucket_bits: bits(&histogram.positive_buckets),
        negative_spans: spans(&histogram.negative_spans),
        negative_bucket_bits: bits(&histogram.negative_buckets),
        custom_bound_bits: bits(&histogram.custom_values),
    }
}

fn spans(spans: &[Span]) -> Vec<v1::ResultSpan> {
    spans
        .iter()
        .map(|span| v1::ResultSpan {
            offset: span.offset,
            length: span.length,
        })
        .collect()
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn packed(labels: &Labels) -> Bytes {
    Bytes::copy_from_slice(labels.as_packed())
}

fn summary(answer: &QueryAnswer) -> v1::QuerySummary {
    v1::QuerySummary {
        annotations: annotations(&answer.annotations),
        samples_read: answer.stats.samples_read,
        peak_samples: answer.stats.peak_samples,
        peak_bytes: answer.stats.peak_bytes,
        queued_us: answer.queued.as_micros() as u64,
        took_us: answer.took.as_micros() as u64,
    }
}

fn annotations(annotations: &Annotations) -> Vec<v1::Annotation> {
    let wire = |kind: v1::annotation::Kind| {
        move |remark: &Remark| v1::Annotation {
            kind: kind as i32,
            text: remark.text.clone(),
            place: remark.place.clone(),
        }
    };
    let warnings = annotations.warnings.iter();
    let infos = annotations.infos.iter();
    warnings
        .map(wire(v1::annotation::Kind::Warning))
        .chain(infos.map(wire(v1::annotation::Kind::Info)))
        .collect()
}

/// Puts items together until they are as large as a message may be. Gives one empty group for no items.
struct Grouped<I> {
    items: I,
    begun: bool,
}

impl<I> Grouped<I> {
    fn new(items: I) -> Grouped<I> {
        Grouped { items, begun: false }
    }
}

impl<I: Iterator<Item: Message>> Iterator for Grouped<I> {
    type Item = Vec<I::Item>;

    fn next(&mut self) -> Option<Vec<I::Item>> {
        let mut group = Vec::new();
        let mut bytes = 0;
        while bytes < MESSAGE_BYTES {
            let Some(item) = self.items.next() else { break };
            bytes += item.encoded_len();
            group.push(item);
        }
        let is_first = !std::mem::replace(&mut self.begun, true);
        (is_first || !group.is_empty()).then_some(group)
    }
}

#[cfg(test)]
mod tests;
