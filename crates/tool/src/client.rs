//! A client of Prometheus's HTTP API.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, StatusCode};
use serde_json::Value;

/// As promtool has it.
const TIMEOUT: Duration = Duration::from_secs(120);
/// What is shown of an answer that is not the API's.
const MAX_DETAIL_CHARS: usize = 500;

#[derive(Debug)]
pub(crate) struct ApiClient {
    http: Client,
    base: String,
    headers: HeaderMap,
}

/// An answer of the API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) data: Value,
    pub(crate) warnings: Vec<String>,
}

impl ApiClient {
    /// `headers` are `NAME=VALUE`.
    pub(crate) fn new(server: &str, headers: &[String]) -> Result<ApiClient, String> {
        // Another part of the process may have installed one already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base = if server.contains("://") {
            server.to_owned()
        } else {
            format!("http://{server}")
        };
        let mut map = HeaderMap::new();
        for header in headers {
            let (name, value) = header
                .split_once('=')
                .ok_or_else(|| format!("expected NAME=VALUE got '{header}'"))?;
            let name = HeaderName::try_from(name).map_err(|error| format!("{name:?}: {error}"))?;
            let value = HeaderValue::try_from(value).map_err(|error| format!("{name}: {error}"))?;
            map.append(name, value);
        }
        Ok(ApiClient {
            http: Client::builder()
                .timeout(TIMEOUT)
                .build()
                .map_err(|error| error.to_string())?,
            base: base.trim_end_matches('/').to_owned(),
            headers: map,
        })
    }

    /// Sends a form by POST, and by GET to a server that takes no POST.
    pub(crate) async fn post(&self, path: &str, form: &[(&str, String)]) -> Result<Answer, String> {
        let body = encoded(form);
        let request = self
            .http
            .post(format!("{}{path}", self.base))
            .headers(self.headers.clone())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body);
        let response = request.send().await.map_err(|error| chain(&error))?;
        let status = response.status();
        if matches!(
            status,
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED
        ) {
            return self.get(path, form).await;
        }
        read(response).await
    }

    pub(crate) async fn get(&self, path: &str, form: &[(&str, String)]) -> Result<Answer, String> {
        let request = self
            .http
            .get(format!("{}{path}?{}", self.base, encoded(form)))
            .headers(self.headers.clone());
        read(request.send().await.map_err(|error| chain(&error))?).await
    }
}

fn encoded(form: &[(&str, String)]) -> String {
    let mut encoder = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form {
        encoder.append_pair(name, value);
    }
    encoder.finish()
}

async fn read(response: reqwest::Response) -> Result<Answer, String> {
    let status = response.status();
    let text = response.text().await.map_err(|error| chain(&error))?;
    let answer: Option<Value> = serde_json::from_str(&text).ok();
    let field = |name: &str| answer.as_ref().and_then(|answer| answer.get(name));
    match field("status").and_then(Value::as_str) {
        Some("success") => Ok(Answer {
            data: field("data").cloned().unwrap_or(Value::Null),
            warnings: field("warnings")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|warning| warning.as_str().map(str::to_owned))
                .collect(),
        }),
        Some("error") => {
            let word = |name: &str| field(name).and_then(Value::as_str).unwrap_or_default();
            Err(format!("{}: {}", word("errorType"), word("error")))
        }
        _ => {
            let kind = match status.as_u16() / 100 {
                4 => "client_error: client error",
                5 => "server_error: server error",
                _ => "bad_response: bad response code",
            };
            let detail: String = text.trim().chars().take(MAX_DETAIL_CHARS).collect();
            let detail = if detail.is_empty() {
                detail
            } else {
                format!(" (detail: {detail})")
            };
            Err(format!("{kind}: {}{detail}", status.as_u16()))
        }
    }
}

/// The error with its causes, which alone say what happened.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
