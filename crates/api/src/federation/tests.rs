use vigie_exposition::{Entry, ExpositionOptions, ProtobufParser};
use vigie_model::{CUSTOM_BUCKETS_SCHEMA, Span};

use super::*;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

fn sample(name: &str, value: f64, histogram: Option<FloatHistogram>) -> VectorSample {
    VectorSample {
        labels: labels(&[("__name__", name), ("job", "a")]),
        timestamp_ms: 1000,
        value,
        histogram: histogram.map(Box::new),
    }
}

fn native() -> FloatHistogram {
    FloatHistogram {
        schema: 2,
        zero_threshold: 0.001,
        zero_count: 1.0,
        count: 6.5,
        sum: -2.0,
        negative_spans: vec![Span {
            offset: -1,
            length: 1,
        }],
        negative_buckets: vec![2.0],
        positive_spans: vec![Span { offset: 3, length: 2 }],
        positive_buckets: vec![3.0, 0.5],
        ..FloatHistogram::default()
    }
}

fn custom() -> FloatHistogram {
    FloatHistogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        count: 6.0,
        sum: 9.0,
        positive_spans: vec![Span { offset: 1, length: 2 }],
        positive_buckets: vec![2.0, 4.0],
        custom_values: vec![0.5, 1.0].into(),
        ..FloatHistogram::default()
    }
}

fn vector() -> Vec<VectorSample> {
    vec![
        sample("mixed", 0.0, Some(native())),
        sample("custom", 0.0, Some(custom())),
        sample("mixed", 1.5, None),
    ]
}

#[test]
fn text_has_classic_histograms_alone() {
    let text = Format::Text.encode(vector(), &labels(&[("zone", "z")]));
    let expected = "# TYPE custom histogram\n\
        custom_bucket{job=\"a\",instance=\"\",zone=\"z\",le=\"0.5\"} 0 1000\n\
        custom_bucket{job=\"a\",instance=\"\",zone=\"z\",le=\"1\"} 2 1000\n\
        custom_bucket{job=\"a\",instance=\"\",zone=\"z\",le=\"+Inf\"} 6 1000\n\
        custom_sum{job=\"a\",instance=\"\",zone=\"z\"} 9 1000\n\
        custom_count{job=\"a\",instance=\"\",zone=\"z\"} 6 1000\n\
        # TYPE mixed untyped\n\
        mixed{job=\"a\",instance=\"\",zone=\"z\"} 1.5 1000\n";
    assert_eq!(String::from_utf8(text).unwrap(), expected);
}

/// What a scraping server reads.
#[test]
fn protobuf_has_all() {
    let body = Format::Protobuf.encode(vector(), &Labels::empty());
    let options = ExpositionOptions {
        native: true,
        ..ExpositionOptions::default()
    };
    let mut parser = ProtobufParser::new(&body, options);
    let mut floats = Vec::new();
    let mut histograms = Vec::new();
    while let Some(entry) = parser.next().unwrap() {
        match entry {
            Entry::Series(series) => {
                let labels = series.labels().unwrap();
                floats.push((labels[0].1.to_string(), series.value, series.timestamp_ms));
            }
            Entry::Histogram(histogram) => histograms.push(histogram.value.to_float()),
            _ => {}
        }
    }
    assert_eq!(histograms.len(), 1);
    assert!(histograms[0].is_same_as(&native()), "{:?}", histograms[0]);
    assert!(
        floats.contains(&("mixed".to_owned(), 1.5, Some(1000))),
        "{floats:?}"
    );
    let buckets: Vec<f64> = floats
        .iter()
        .filter(|(name, _, _)| name == "custom_bucket")
        .map(|(_, value, _)| *value)
        .collect();
    assert_eq!(buckets, [0.0, 2.0, 6.0]);
}

#[test]
fn the_best_liked_form_is_given() {
    let protobuf =
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
    for (accept, expected) in [
        (String::new(), Format::Text),
        ("*/*".to_owned(), Format::Text),
        (protobuf.to_owned(), Format::Protobuf),
        (
            format!("{protobuf};q=0.6,text/plain;version=0.0.4;q=0.5"),
            Format::Protobuf,
        ),
        (format!("text/plain;q=0.7, {protobuf};q=0.6"), Format::Text),
        (format!("{protobuf};q=0"), Format::Text),
        ("application/vnd.google.protobuf".to_owned(), Format::Text),
        (
            "application/openmetrics-text;version=1.0.0,text/plain;version=1.0.0;q=0.5".to_owned(),
            Format::Text,
        ),
    ] {
        assert_eq!(Format::accepted(&accept), expected, "{accept}");
    }
}
