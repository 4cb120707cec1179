use std::collections::HashMap;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Which remote write a request speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Protocol {
    /// 1.0: `prometheus.WriteRequest`.
    #[serde(rename = "1.0")]
    V1,
    /// 2.0: `io.prometheus.write.v2.Request`.
    #[serde(rename = "2.0")]
    V2,
}

impl Protocol {
    pub fn content_type(self) -> &'static str {
        match self {
            Self::V1 => "application/x-protobuf",
            Self::V2 => "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        }
    }

    /// The value of `X-Prometheus-Remote-Write-Version`.
    pub fn version(self) -> &'static str {
        match self {
            Self::V1 => "0.1.0",
            Self::V2 => "2.0.0",
        }
    }
}

/// One time series of a request. The labels go out as they stand: in this order, valid or not.
#[derive(Debug, Clone, Default)]
pub struct Series {
    pub labels: Vec<(String, String)>,
    /// Milliseconds and value.
    pub samples: Vec<(i64, f64)>,
}

impl Series {
    pub fn new(labels: &[(&str, &str)], samples: &[(i64, f64)]) -> Self {
        let labels = labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Self {
            labels,
            samples: samples.to_vec(),
        }
    }
}

/// `prometheus.WriteRequest`: timeseries = 1 { labels = 1 { name = 1, value = 2 }, samples = 2 { value = 1, timestamp = 2 } }.
pub fn encode_request(series: &[Series]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut labels = Vec::new();
    for one in series {
        labels.clear();
        encode_labels(
            one.labels.iter().map(|(name, value)| (&**name, &**value)),
            &mut labels,
        );
        encode_series(&labels, &one.samples, &mut out);
    }
    out
}

/// The fields `labels` of a series, to be put before its samples by [`encode_series`].
pub fn encode_labels<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>, out: &mut Vec<u8>) {
    for (name, value) in labels {
        let length = string_len(name) + string_len(value);
        put_key_and_length(1, length, out);
        put_string(1, name, out);
        put_string(2, value, out);
    }
}

/// Appends one series to a request.
pub fn encode_series(encoded_labels: &[u8], samples: &[(i64, f64)], out: &mut Vec<u8>) {
    let samples_len: usize = samples.iter().map(|(t, _)| 2 + sample_len(*t)).sum();
    put_key_and_length(1, encoded_labels.len() + samples_len, out);
    out.extend_from_slice(encoded_labels);
    put_samples(samples, out);
}

/// `io.prometheus.write.v2.Request`: symbols = 4, timeseries = 5 { labels_refs = 1 (packed), samples = 2 }. The
/// samples are those of 1.0. No metadata and nothing else that is optional.
pub fn encode_request_v2(series: &[Series]) -> Vec<u8> {
    // Symbol 0 has to be the empty string.
    let mut symbols = vec![""];
    let mut numbers = HashMap::new();
    let mut all = Vec::new();
    for one in series {
        let mut refs = Vec::new();
        for text in one.labels.iter().flat_map(|(name, value)| [name, value]) {
            let number = *numbers.entry(text.as_str()).or_insert_with(|| {
                symbols.push(text);
                symbols.len() as u64 - 1
            });
            put_varint(number, &mut refs);
        }
        let mut body = Vec::new();
        put_key_and_length(1, refs.len(), &mut body);
        body.extend_from_slice(&refs);
        put_samples(&one.samples, &mut body);
        put_key_and_length(5, body.len(), &mut all);
        all.extend_from_slice(&body);
    }
    let mut out = Vec::new();
    for symbol in symbols {
        put_string(4, symbol, &mut out);
    }
    out.extend_from_slice(&all);
    out
}

/// The block format, as remote write wants it.
pub fn snappy(raw: &[u8]) -> Result<Vec<u8>> {
    snap::raw::Encoder::new()
        .compress_vec(raw)
        .context("compress a write request")
}

fn put_samples(samples: &[(i64, f64)], out: &mut Vec<u8>) {
    for (t, value) in samples {
        put_key_and_length(2, sample_len(*t), out);
        out.push(1 << 3 | 1);
        out.extend_from_slice(&value.to_le_bytes());
        out.push(2 << 3);
        put_varint(*t as u64, out);
    }
}

fn sample_len(t: i64) -> usize {
    9 + 1 + varint_len(t as u64)
}

fn string_len(text: &str) -> usize {
    1 + varint_len(text.len() as u64) + text.len()
}

fn put_string(field: u8, text: &str, out: &mut Vec<u8>) {
    put_key_and_length(field, text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

fn put_key_and_length(field: u8, length: usize, out: &mut Vec<u8>) {
    out.push(field << 3 | 2);
    put_varint(length as u64, out);
}

fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_what_the_protocol_says() {
        let series = Series::new(&[("__name__", "up")], &[(1, 1.0)]);
        let mut expected = vec![0x0a, 29, 0x0a, 14, 0x0a, 8];
        expected.extend_from_slice(b"__name__");
        expected.extend_from_slice(&[0x12, 2, b'u', b'p', 0x12, 11, 0x09]);
        expected.extend_from_slice(&1.0f64.to_le_bytes());
        expected.extend_from_slice(&[0x10, 1]);
        assert_eq!(encode_request(std::slice::from_ref(&series)), expected);
        let mut expected = vec![0x22, 0, 0x22, 8];
        expected.extend_from_slice(b"__name__");
        expected.extend_from_slice(&[0x22, 2, b'u', b'p', 0x2a, 17, 0x0a, 2, 1, 2, 0x12, 11, 0x09]);
        expected.extend_from_slice(&1.0f64.to_le_bytes());
        expected.extend_from_slice(&[0x10, 1]);
        assert_eq!(encode_request_v2(&[series]), expected);
        for value in [0, 127, 128, 16_383, 16_384, u64::MAX] {
            let mut out = Vec::new();
            put_varint(value, &mut out);
            assert_eq!(out.len(), varint_len(value), "{value}");
        }
    }
}
