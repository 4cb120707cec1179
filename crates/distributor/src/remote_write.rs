//! Reading remote write 1.0: `prometheus.WriteRequest` behind block snappy.
//!
//! The protobuf bytes are scanned in place. For every series the scan yields the raw bytes of its
//! labels, which is all a known series needs; labels are decoded for new ones only.

use vigie_model::{InvalidLabels, Labels, MetricKind, MetricMetadata};

use crate::error::WriteError;

/// `TimeSeries.labels`: field 1, a message.
const LABEL_TAG: u8 = 1 << 3 | 2;
/// `Sample.value`: field 1, fixed64.
const VALUE_TAG: u8 = 1 << 3 | 1;
/// `Sample.timestamp`: field 2, varint.
const TIMESTAMP_TAG: u8 = 2 << 3;

/// Decompresses a request body, refusing one that claims to be larger than `limit_bytes` before any
/// memory is taken for it.
pub(crate) fn decompress(body: &[u8], limit_bytes: usize) -> Result<Vec<u8>, WriteError> {
    let malformed = |error: snap::Error| WriteError::Malformed(format!("snappy: {error}"));
    let decoded_bytes = snap::raw::decompress_len(body).map_err(malformed)?;
    if decoded_bytes > limit_bytes {
        return Err(WriteError::TooLarge {
            decoded_bytes: decoded_bytes as u64,
            limit_bytes: limit_bytes as u64,
        });
    }
    let mut decoded = vec![0; decoded_bytes];
    let written = snap::raw::Decoder::new()
        .decompress(body, &mut decoded)
        .map_err(malformed)?;
    decoded.truncate(written);
    Ok(decoded)
}

/// A request, scanned.
#[derive(Debug, Default)]
pub(crate) struct RemoteWriteRequest<'a> {
    pub(crate) series: Vec<RawSeries<'a>>,
    /// All samples, series by series.
    pub(crate) samples: Vec<(i64, f64)>,
    pub(crate) metadata: Vec<(&'a str, MetricMetadata)>,
    /// Native histograms found, which are not stored yet.
    pub(crate) histograms: usize,
}

/// One `TimeSeries` message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawSeries<'a> {
    /// The label fields with their tags. Where a sender put other fields in between, the whole
    /// message stands in: its bytes still name the series, only less stably.
    pub(crate) labels: &'a [u8],
    /// Where this series' samples end in [`RemoteWriteRequest::samples`].
    pub(crate) samples_end: usize,
}

