//! A family in the text format.

use vigie_exposition::TextEncoder;
use vigie_model::{FloatHistogram, MetricKind, format_go_g};
use vigie_promql::VectorSample;

use super::{ExternalLabels, Kind, classic_buckets};

pub(super) fn write(body: &mut Vec<u8>, samples: &[VectorSample], external: &ExternalLabels<'_>) {
    let Some(first) = samples.first() else { return };
    let name = first.labels.metric_name();
    let mut encoder = TextEncoder::new(body);
    encoder.kind(
        name,
        match Kind::of(first) {
            Kind::Untyped => MetricKind::Unknown,
            // The format knows no gauges among them.
            Kind::Histogram | Kind::GaugeHistogram => MetricKind::Histogram,
        },
    );
    for sample in samples {
        match &sample.histogram {
            None => {
                let labels = external.added_to(&sample.labels);
                encoder.sample_of(name, labels, sample.value, Some(sample.timestamp_ms));
            }
            Some(histogram) => write_histogram(&mut encoder, sample, histogram, external),
        }
    }
}

fn write_histogram(
    encoder: &mut TextEncoder<'_>,
    sample: &VectorSample,
    histogram: &FloatHistogram,
    external: &ExternalLabels<'_>,
) {
    let name = sample.labels.metric_name();
    let time_ms = Some(sample.timestamp_ms);
    let last = Some((f64::INFINITY, histogram.count)).filter(|_| {
        let bounds = &histogram.custom_values;
        bounds.last() != Some(&f64::INFINITY)
    });
    let bucket_name = format!("{name}_bucket");
    for (bound, count) in classic_buckets(histogram).chain(last) {
        let bound = format_go_g(bound);
        let labels = external.added_to(&sample.labels).chain([("le", &*bound)]);
        encoder.sample_of(&bucket_name, labels, count, time_ms);
    }
    for (suffix, value) in [("_sum", histogram.sum), ("_count", histogram.count)] {
        let labels = external.added_to(&sample.labels);
        encoder.sample_of(&format!("{name}{suffix}"), labels, value, time_ms);
    }
}
