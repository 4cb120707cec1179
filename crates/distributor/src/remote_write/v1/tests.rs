use proptest::prelude::*;

use super::*;
use crate::remote_write::tests::{bytes_field, sample, tenant};

fn scan(decoded: &[u8]) -> Result<RequestV1<'_>, WriteError> {
    RequestV1::scan(decoded, 7, &tenant())
}

fn label(name: &str, value: &str) -> Vec<u8> {
    bytes_field(
        1,
        &[bytes_field(1, name.as_bytes()), bytes_field(2, value.as_bytes())].concat(),
    )
}

fn series(parts: &[Vec<u8>]) -> Vec<u8> {
    bytes_field(1, &parts.concat())
}

#[test]
fn series_and_samples_are_found_in_place() {
    let request = [
        series(&[
            label("job", "b"),
            label("__name__", "up"),
            label("none", ""),
            sample(-5, 1.5),
            sample(7, f64::NAN),
        ]),
        series(&[label("__name__", "down"), sample(1, 2.0)]),
    ]
    .concat();
    let scanned = scan(&request).unwrap();
    assert_eq!(scanned.samples.len(), 3);
    assert_eq!((scanned.samples[0], scanned.samples[1].0), ((-5, 1.5), 7));
    assert_eq!(
        scanned
            .series
            .iter()
            .map(|series| series.samples_end)
            .collect::<Vec<_>>(),
        [2, 3]
    );
    let labels = decode_labels(scanned.series[0].labels).unwrap();
    assert_eq!(labels.to_string(), r#"{__name__="up", job="b"}"#);
}

#[test]
fn labels_after_samples_are_still_read() {
    let request = series(&[label("a", "1"), sample(1, 1.0), label("__name__", "m")]);
    let scanned = scan(&request).unwrap();
    assert_eq!(
        decode_labels(scanned.series[0].labels).unwrap().to_string(),
        r#"{__name__="m", a="1"}"#
    );
}

#[test]
fn invalid_label_sets_say_why() {
    for (parts, expected) in [
        (
            vec![label("a", "1"), label("a", "2")],
            InvalidLabels::DuplicateName("a".to_owned()),
        ),
        (vec![label("", "1")], InvalidLabels::EmptyName),
        (
            vec![bytes_field(1, &bytes_field(1, b"\xff"))],
            InvalidLabels::NotUtf8,
        ),
    ] {
        let request = series(&parts);
        let scanned = scan(&request).unwrap();
        assert_eq!(decode_labels(scanned.series[0].labels), Err(expected));
    }
}

#[test]
fn garbage_is_refused() {
    let whole = series(&[label("a", "1"), sample(1, 1.0)]);
    assert!(scan(&whole[..whole.len() - 1]).is_err());
    for garbage in [
        &b"\x0a\xff\xff\xff\xff\x0f"[..],
        b"\x00",
        b"\x0f",
        b"not protobuf at all",
    ] {
        assert!(scan(garbage).is_err(), "{garbage:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(scanned) = scan(&bytes) {
            for series in scanned.series {
                let _ = decode_labels(series.labels);
            }
        }
    }
}
