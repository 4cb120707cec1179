//! Asking a target: one request, one body of bounded size within a bounded time.

use std::io::Write;
use std::time::Duration;

use flate2::write::MultiGzDecoder;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use reqwest::{Response, StatusCode, Url};
use vigie_model::format_go_f;

use crate::ScrapeError;
use crate::client::{JobClient, describe};

const TIMEOUT_HEADER: &str = "X-Prometheus-Scrape-Timeout-Seconds";

/// An answer with status 200.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// Uncompressed.
    pub(crate) body: Vec<u8>,
    /// Empty if there is none.
    pub(crate) content_type: String,
}

/// Asks the target; `capacity` is the expected size of the body.
pub(crate) async fn fetch(
    client: &JobClient,
    url: &Url,
    timeout: Duration,
    max_body_bytes: u64,
    capacity: usize,
) -> Result<Fetched, ScrapeError> {
    let body = Body::new(max_body_bytes, capacity);
    match tokio::time::timeout(timeout, exchange(client, url, timeout, body)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(ScrapeError::Timeout { url: url.to_string() }),
    }
}

async fn exchange(
    client: &JobClient,
    url: &Url,
    timeout: Duration,
    body: Body,
) -> Result<Fetched, ScrapeError> {
    let failed = |reason: String| ScrapeError::Request {
        url: url.to_string(),
        reason,
    };
    let headers = client.headers().await.map_err(failed)?;
    let response = client
        .http
        .get(url.clone())
        .headers(headers)
        .header(ACCEPT, client.accept.clone())
        .header(ACCEPT_ENCODING, client.accept_encoding())
        .header(TIMEOUT_HEADER, format_go_f(timeout.as_secs_f64()))
        .send()
        .await
        .map_err(|error| failed(describe(&error)))?;
    if response.status() != StatusCode::OK {
        return Err(ScrapeError::Status(response.status().to_string()));
    }
    let content_type = header_text(response.headers(), CONTENT_TYPE.as_str());
    let is_gzip = header_text(response.headers(), CONTENT_ENCODING.as_str()) == "gzip";
    let body = if is_gzip {
        read_gzip(response, body).await
    } else {
        read_plain(response, body).await
    };
    Ok(Fetched {
        body: body.map_err(|error| match error {
            ReadError::Network(error) => failed(describe(&error)),
            ReadError::Scrape(error) => error,
        })?,
        content_type,
    })
}

fn header_text(headers: &HeaderMap, name: &str) -> String {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

enum ReadError {
    Network(reqwest::Error),
    Scrape(ScrapeError),
}

async fn read_plain(mut response: Response, mut body: Body) -> Result<Vec<u8>, ReadError> {
    while let Some(chunk) = response.chunk().await.map_err(ReadError::Network)? {
        // The one error of writing is that the body is full.
        body.write_all(&chunk)
            .map_err(|_| ReadError::Scrape(ScrapeError::BodySize))?;
    }
    Ok(body.bytes)
}

/// Decompresses while reading, so that a small answer cannot become a large body unnoticed.
async fn read_gzip(mut response: Response, body: Body) -> Result<Vec<u8>, ReadError> {
    let mut decoder = MultiGzDecoder::new(body);
    while let Some(chunk) = response.chunk().await.map_err(ReadError::Network)? {
        if let Err(error) = decoder.write_all(&chunk) {
            return Err(ReadError::Scrape(gzip_error(decoder.get_ref(), &error)));
        }
    }
    if let Err(error) = decoder.try_finish() {
        return Err(ReadError::Scrape(gzip_error(decoder.get_ref(), &error)));
    }
    Ok(std::mem::take(&mut decoder.get_mut().bytes))
}

fn gzip_error(body: &Body, error: &std::io::Error) -> ScrapeError {
    if body.is_full {
        ScrapeError::BodySize
    } else {
        ScrapeError::Compression(error.to_string())
    }
}

/// Collects bytes up to a limit.
#[derive(Debug)]
struct Body {
    bytes: Vec<u8>,
    limit_bytes: u64,
    is_full: bool,
}

impl Body {
    fn new(limit_bytes: u64, capacity: usize) -> Body {
        Body {
            bytes: Vec::with_capacity(capacity),
            limit_bytes,
            is_full: false,
        }
    }
}

impl Write for Body {
    fn write(&mut self, chunk: &[u8]) -> std::io::Result<usize> {
        // A body of exactly the limit is too large, as in Prometheus.
        if (self.bytes.len() + chunk.len()) as u64 >= self.limit_bytes {
            self.is_full = true;
            return Err(std::io::Error::other("body size limit exceeded"));
        }
        self.bytes.extend_from_slice(chunk);
        Ok(chunk.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
