use std::time::Duration;

use anyhow::{Context, Result};

use crate::api::{Answer, http_client};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// One time series of a remote write 1.0 request. The labels go out as they stand: in this order, valid or not.
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

/// A remote write 1.0 sender with its own connection pool.
#[derive(Debug, Clone)]
pub struct WriteClient {
    url: String,
    client: reqwest::blocking::Client,
}

impl WriteClient {
    /// `url` of the endpoint itself, for example `http://127.0.0.1:9090/api/v1/write`.
    pub fn new(url: &str) -> Result<Self> {
        let client = http_client(REQUEST_TIMEOUT)?;
        Ok(Self {
            url: url.to_owned(),
            client,
        })
    }

    pub fn send(&self, series: &[Series]) -> Result<Answer> {
        self.send_body(snappy(&encode_request(series))?)
    }

    /// Sends bytes as they are, with the headers of remote write 1.0.
    pub fn send_body(&self, body: Vec<u8>) -> Result<Answer> {
        self.send_with(
            body,
            &[
                ("Content-Encoding", "snappy"),
                ("Content-Type", "application/x-protobuf"),
            ],
        )
    }

    pub fn send_with(&self, body: Vec<u8>, headers: &[(&str, &str)]) -> Result<Answer> {
        let mut request = self
            .client
            .post(&self.url)
            .header("X-Prometheus-Remote-Write-Version", "0.1.0")
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().context("send a write request")?;
        let status = response.status().as_u16();
        Ok(Answer {
            status,
            body: response.text().context("read the answer to a write request")?,
        })
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
pub(crate) fn encode_labels<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>, out: &mut Vec<u8>) {
    for (name, value) in labels {
        let length = string_len(name) + string_len(value);
        put_key_and_length(1, length, out);
        put_string(1, name, out);
        put_string(2, value, out);
    }
}

pub(crate) fn encode_series(encoded_labels: &[u8], samples: &[(i64, f64)], out: &mut Vec<u8>) {
    let samples_len: usize = samples.iter().map(|(t, _)| 2 + sample_len(*t)).sum();
    put_key_and_length(1, encoded_labels.len() + samples_len, out);
    out.extend_from_slice(encoded_labels);
    for (t, value) in samples {
        put_key_and_length(2, sample_len(*t), out);
        out.push(1 << 3 | 1);
        out.extend_from_slice(&value.to_le_bytes());
        out.push(2 << 3);
        put_varint(*t as u64, out);
    }
}

/// The block format, as remote write wants it.
pub fn snappy(raw: &[u8]) -> Result<Vec<u8>> {
    snap::raw::Encoder::new()
        .compress_vec(raw)
        .context("compress a write request")
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
        assert_eq!(encode_request(&[series]), expected);
        for value in [0, 127, 128, 16_383, 16_384, u64::MAX] {
            let mut out = Vec::new();
            put_varint(value, &mut out);
            assert_eq!(out.len(), varint_len(value), "{value}");
        }
    }
}
