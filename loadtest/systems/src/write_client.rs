use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{
    CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT,
};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::kind::SystemKind;
use crate::remote_write::Protocol;

/// Of an answer kept: servers explain a refusal in a few lines.
const ANSWER_BYTES: usize = 64 << 10;

const VERSION: HeaderName = HeaderName::from_static("x-prometheus-remote-write-version");
const SAMPLES_WRITTEN: &str = "x-prometheus-remote-write-samples-written";
const HISTOGRAMS_WRITTEN: &str = "x-prometheus-remote-write-histograms-written";
const EXEMPLARS_WRITTEN: &str = "x-prometheus-remote-write-exemplars-written";

/// A sender of prepared remote write requests: HTTP/1.1 over up to `connections` connections that are kept alive.
/// Nothing is sent twice and nothing is encoded here, so its cost is that of the system calls. Clones share
/// connections. Needs a tokio runtime with I/O and time.
#[derive(Debug, Clone)]
pub struct WriteClient {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// `HOST:PORT`.
    address: String,
    host: HeaderValue,
    path: Uri,
    timeout: Duration,
    places: Semaphore,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

/// An answer to a request, good or bad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    pub status: u16,
    /// Seconds of `Retry-After`, if it has that form.
    pub retry_after: Option<Duration>,
    pub written: Written,
    /// What the server said: empty for most successes. Cut off after 64 KiB.
    pub body: String,
}

/// The written-statistics headers of remote write 2.0; `None` where the server sent none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    pub samples: Option<u64>,
    pub histograms: Option<u64>,
    pub exemplars: Option<u64>,
}

/// Why there is no answer. The request may have been stored all the same.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("connect to {address}: {source}")]
    Connect { address: String, source: std::io::Error },
    #[error("send a request or read its answer: {0}")]
    Http(#[from] hyper::Error),
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    #[error("make a request: {0}")]
    Request(#[from] hyper::http::Error),
}

impl Ack {
    /// Whether the server has taken responsibility for the whole request.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the protocol lets a sender try again: 5xx and 429.
    pub fn may_retry(&self) -> bool {
        self.status >= 500 || self.status == StatusCode::TOO_MANY_REQUESTS.as_u16()
    }
}

impl WriteClient {
    /// `url` of the endpoint itself, for example `http://127.0.0.1:9090/api/v1/write`. `timeout` is for one request,
    /// from the moment it has a connection.
    pub fn new(url: &str, connections: usize, timeout: Duration) -> anyhow::Result<Self> {
        use anyhow::Context as _;
        let uri: Uri = url.parse().with_context(|| format!("parse the URL {url}"))?;
        let authority = uri
            .authority()
            .with_context(|| format!("find the host of {url}"))?;
        anyhow::ensure!(
            uri.scheme_str() == Some("http"),
            "only plain HTTP is spoken to {url}"
        );
        anyhow::ensure!(connections > 0, "a sender needs at least one connection");
        let port = authority.port_u16().unwrap_or(80);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            shared: Arc::new(Shared {
                address: format!("{}:{port}", authority.host()),
                host: HeaderValue::from_str(authority.as_str()).context("put the host in a header")?,
                path: path.parse().context("parse the path of a URL")?,
                timeout,
                places: Semaphore::new(connections),
                idle: Mutex::default(),
            }),
        })
    }

    /// Sends a compressed request and waits for the answer; waits for a free connection first. `tenant` goes into
    /// `X-Scope-OrgID`.
    pub async fn send(
        &self,
        request: Bytes,
        protocol: Protocol,
        tenant: Option<&str>,
    ) -> Result<Ack, WriteError> {
        // The semaphore is never closed; were it, the request would go out over a connection too many.
        let _place = self.shared.places.acquire().await.ok();
        let timeout = self.shared.timeout;
        match tokio::time::timeout(timeout, self.shared.exchange(request, protocol, tenant)).await {
            Ok(answer) => answer,
            Err(_) => Err(WriteError::TimedOut(timeout)),
        }
    }
}

impl Shared {
    async fn exchange(
        &self,
        body: Bytes,
        protocol: Protocol,
        tenant: Option<&str>,
    ) -> Result<Ack, WriteError> {
        let request = self.request(body, protocol, tenant)?;
        let mut connection = match self.idle_connection() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        // Dropped on the way out by an error or a time-out, a connection in an unknown state is not used again.
        let response = connection.send_request(request).await?;
        let (head, body) = response.into_parts();
        let text = match Limited::new(body, ANSWER_BYTES).collect().await {
            Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
            Err(_) => "(the explanation is longer than 64 KiB or was cut off)".to_owned(),
        };
        if connection.ready().await.is_ok() {
            self.idle().push(connection);
        }
        Ok(Ack {
            status: head.status.as_u16(),
            retry_after: number(&head.headers, RETRY_AFTER.as_str()).map(Duration::from_secs),
            written: Written {
                samples: number(&head.headers, SAMPLES_WRITTEN),
                histograms: number(&head.headers, HISTOGRAMS_WRITTEN),
                exemplars: number(&head.headers, EXEMPLARS_WRITTEN),
            },
            body: text,
        })
    }

    fn request(
        &self,
        body: Bytes,
        protocol: Protocol,
        tenant: Option<&str>,
    ) -> Result<Request<Full<Bytes>>, WriteError> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(self.path.clone())
            .header(HOST, self.host.clone())
            .header(USER_AGENT, HeaderValue::from_static("vigie-loadtest"))
            .header(CONTENT_ENCODING, HeaderValue::from_static("snappy"))
            .header(CONTENT_TYPE, HeaderValue::from_static(protocol.content_type()))
            .header(VERSION, HeaderValue::from_static(protocol.version()));
        if let Some(tenant) = tenant {
            request = request.header(SystemKind::TENANT_HEADER, tenant);
        }
        Ok(request.body(Full::new(body))?)
    }

    /// The connection used last, if the server has not closed it meanwhile.
    fn idle_connection(&self) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = self.idle();
        while let Some(connection) = idle.pop() {
            if connection.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, WriteError> {
        let failed = |source| WriteError::Connect {
            address: self.address.clone(),
            source,
        };
        let stream = TcpStream::connect(&self.address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends when the sender is dropped or the server closes; what went wrong the sender is told.
        tokio::spawn(connection);
        Ok(sender)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SendRequest<Full<Bytes>>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}
