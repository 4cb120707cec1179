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
