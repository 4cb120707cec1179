use proptest::prelude::*;
use vigie_model::MetricKind;

use super::*;
use crate::remote_write::tests::{bytes_field, sample, tenant};

fn scan(decoded: &[u8]) -> Result<RequestV2<'_>, WriteError> {
    RequestV2::scan(decoded, 7, &tenant())
}

fn symbols(symbols: &[&str]) -> Vec<u8> {
    symbols
        .iter()
        .flat_map(|symbol| bytes_field(4, symbol.as_bytes()))
        .collect()
}

fn varint_field(number: u8, value: u64) -> Vec<u8> {
    let mut field = vec![number << 3];
    vigie_model::write_uvarint(&mut field, value);
    field
}

fn refs(numbers: &[u64]) -> Vec<u8> {
    let mut packed = Vec::new();
    for &number in numbers {
        vigie_model::write_uvarint(&mut packed, number);
    }
    bytes_field(1, &packed)
}

fn metadata(kind: u64, help: u64, unit: u64) -> Vec<u8> {
    bytes_field(
        5,
        &[
            varint_field(1, kind),
            varint_field(3, help),
            varint_field(4, unit),
        ]
        .concat(),
    )
}

fn series(parts: &[Vec<u8>]) -> Vec<u8> {
    bytes_field(5, &parts.concat())
}

const TABLE: &[&str] = &["", "__name__", "up", "job", "a", "The help.", "seconds"];

#[test]
fn series_are_named_by_their_symbols_not_by_their_numbers() {
    let one = [
        symbols(TABLE),
        series(&[
            refs(&[1, 2, 3, 4]),
            sample(-5, 1.5),
            sample(7, 2.5),
            metadata(2, 5, 6),
        ]),
        series(&[refs(&[1, 2]), sample(1, 3.0)]),
    ]
    .concat();
    // The table after the series, in another order, and numbers that are not packed.
    let other = [
        series(&[
            [4, 1, 2, 3]
                .iter()
                .flat_map(|&number| varint_field(1, number))
                .collect(),
            sample(9, 9.0),
        ]),
        symbols(&["", "up", "job", "a", "__name__"]),
    ]
    .concat();
    let (one, other) = (scan(&one).unwrap(), scan(&other).unwrap());
    assert_eq!(one.keys()[0], other.keys()[0]);
    assert_ne!(one.keys()[0], one.keys()[1]);
    assert_eq!(one.labels(0).unwrap().to_string(), r#"{__name__="up", job="a"}"#);
    assert_eq!(one.labels(0), other.labels(0));
    let rows: Vec<_> = one
        .rows()
        .map(|row| (row.series, row.timestamp_ms, row.value))
        .collect();
    assert_eq!(rows, [(0, -5, 1.5), (0, 7, 2.5), (1, 1, 3.0)]);
    let [family] = one.families() else {
        panic!("{:?}", one.families());
    };
    assert_eq!(
        (family.name, family.kind, family.help, family.unit),
        ("up", MetricKind::Gauge, "The help.", "seconds")
    );
}

/// A sample with a start timestamp in field 3.
fn started(timestamp_ms: i64, value: f64, start_ms: i64) -> Vec<u8> {
    let mut message = sample(timestamp_ms, value).split_off(2);
    message.extend_from_slice(&varint_field(3, start_ms.cast_unsigned()));
    bytes_field(2, &message)
}

#[test]
fn samples_say_when_they_began_to_count() {
    let request = [
        symbols(TABLE),
        series(&[
            refs(&[1, 2]),
            sample(1, 1.0),
            started(4, 2.0, 3),
            started(5, 2.0, -3),
        ]),
        // Fields in another order, and without a value, as it is 0.
        series(&[
            refs(&[1, 2, 3, 4]),
            bytes_field(2, &[varint_field(3, 7), varint_field(2, 9)].concat()),
            sample(10, 1.0),
        ]),
    ]
    .concat();
    let mut request = scan(&request).unwrap();
    let rows = |request: &RequestV2<'_>| -> Vec<_> {
        request
            .rows()
            .map(|row| (row.timestamp_ms, row.value, row.start_ms))
            .collect()
    };
    assert_eq!(
        rows(&request),
        [(1, 1.0, 0), (4, 2.0, 3), (5, 2.0, -3), (9, 0.0, 7), (10, 1.0, 0)]
    );
    request.forget_starts();
    assert!(rows(&request).iter().all(|(_, _, start_ms)| *start_ms == 0));
}

/// The texts are those of Prometheus 3.14.
#[test]
fn complaints_say_what_is_wrong_with_labels() {
    for (numbers, expected) in [
        (
            &[1, 2, 3][..],
            Some("parsing labels for series [1, 2, 3]: invalid labelRefs length 3"),
        ),
        (
            &[1, 2, 3, 99],
            Some(
                "parsing labels for series [1, 2, 3, 99]: labelRefs 3 (name) = 99 (value) outside of symbols table (size 7)",
            ),
        ),
        (&[3, 4], Some(r#"invalid metric name or labels, got {job="a"}"#)),
        (
            &[1, 2, 3, 4, 3, 2],
            Some(
                r#"invalid labels for series, labels {__name__="up", job="a", job="up"}, duplicated label job"#,
            ),
        ),
        (&[1, 2, 3, 4], None),
    ] {
        let request = [symbols(TABLE), series(&[refs(numbers), sample(1, 1.0)])].concat();
        assert_eq!(scan(&request).unwrap().complaint(0).as_deref(), expected);
    }
}

#[test]
fn empty_series_are_complained_about() {
    let request = [
        symbols(TABLE),
        series(&[refs(&[1, 2]), sample(1, 1.0)]),
        series(&[refs(&[1, 2, 3, 4])]),
        series(&[refs(&[1, 2]), bytes_field(3, b"")]),
    ]
    .concat();
    let request = scan(&request).unwrap();
    assert_eq!(
        request.complaints_of_empty_series(),
        [r#"TimeSeries must contain at least one sample or histogram for series {__name__="up", job="a"}"#]
    );
    assert_eq!(request.histograms.len(), 1);
}

#[test]
fn garbage_is_refused() {
    let whole = [symbols(TABLE), series(&[refs(&[1, 2]), sample(1, 1.0)])].concat();
    assert!(scan(&whole).is_ok());
    for garbage in [
        &whole[..whole.len() - 1],
        &symbols(&["not empty"]),
        &varint_field(5, 1),
        &series(&[bytes_field(1, b"\xff")]),
        &[symbols(TABLE), series(&[refs(&[1, 2]), metadata(1, 99, 0)])].concat(),
        b"not protobuf at all",
    ] {
        assert!(scan(garbage).is_err(), "{garbage:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for bytes in [bytes.clone(), [symbols(TABLE), bytes_field(5, &bytes)].concat()] {
            if let Ok(request) = scan(&bytes) {
                for series in 0..request.keys().len() {
                    let _ = (request.labels(series), request.complaint(series));
                }
                let _ = request.rows().count();
            }
        }
    }
}
