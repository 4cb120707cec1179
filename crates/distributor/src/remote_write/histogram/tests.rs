use proptest::prelude::*;

use super::*;
use crate::remote_write::tests::bytes_field;

fn varint_field(number: u8, value: u64) -> Vec<u8> {
    let mut field = vec![number << 3];
    // Numbers above 15 take two bytes of tag.
    if number > 15 {
        field = vec![(number << 3) | 0x80, number >> 4];
    }
    vigie_model::write_uvarint(&mut field, value);
    field
}

fn double_field(number: u8, value: f64) -> Vec<u8> {
    let mut field = vec![number << 3 | 1];
    field.extend_from_slice(&value.to_bits().to_le_bytes());
    field
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn packed_deltas(number: u8, deltas: &[i64]) -> Vec<u8> {
    let mut packed = Vec::new();
    for delta in deltas {
        vigie_model::write_varint(&mut packed, *delta);
    }
    bytes_field(number, &packed)
}

fn span_field(number: u8, offset: i64, length: u64) -> Vec<u8> {
    bytes_field(
        number,
        &[varint_field(1, zigzag(offset)), varint_field(2, length)].concat(),
    )
}

/// Schema 3, buckets of 2, 3 and 1 observations.
fn integer_parts() -> Vec<Vec<u8>> {
    vec![
        varint_field(1, 7),
        double_field(3, 18.5),
        varint_field(4, zigzag(3)),
        double_field(5, 0.001),
        varint_field(6, 1),
        span_field(11, -2, 2),
        span_field(11, 1, 1),
        packed_deltas(12, &[2, 1, -2]),
        varint_field(14, 3),
        varint_field(15, 1_700_000_000_000),
        varint_field(17, 1_600_000_000_000),
    ]
}

#[test]
fn integer_histograms_are_read() {
    let sent = read_histogram(&integer_parts().concat()).unwrap();
    assert_eq!(
        (sent.timestamp_ms, sent.start_ms),
        (1_700_000_000_000, 1_600_000_000_000)
    );
    let expected = Histogram {
        counter_reset_hint: CounterResetHint::Gauge,
        schema: 3,
        zero_threshold: 0.001,
        zero_count: 1,
        count: 7,
        sum: 18.5,
        positive_spans: vec![
            Span {
                offset: -2,
                length: 2,
            },
            Span { offset: 1, length: 1 },
        ],
        positive_deltas: vec![2, 1, -2],
        ..Histogram::default()
    };
    assert_eq!(sent.check().unwrap().to_any(), AnyHistogram::Integer(expected));
}

#[test]
fn float_histograms_with_custom_bounds_are_read() {
    let mut bounds = Vec::new();
    for bound in [0.5f64, 1.0] {
        bounds.extend_from_slice(&bound.to_le_bytes());
    }
    let mut custom = vec![(16 << 3 | 2) | 0x80, 1, bounds.len() as u8];
    custom[0] = 0x82;
    custom.extend_from_slice(&bounds);
    let message = [
        double_field(2, 2.5),
        double_field(3, 4.0),
        varint_field(4, zigzag(-53)),
        span_field(11, 0, 2),
        double_field(13, 1.0),
        double_field(13, 1.5),
        custom,
    ]
    .concat();
    let float = read_histogram(&message).unwrap().check().unwrap().to_float();
    assert_eq!((float.count, float.sum), (2.5, 4.0));
    assert_eq!(float.positive_buckets, [1.0, 1.5]);
    assert_eq!(*float.custom_values, [0.5, 1.0]);
}

#[test]
fn what_prometheus_refuses_is_refused() {
    for (part, complaint) in [
        (
            varint_field(1, 8),
            "7 observations found in buckets, but the Count field is 8",
        ),
        (varint_field(4, zigzag(-10)), "histogram has an invalid schema"),
        (
            span_field(11, 0, 1),
            "positive side: spans need 4 buckets, have 3 buckets",
        ),
        (
            packed_deltas(9, &[-1]),
            "negative side: spans need 0 buckets, have 1 buckets",
        ),
        (
            span_field(11, -1, 0),
            "positive side: span number 3 with offset -1",
        ),
    ] {
        let mut parts = integer_parts();
        parts.push(part);
        let error = read_histogram(&parts.concat()).unwrap().check().unwrap_err();
        assert!(error.contains(complaint), "{error}");
    }
}

#[test]
fn finer_schemas_are_reduced() {
    let mut parts = integer_parts();
    parts.push(varint_field(4, zigzag(10)));
    let flat = read_histogram(&parts.concat()).unwrap().check().unwrap();
    assert!(!flat.layout().is_float);
    assert_eq!(flat.layout().schema, 8);
    assert_eq!(flat.to_float().count, 7.0);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(sent) = read_histogram(&bytes) {
            let _ = sent.check();
        }
    }
}
