//! One HTTP/1.1 connection that posts bodies: hyper without a pool, because a sender has one request in flight.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::retry::parse_retry_after;

/// Enough of an error text to say what is wrong.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// Where to post, and within what time.
#[derive(Debug, Clone)]
pub struct Endpoint {
    host_and_port: String,
    path: Uri,
    timeout: Duration,
}

/// An endpoint that cannot be posted to.
#[derive(Debug, thiserror::Error)]
#[error("{url:?} is not a plain http URL with a host")]
pub struct BadUrl {
    url: String,
}

impl Endpoint {
    /// An `http://host[:port]/path` URL; one attempt takes at most `timeout`.
    pub fn new(url: &str, timeout: Duration) -> Result<Self, BadUrl> {
        let bad = || BadUrl { url: url.to_owned() };
        let uri: Uri = url.parse().map_err(|_| bad())?;
        if uri.scheme_str() != Some("http") {
            return Err(bad());
        }
        let host = uri.host().ok_or_else(bad)?;
        let host_and_port = format!("{host}:{}", uri.port_u16().unwrap_or(80));
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            path: path.parse().map_err(|_| bad())?,
            host_and_port,
            timeout,
        })
    }
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub retry_after: Option<Duration>,
    /// Remote write 2.0's count of samples written, where the server says it.
    pub samples_written: Option<u64>,
    /// The body of an answer that is not a success, shortened.
    pub text: String,
}

/// Why there is no answer. Whether the request had its effect is then not known.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error("connect: {0}")]
    Connect(#[source] std::io::Error),
    #[error("exchange: {0}")]
    Exchange(#[source] hyper::Error),
    #[error("read the answer: {0}")]
    Body(String),
    #[error("no answer within {0:?}")]
    Timeout(Duration),
}

impl NoAnswer {
    /// Whether the request may have reached the server.
    pub(super) fn may_have_arrived(&self) -> bool {
        !matches!(self, Self::Connect(_))
    }
}

/// A connection that is made when needed and made again after a failure.
#[derive(Debug)]
pub(super) struct Connection {
    endpoint: Endpoint,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            sender: None,
        }
    }

    /// Posts `body` once.
    pub(super) async fn post(&mut self, headers: &HeaderMap, body: Bytes) -> Result<Answer, NoAnswer> {
        let limit = self.endpoint.timeout;
        let answer = timeout(limit, self.exchange(headers, body))
            .await
            .unwrap_or(Err(NoAnswer::Timeout(limit)));
        if answer.is_err() {
            // A late answer must not be taken for that of the next request.
            self.sender = None;
        }
        answer
    }

    async fn exchange(&mut self, headers: &HeaderMap, body: Bytes) -> Result<Answer, NoAnswer> {
        let mut sender = match self.live().await {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.endpoint.path.clone();
        *request.headers_mut() = headers.clone();
        if let Ok(host) = HeaderValue::from_str(&self.endpoint.host_and_port) {
            request.headers_mut().insert(hyper::header::HOST, host);
        }
        let response = sender.send_request(request).await.map_err(NoAnswer::Exchange)?;
        let status = response.status().as_u16();
        let retry_after = parse_retry_after(
            response
                .headers()
                .get(hyper::header::RETRY_AFTER)
                .map(HeaderValue::as_bytes),
        );
        let samples_written = response
            .headers()
            .get(HeaderName::from_static(
                "x-prometheus-remote-write-samples-written",
            ))
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES)
            .collect()
            .await
            .map_err(|error| NoAnswer::Body(error.to_string()))?;
        let text = if (200..300).contains(&status) {
            String::new()
        } else {
            shorten(&body.to_bytes())
        };
        self.sender = Some(sender);
        Ok(Answer {
            status,
            retry_after,
            samples_written,
            text,
        })
    }

    /// The connection of the last exchange, unless the peer has closed it since.
    async fn live(&mut self) -> Option<SendRequest<Full<Bytes>>> {
        let mut sender = self.sender.take()?;
        sender.ready().await.is_ok().then_some(sender)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, NoAnswer> {
        let stream = TcpStream::connect(&self.endpoint.host_and_port)
            .await
            .map_err(NoAnswer::Connect)?;
        stream.set_nodelay(true).map_err(NoAnswer::Connect)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(NoAnswer::Exchange)?;
        // Ends with the connection: when the sender is dropped or the peer closes. Its error reaches the request.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(sender)
    }
}

fn shorten(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    text.trim().chars().take(300).collect()
}
