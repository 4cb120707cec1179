//! Walking protobuf messages in place, and what both versions have in common.

use vigie_model::MetricKind;

use crate::error::WriteError;

/// `Sample.value`: field 1, fixed64.
const VALUE_TAG: u8 = 1 << 3 | 1;
/// `Sample.timestamp`: field 2, varint.
const TIMESTAMP_TAG: u8 = 2 << 3;
/// `Sample.start_timestamp` of version 2.0: field 3, varint.
const START_TAG: u8 = 3 << 3;

pub(super) fn unreadable(what: &str) -> WriteError {
    WriteError::Malformed(format!("proto: cannot parse WriteRequest: {what}"))
}

/// Metadata texts end in answers and in the log, so they have to be text.
pub(super) fn text(bytes: &[u8]) -> Result<&str, WriteError> {
    std::str::from_utf8(bytes).map_err(|_| unreadable("metadata is not valid UTF-8"))
}

/// `Sample` of version 1.0: time and value.
pub(super) fn read_sample(message: &[u8]) -> Result<(i64, f64), WriteError> {
    let (sample, _) = read_started_sample(message)?;
    Ok(sample)
}

/// `Sample` of version 2.0: time and value, and when it began to count, 0 if that is not said.
#[inline]
pub(super) fn read_started_sample(message: &[u8]) -> Result<((i64, f64), i64), WriteError> {
    // What senders write: value as fixed64 field 1, then timestamp as varint field 2, and perhaps field 3.
    if let Some(([VALUE_TAG, value @ .., TIMESTAMP_TAG], mut rest)) = message.split_first_chunk::<10>()
        && let Some(timestamp_ms) = vigie_model::read_uvarint(&mut rest)
    {
        let sample = (
            timestamp_ms.cast_signed(),
            f64::from_bits(u64::from_le_bytes(*value)),
        );
        match rest {
            [] => return Ok((sample, 0)),
            [START_TAG, rest @ ..] => {
                let mut rest = rest;
                if let Some(start_ms) = vigie_model::read_uvarint(&mut rest)
                    && rest.is_empty()
                {
                    return Ok((sample, start_ms.cast_signed()));
                }
            }
            _ => {}
        }
    }
    // What else the format allows.
    let (mut timestamp_ms, mut start_ms) = (0, 0);
    let mut value = 0.0;
    let mut reader = Reader { rest: message };
    while let Some(field) = reader.field()? {
        match field {
            (1, Value::Fixed64(bits)) => value = f64::from_bits(bits),
            (2, Value::Varint(raw)) => timestamp_ms = raw.cast_signed(),
            (3, Value::Varint(raw)) => start_ms = raw.cast_signed(),
            (1 | 2, _) => return Err(unreadable("a sample field has the wrong wire type")),
            _ => {}
        }
    }
    Ok(((timestamp_ms, value), start_ms))
}

/// `MetricType`, numbered alike in both versions.
pub(super) fn metric_kind(number: u64) -> MetricKind {
    match number {
        1 => MetricKind::Counter,
        2 => MetricKind::Gauge,
        3 => MetricKind::Histogram,
        4 => MetricKind::GaugeHistogram,
        5 => MetricKind::Summary,
        6 => MetricKind::Info,
        7 => MetricKind::StateSet,
        _ => MetricKind::Unknown,
    }
}

/// The content of a field.
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32,
}

/// Walks the fields of one protobuf message.
pub(super) struct Reader<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    #[inline]
    pub(super) fn field(&mut self) -> Result<Option<(u32, Value<'a>)>, WriteError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_| unreadable("a field number is out of range"))?;
        if number == 0 {
            return Err(unreadable("a field has number 0"));
        }
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(*self.array()?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| unreadable("it is truncated"))?;
                let (bytes, rest) = self
                    .rest
                    .split_at_checked(length)
                    .ok_or_else(|| unreadable("it is truncated"))?;
                self.rest = rest;
                Value::Bytes(bytes)
            }
            5 => {
                self.array::<4>()?;
                Value::Fixed32
            }
            _ => return Err(unreadable("a field has an unknown wire type")),
        };
        Ok(Some((number, value)))
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, WriteError> {
        vigie_model::read_uvarint(&mut self.rest).ok_or_else(|| unreadable("it is truncated"))
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], WriteError> {
        let (bytes, rest) = self
            .rest
            .split_first_chunk()
            .ok_or_else(|| unreadable("it is truncated"))?;
        self.rest = rest;
        Ok(bytes)
    }
}
