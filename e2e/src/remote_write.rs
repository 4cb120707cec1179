use std::time::Duration;

use anyhow::{Context, Result};
use vigie_systems::{Answer, Protocol, Series, encode_request, http_client, snappy};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

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
                ("Content-Type", Protocol::V1.content_type()),
            ],
        )
    }

    pub fn send_with(&self, body: Vec<u8>, headers: &[(&str, &str)]) -> Result<Answer> {
        let mut request = self
            .client
            .post(&self.url)
            .header("X-Prometheus-Remote-Write-Version", Protocol::V1.version())
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
