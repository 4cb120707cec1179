use std::collections::BTreeSet;
use std::time::Duration;

use vigie_promql::{MatrixSeries, QueryStats};

use super::*;

fn parts(value: QueryValue) -> Vec<Part> {
    let answer = QueryAnswer {
        value,
        annotations: Annotations {
            warnings: BTreeSet::from([Remark {
                text: "PromQL warning: w".to_owned(),
                place: " (1:5)".to_owned(),
            }]),
            infos: BTreeSet::from([Remark::from("PromQL info: i")]),
        },
        stats: QueryStats {
            samples_read: 3,
            peak_samples: 2,
            peak_bytes: 1,
        },
        explained: None,
        queued: Duration::from_micros(4),
        took: Duration::from_micros(5),
    };
    let parts: Vec<Part> = messages(answer).filter_map(|message| message.part).collect();
    let (last, value) = parts.split_last().unwrap();
    let Part::Summary(summary) = last else {
        panic!("the last part is {last:?}");
    };
    let remarks: Vec<(i32, &str, &str)> = summary
        .annotations
        .iter()
        .map(|remark| (remark.kind, remark.text.as_str(), remark.place.as_str()))
        .collect();
    assert_eq!(
        remarks,
        [(1, "PromQL warning: w", " (1:5)"), (2, "PromQL info: i", "")]
    );
    assert_eq!(
        (summary.samples_read, summary.queued_us, summary.took_us),
        (3, 4, 5)
    );
    value.to_vec()
}

fn labels(value: &str) -> Labels {
    Labels::from_pairs([("__name__", "m"), ("a", value)]).unwrap()
}

fn histogram() -> FloatHistogram {
    FloatHistogram {
        counter_reset_hint: CounterResetHint::Gauge,
        schema: 3,
        zero_threshold: 0.001,
        zero_count: 1.0,
        count: 4.0,
        sum: -0.0,
        positive_spans: vec![Span {
            offset: -2,
            length: 1,
        }],
        positive_buckets: vec![2.0],
        negative_spans: vec![Span { offset: 7, length: 1 }],
        negative_buckets: vec![1.0],
        custom_values: [].into(),
    }
}

#[test]
fn floats_keep_their_bits() {
    let value = f64::from_bits(0x7ff0_0000_0000_00ab);
    let scalar = parts(QueryValue::Scalar {
        timestamp_ms: -1,
        value,
    });
    let expected = v1::ScalarResult {
        time_ms: -1,
        value_bits: 0x7ff0_0000_0000_00ab,
    };
    assert_eq!(scalar, [Part::Scalar(expected)]);
}

#[test]
fn nothing_is_told_by_an_empty_part() {
    assert_eq!(
        parts(QueryValue::Vector(Vec::new())),
        [Part::Vector(v1::VectorPart::default())]
    );
    assert_eq!(
        parts(QueryValue::Matrix(Vec::new())),
        [Part::Matrix(v1::MatrixPart::default())]
    );
}

#[test]
fn histograms_are_whole() {
    let found = parts(QueryValue::Vector(vec![VectorSample {
        labels: labels("1"),
        timestamp_ms: 9,
        value: 0.0,
        histogram: Some(Box::new(histogram())),
    }]));
    let [Part::Vector(vector)] = found.as_slice() else {
        panic!("{found:?}");
    };
    let Some(Value::Histogram(wire)) = &vector.elements[0].value else {
        panic!("{vector:?}");
    };
    assert_eq!(wire.counter_reset_hint(), v1::CounterResetHint::Gauge);
    assert_eq!((wire.schema, wire.sum_bits), (3, (-0.0f64).to_bits()));
    assert_eq!(
        wire.positive_spans,
        [v1::ResultSpan {
            offset: -2,
            length: 1
        }]
    );
    assert_eq!(wire.positive_bucket_bits, [2.0f64.to_bits()]);
    assert_eq!(wire.negative_spans, [v1::ResultSpan { offset: 7, length: 1 }]);
}

/// A long series, and many short ones, come in several messages and lose nothing.
#[test]
fn large_answers_come_in_parts() {
    let long = MatrixSeries {
        labels: labels("0"),
        timestamps_ms: (0..200_000).collect(),
        values: (0..200_000).map(f64::from).collect(),
        histograms: (200_000..201_000).map(|time| (time, histogram())).collect(),
    };
    let short = (1..5_000).map(|number| MatrixSeries {
        labels: labels(&number.to_string()),
        timestamps_ms: vec![0],
        values: vec![0.0],
        histograms: Vec::new(),
    });
    let found = parts(QueryValue::Matrix(iter::once(long).chain(short).collect()));
    assert!(found.len() > 2, "{} messages", found.len());
    let mut rows = Vec::new();
    for part in found {
        let Part::Matrix(part) = part else {
            panic!("not a matrix");
        };
        assert!(part.encoded_len() < 2 * MESSAGE_BYTES);
        rows.extend(part.rows);
    }
    let of_long = |row: &&v1::MatrixRow| row.labels == packed(&labels("0"));
    let times: Vec<i64> = rows
        .iter()
        .filter(of_long)
        .flat_map(|row| row.float_times_ms.clone())
        .collect();
    assert_eq!(times, (0..200_000).collect::<Vec<i64>>());
    let histograms: usize = rows.iter().filter(of_long).map(|row| row.histograms.len()).sum();
    assert_eq!(histograms, 1_000);
    assert_eq!(rows.iter().filter(|row| !of_long(row)).count(), 4_999);
}