impl<'a> RemoteWriteRequest<'a> {
    pub(crate) fn scan(decoded: &'a [u8]) -> Result<RemoteWriteRequest<'a>, WriteError> {
        let mut request = RemoteWriteRequest::default();
        let mut reader = Reader { rest: decoded };
        while let Some(field) = reader.field()? {
            match field {
                (1, Value::Bytes(series)) => request.scan_series(series)?,
                (3, Value::Bytes(metadata)) => request.scan_metadata(metadata)?,
                (1 | 3, _) => return Err(unreadable("a series or metadata field is not a message")),
                _ => {}
            }
        }
        Ok(request)
    }

    fn scan_series(&mut self, message: &'a [u8]) -> Result<(), WriteError> {
        let mut reader = Reader { rest: message };
        let mut labels_end = 0;
        let mut contiguous = true;
        let mut only_labels = true;
        // Labels come first and are short: tag, one byte of length, content. The loop below would read
        // them as well, at several times the cost, which here is most of the cost of a scan.
        while let [LABEL_TAG, length @ ..0x80, rest @ ..] = reader.rest
            && let Some((_, rest)) = rest.split_at_checked(usize::from(*length))
        {
            reader.rest = rest;
            labels_end = message.len() - rest.len();
        }
        while let Some(field) = reader.field()? {
            match field {
                (1, Value::Bytes(_)) => {
                    contiguous &= only_labels;
                    labels_end = message.len() - reader.rest.len();
                }
                (2, Value::Bytes(sample)) => {
                    only_labels = false;
                    self.samples.push(read_sample(sample)?);
                }
                (4, Value::Bytes(_)) => {
                    only_labels = false;
                    self.histograms += 1;
                }
                (1 | 2 | 4, _) => {
                    return Err(unreadable("a label, sample or histogram field is not a message"));
                }
                _ => only_labels = false,
            }
        }
        let labels = if contiguous {
            &message[..labels_end]
        } else {
            message
        };
        self.series.push(RawSeries {
            labels,
            samples_end: self.samples.len(),
        });
        Ok(())
    }

    fn scan_metadata(&mut self, message: &'a [u8]) -> Result<(), WriteError> {
        let mut reader = Reader { rest: message };
        let mut name = "";
        let mut metadata = MetricMetadata::default();
        while let Some(field) = reader.field()? {
            match field {
                (1, Value::Varint(kind)) => metadata.kind = metric_kind(kind),
                (2, Value::Bytes(bytes)) => name = text(bytes)?,
                (4, Value::Bytes(bytes)) => metadata.help = text(bytes)?.to_owned(),
                (5, Value::Bytes(bytes)) => metadata.unit = text(bytes)?.to_owned(),
                _ => {}
            }
        }
        self.metadata.push((name, metadata));
        Ok(())
    }
}

/// Decodes the labels of a scanned series: sorted, empty values dropped.
pub(crate) fn decode_labels(raw: &[u8]) -> Result<Labels, InvalidLabels> {
    let mut pairs = Vec::with_capacity(16);
    let mut reader = Reader { rest: raw };
    // The scan has been through these bytes, so only the texts can still be wrong.
    while let Some((number, value)) = reader.field().map_err(|_| InvalidLabels::Truncated)? {
        if let (1, Value::Bytes(label)) = (number, value) {
            let mut name = &[][..];
            let mut value = &[][..];
            let mut reader = Reader { rest: label };
            while let Some(field) = reader.field().map_err(|_| InvalidLabels::Truncated)? {
                match field {
                    (1, Value::Bytes(bytes)) => name = bytes,
                    (2, Value::Bytes(bytes)) => value = bytes,
                    _ => {}
                }
            }
            let utf8 = |bytes| std::str::from_utf8(bytes).map_err(|_| InvalidLabels::NotUtf8);
            pairs.push((utf8(name)?, utf8(value)?));
        }
    }
    Labels::from_pairs(pairs)
}

fn read_sample(message: &[u8]) -> Result<(i64, f64), WriteError> {
    // What senders write: value as fixed64 field 1, then timestamp as varint field 2.
    if let Some(([VALUE_TAG, value @ .., TIMESTAMP_TAG], mut rest)) = message.split_first_chunk::<10>()
        && let Some(timestamp_ms) = vigie_model::read_uvarint(&mut rest)
        && rest.is_empty()
    {
        return Ok((
            timestamp_ms.cast_signed(),
            f64::from_bits(u64::from_le_bytes(*value)),
        ));
    }
    // What else the format allows.
    let mut timestamp_ms = 0;
    let mut value = 0.0;
    let mut reader = Reader { rest: message };
    while let Some(field) = reader.field()? {
        match field {
            (1, Value::Fixed64(bits)) => value = f64::from_bits(bits),
            (2, Value::Varint(raw)) => timestamp_ms = raw.cast_signed(),
            (1 | 2, _) => return Err(unreadable("a sample field has the wrong wire type")),
            _ => {}
        }
    }
    Ok((timestamp_ms, value))
}

fn text(bytes: &[u8]) -> Result<&str, WriteError> {
    std::str::from_utf8(bytes).map_err(|_| unreadable("metadata is not valid UTF-8"))
}

/// `MetricMetadata.MetricType` of remote write 1.0.
fn metric_kind(number: u64) -> MetricKind {
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

fn unreadable(what: &str) -> WriteError {
    WriteError::Malformed(format!("proto: cannot parse WriteRequest: {what}"))
}

enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32,
}

/// Walks the fields of one protobuf message.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    #[inline]
    fn field(&mut self) -> Result<Option<(u32, Value<'a>)>, WriteError> {
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
    fn varint(&mut self) -> Result<u64, WriteError> {
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

#[cfg(test)]
mod tests;
