//! `Exemplar` of both versions.

use vigie_model::{Exemplar, Labels};

use super::protobuf::{Reader, Value};
use crate::error::WriteError;
use crate::exemplars::SeriesExemplar;

/// Exemplars as they stand in a request, with the index of their series: most requests have none, and what
/// there is is decoded only if it is kept.
pub(super) type RawExemplars<'a> = Vec<(u32, &'a [u8])>;

/// Decodes those that can be kept; an unusable one is no reason to refuse samples. `labels` reads the fields of
/// a message's labels.
pub(super) fn decode<'a, 'n>(
    raw: &[(u32, &'a [u8])],
    labels: impl Fn(&'a [u8]) -> Option<Vec<(&'n str, &'n str)>>,
) -> Vec<SeriesExemplar>
where
    'a: 'n,
{
    raw.iter()
        .filter_map(|&(series, message)| {
            let (value, timestamp_ms) = read_sample_fields(message).ok()?;
            let exemplar = Exemplar {
                labels: Labels::from_pairs(labels(message)?).ok()?,
                value,
                timestamp_ms,
                has_own_time: timestamp_ms != 0,
            };
            exemplar.fits().then_some(SeriesExemplar { series, exemplar })
        })
        .collect()
}

/// Value and time, numbered alike in both versions.
fn read_sample_fields(message: &[u8]) -> Result<(f64, i64), WriteError> {
    let (mut value, mut timestamp_ms) = (0.0, 0);
    let mut reader = Reader { rest: message };
    while let Some(field) = reader.field()? {
        match field {
            (2, Value::Fixed64(bits)) => value = f64::from_bits(bits),
            (3, Value::Varint(raw)) => timestamp_ms = raw.cast_signed(),
            _ => {}
        }
    }
    Ok((value, timestamp_ms))
}

/// Version 1.0: `Label` messages.
pub(super) fn labels_v1(message: &[u8]) -> Option<Vec<(&str, &str)>> {
    let mut pairs = Vec::new();
    let mut reader = Reader { rest: message };
    while let Some(field) = reader.field().ok()? {
        if let (1, Value::Bytes(label)) = field {
            let (mut name, mut value) = (&[][..], &[][..]);
            let mut reader = Reader { rest: label };
            while let Some(field) = reader.field().ok()? {
                match field {
                    (1, Value::Bytes(bytes)) => name = bytes,
                    (2, Value::Bytes(bytes)) => value = bytes,
                    _ => {}
                }
            }
            pairs.push((text(name)?, text(value)?));
        }
    }
    Some(pairs)
}

/// Version 2.0: numbers of symbols, name and value in turn.
pub(super) fn labels_v2<'a>(message: &[u8], symbols: &[&'a [u8]]) -> Option<Vec<(&'a str, &'a str)>> {
    let mut refs = Vec::new();
    let mut reader = Reader { rest: message };
    while let Some(field) = reader.field().ok()? {
        match field {
            (1, Value::Varint(number)) => refs.push(number),
            (1, Value::Bytes(packed)) => {
                let mut numbers = Reader { rest: packed };
                while !numbers.rest.is_empty() {
                    refs.push(numbers.varint().ok()?);
                }
            }
            _ => {}
        }
    }
    let symbol = |number: u64| text(symbols.get(usize::try_from(number).ok()?)?);
    let (pairs, rest) = refs.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|[name, value]| Some((symbol(*name)?, symbol(*value)?)))
        .collect()
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::SeriesSource;
    use crate::remote_write::tests::{bytes_field, sample, tenant};
    use crate::remote_write::{RequestV1, RequestV2};

    fn value_and_time(value: f64, timestamp_ms: i64) -> Vec<u8> {
        let mut fields = vec![2 << 3 | 1];
        fields.extend_from_slice(&value.to_le_bytes());
        fields.push(3 << 3);
        vigie_model::write_uvarint(&mut fields, timestamp_ms.cast_unsigned());
        fields
    }

    fn label(name: &str, value: &str) -> Vec<u8> {
        let pair = [bytes_field(1, name.as_bytes()), bytes_field(2, value.as_bytes())];
        bytes_field(1, &pair.concat())
    }

    fn shown(exemplars: &[SeriesExemplar]) -> Vec<String> {
        let show = |SeriesExemplar { series, exemplar }: &SeriesExemplar| {
            let own = exemplar.has_own_time;
            format!(
                "{series}: {} {} {} {own}",
                exemplar.labels, exemplar.value, exemplar.timestamp_ms
            )
        };
        exemplars.iter().map(show).collect()
    }

    #[test]
    fn version_1_has_labels_in_each_exemplar() {
        let long = "x".repeat(200);
        let series = |parts: &[Vec<u8>]| bytes_field(1, &parts.concat());
        let exemplar = |parts: &[Vec<u8>]| bytes_field(3, &parts.concat());
        let request = [
            series(&[label("__name__", "up"), sample(1, 1.0)]),
            // Prometheus sends exemplars as series of their own.
            series(&[
                label("__name__", "up"),
                exemplar(&[label("id", "a"), value_and_time(0.5, 7)]),
                exemplar(&[label("id", &long), value_and_time(0.5, 7)]),
                exemplar(&[label("id", "a"), label("id", "b"), value_and_time(0.5, 7)]),
                exemplar(&[value_and_time(1.5, 0)]),
            ]),
        ]
        .concat();
        let scanned = RequestV1::scan(&request, 7, &tenant()).unwrap();
        assert_eq!(
            shown(&scanned.exemplars()),
            ["1: {id=\"a\"} 0.5 7 true", "1: {} 1.5 0 false"]
        );
        assert_eq!(scanned.keys()[0], scanned.keys()[1]);
    }

    #[test]
    fn version_2_has_numbers_of_symbols() {
        let symbols: Vec<u8> = ["", "__name__", "up", "id", "a"]
            .iter()
            .flat_map(|symbol| bytes_field(4, symbol.as_bytes()))
            .collect();
        let series = |parts: &[Vec<u8>]| bytes_field(5, &parts.concat());
        let exemplar =
            |numbers: &[u8]| bytes_field(4, &[bytes_field(1, numbers), value_and_time(0.5, 7)].concat());
        let name = bytes_field(1, &[1, 2]);
        let request = [
            symbols,
            // Without a sample the series is an error, and its exemplars do not count.
            series(&[name.clone(), exemplar(&[3, 4])]),
            series(&[
                name,
                exemplar(&[3, 4]),
                sample(1, 1.0),
                exemplar(&[3]),
                exemplar(&[3, 99]),
            ]),
        ]
        .concat();
        let scanned = RequestV2::scan(&request, 7, &tenant()).unwrap();
        assert_eq!(shown(&scanned.exemplars()), ["1: {id=\"a\"} 0.5 7 true"]);
    }
}
