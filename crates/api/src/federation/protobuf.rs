//! A family as a message behind its length.

use prost::Message;
use vigie_model::{FloatHistogram, Span};
use vigie_promql::VectorSample;

use super::messages::{Bucket, BucketSpan, Histogram, LabelPair, Metric, MetricFamily, Untyped};
use super::{ExternalLabels, Kind, classic_buckets};

pub(super) fn write(body: &mut Vec<u8>, samples: &[VectorSample], external: &ExternalLabels<'_>) {
    let Some(first) = samples.first() else { return };
    let kind = match Kind::of(first) {
        Kind::Untyped => 3,
        Kind::Histogram => 4,
        Kind::GaugeHistogram => 5,
    };
    let family = MetricFamily {
        name: Some(first.labels.metric_name().to_owned()),
        kind: Some(kind),
        metrics: samples.iter().map(|sample| metric(sample, external)).collect(),
    };
    // A vector has room for any number of bytes.
    let _ = family.encode_length_delimited(body);
}

fn metric(sample: &VectorSample, external: &ExternalLabels<'_>) -> Metric {
    let histogram = sample.histogram.as_deref().map(|histogram| {
        if histogram.uses_custom_buckets() {
            classic(histogram)
        } else {
            native(histogram)
        }
    });
    let labels = external.added_to(&sample.labels);
    Metric {
        labels: labels
            .map(|(name, value)| LabelPair {
                name: Some(name.to_owned()),
                value: Some(value.to_owned()),
            })
            .collect(),
        untyped: histogram.is_none().then_some(Untyped {
            value: Some(sample.value),
        }),
        timestamp_ms: Some(sample.timestamp_ms),
        histogram,
    }
}

fn native(histogram: &FloatHistogram) -> Histogram {
    Histogram {
        sample_sum: Some(histogram.sum),
        sample_count_float: Some(histogram.count),
        schema: Some(histogram.schema),
        zero_threshold: Some(histogram.zero_threshold),
        zero_count_float: Some(histogram.zero_count),
        negative_spans: spans(&histogram.negative_spans),
        negative_counts: histogram.negative_buckets.clone(),
        positive_spans: spans(&histogram.positive_spans),
        positive_counts: histogram.positive_buckets.clone(),
        buckets: Vec::new(),
    }
}

fn classic(histogram: &FloatHistogram) -> Histogram {
    Histogram {
        sample_sum: Some(histogram.sum),
        sample_count_float: Some(histogram.count),
        buckets: classic_buckets(histogram)
            .map(|(bound, count)| Bucket {
                upper_bound: Some(bound),
                cumulative_count_float: Some(count),
            })
            .collect(),
        ..Histogram::default()
    }
}

fn spans(spans: &[Span]) -> Vec<BucketSpan> {
    spans
        .iter()
        .map(|span| BucketSpan {
            offset: Some(span.offset),
            length: Some(span.length),
        })
        .collect()
}
