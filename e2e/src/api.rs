use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

pub type SeriesLabels = BTreeMap<String, String>;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

/// The Prometheus HTTP API of one server.
#[derive(Debug, Clone)]
pub struct Api {
    base: String,
    client: reqwest::blocking::Client,
}

/// Any reply, before anybody asks whether it is an error.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// The data of a successful query. A scalar or string is one series without labels.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryData {
    /// `vector`, `matrix`, `scalar` or `string`.
    pub result_type: String,
    /// Timestamps in milliseconds; values as the server printed them.
    pub series: BTreeMap<SeriesLabels, Vec<(i64, String)>>,
}

impl Api {
    /// `base` without a final slash, for example `http://127.0.0.1:9090`.
    pub fn new(base: &str) -> Result<Self> {
        let client = http_client(REQUEST_TIMEOUT)?;
        Ok(Self {
            base: base.to_owned(),
            client,
        })
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    pub fn get(&self, path: &str) -> Result<Answer> {
        let response = self
            .client
            .get(format!("{}{path}", self.base))
            .send()
            .context("send a GET")?;
        Answer::from(response)
    }

    /// A POST with form fields, the way Grafana asks.
    pub fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Result<Answer> {
        let mut body = String::new();
        for (name, value) in fields {
            let separator = if body.is_empty() { "" } else { "&" };
            let _ = write!(body, "{separator}{name}={}", percent_encode(value));
        }
        let response = self
            .client
            .post(format!("{}{path}", self.base))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(body)
            .send()
            .context("send a POST")?;
        Answer::from(response)
    }

    pub fn instant(&self, query: &str, time_ms: i64) -> Result<QueryData> {
        self.instant_answer(query, time_ms)?
            .query_data()
            .with_context(|| format!("ask {query}"))
    }

    pub fn instant_answer(&self, query: &str, time_ms: i64) -> Result<Answer> {
        self.post_form("/api/v1/query", &[("query", query), ("time", &seconds(time_ms))])
    }

    pub fn range(&self, query: &str, start_ms: i64, end_ms: i64, step_ms: i64) -> Result<QueryData> {
        self.range_answer(query, start_ms, end_ms, step_ms)?
            .query_data()
            .with_context(|| format!("ask for a range of {query}"))
    }

    pub fn range_answer(&self, query: &str, start_ms: i64, end_ms: i64, step_ms: i64) -> Result<Answer> {
        let (start, end, step) = (seconds(start_ms), seconds(end_ms), seconds(step_ms));
        let fields = [
            ("query", query),
            ("start", &*start),
            ("end", &*end),
            ("step", &*step),
        ];
        self.post_form("/api/v1/query_range", &fields)
    }

    /// `/-/ready` answers 200.
    pub fn is_ready(&self) -> Result<bool> {
        Ok(self.get("/-/ready")?.status == 200)
    }

    /// One sample of the server's own `/metrics`: the first line that starts with `prefix`.
    pub fn own_metric(&self, prefix: &str) -> Result<Option<f64>> {
        let page = self.get("/metrics")?.body;
        let line = page.lines().find(|line| line.starts_with(prefix));
        Ok(line
            .and_then(|line| line.rsplit_once(' '))
            .and_then(|(_, value)| value.parse().ok()))
    }
}

impl Answer {
    fn from(response: reqwest::blocking::Response) -> Result<Self> {
        let status = response.status().as_u16();
        let body = response.text().context("read the answer")?;
        Ok(Self { status, body })
    }

    /// `(errorType, error)` of an error envelope.
    pub fn api_error(&self) -> Option<(String, String)> {
        let body: Value = serde_json::from_str(&self.body).ok()?;
        let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
        Some((text("errorType")?, text("error")?))
    }

    pub fn query_data(&self) -> Result<QueryData> {
        if self.status != 200 {
            bail!("status {}: {}", self.status, self.body.trim());
        }
        let body: Value = serde_json::from_str(&self.body).context("parse the answer")?;
        let data = body.get("data").context("find data in the answer")?;
        let result_type = data["resultType"]
            .as_str()
            .context("find resultType in the answer")?
            .to_owned();
        let result = &data["result"];
        let mut series = BTreeMap::new();
        if matches!(result_type.as_str(), "scalar" | "string") {
            series.insert(SeriesLabels::new(), vec![point(result)?]);
            return Ok(QueryData { result_type, series });
        }
        for item in result.as_array().context("find the result list in the answer")? {
            let labels = labels(&item["metric"])?;
            let points = match (&item["value"], &item["values"]) {
                (Value::Array(_), _) => vec![point(&item["value"])?],
                (_, Value::Array(values)) => values.iter().map(point).collect::<Result<_>>()?,
                _ => bail!("a series without float samples: {item}"),
            };
            if series.insert(labels, points).is_some() {
                bail!("two series with the same labels: {}", item["metric"]);
            }
        }
        Ok(QueryData { result_type, series })
    }
}

impl QueryData {
    /// The value of the only series of an instant answer.
    pub fn only_value(&self) -> Result<f64> {
        let mut points = self.series.values().flatten();
        match (points.next(), points.next()) {
            (Some((_, value)), None) => value.parse().with_context(|| format!("parse the value {value}")),
            (None, _) => bail!("no series in the answer"),
            (Some(_), Some(_)) => bail!("more than one sample in the answer"),
        }
    }
}

/// A client with a connection pool of its own.
pub(crate) fn http_client(timeout: Duration) -> Result<reqwest::blocking::Client> {
    // Built together with the scraper, reqwest has TLS without a provider, and refuses to start
    // even a plain client until there is one. Fails if another call was first, which is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::blocking::Client::builder()
        .timeout(timeout)
        .build()
        .context("make an HTTP client")
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
pub fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn seconds(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    format!(
        "{sign}{}.{:03}",
        ms.unsigned_abs() / 1000,
        ms.unsigned_abs() % 1000
    )
}

fn labels(metric: &Value) -> Result<SeriesLabels> {
    let map = metric.as_object().context("find the labels of a series")?;
    map.iter()
        .map(|(name, value)| {
            Ok((
                name.clone(),
                value.as_str().context("read a label value")?.to_owned(),
            ))
        })
        .collect()
}

fn point(pair: &Value) -> Result<(i64, String)> {
    let seconds = pair[0]
        .as_f64()
        .with_context(|| format!("read the time of {pair}"))?;
    let value = pair[1]
        .as_str()
        .with_context(|| format!("read the value of {pair}"))?;
    Ok(((seconds * 1000.0).round() as i64, value.to_owned()))
}
