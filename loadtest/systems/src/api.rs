use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::answer::{Answer, FloatSeries, QueryData, SeriesLabels};
use crate::kind::SystemKind;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

/// What can be asked of series without asking for samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Find<'a> {
    LabelNames,
    LabelValues(&'a str),
    Series,
}

/// The Prometheus HTTP API of one server. Clones share connections.
#[derive(Debug, Clone)]
pub struct Api {
    base: String,
    client: reqwest::blocking::Client,
    tenant: Option<String>,
}

impl Api {
    /// `base` without a final slash, for example `http://127.0.0.1:9090`.
    pub fn new(base: &str) -> Result<Self> {
        Self::with_timeout(base, REQUEST_TIMEOUT)
    }

    /// Requests that take longer fail.
    pub fn with_timeout(base: &str, timeout: Duration) -> Result<Self> {
        Ok(Self {
            base: base.to_owned(),
            client: http_client(timeout)?,
            tenant: None,
        })
    }

    /// The same server seen as `tenant`.
    pub fn for_tenant(&self, tenant: &str) -> Self {
        Self {
            tenant: Some(tenant.to_owned()),
            ..self.clone()
        }
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    pub fn get(&self, path: &str) -> Result<Answer> {
        self.send(self.client.get(format!("{}{path}", self.base)))
    }

    /// A POST with form fields, the way Grafana asks.
    pub fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Result<Answer> {
        let request = self
            .client
            .post(format!("{}{path}", self.base))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form(fields));
        self.send(request)
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

    /// Every stored sample of `selector` from `start_ms` to `end_ms`, both included, as stored: an instant query of a
    /// range selector. Ranges exclude their left end, so one millisecond is added.
    pub fn samples(&self, selector: &str, start_ms: i64, end_ms: i64) -> Result<Vec<FloatSeries>> {
        let query = format!("{selector}[{}ms]", end_ms - start_ms + 1);
        self.instant_answer(&query, end_ms)?
            .float_series()
            .with_context(|| format!("ask for the samples of {selector}"))
    }

    /// The label sets of the series that match `selector` between the two times.
    pub fn series(&self, selector: &str, start_ms: i64, end_ms: i64) -> Result<Vec<SeriesLabels>> {
        let (start, end) = (seconds(start_ms), seconds(end_ms));
        self.post_form(
            "/api/v1/series",
            &[("match[]", selector), ("start", &start), ("end", &end)],
        )?
        .label_sets()
        .with_context(|| format!("ask for the series of {selector}"))
    }

    /// The label names of all series between the two times.
    pub fn labels(&self, start_ms: i64, end_ms: i64) -> Result<Vec<String>> {
        let (start, end) = (seconds(start_ms), seconds(end_ms));
        self.post_form("/api/v1/labels", &[("start", &start), ("end", &end)])?
            .strings()
            .context("ask for label names")
    }

    /// The values of a label, of the series that match `selector` if that is not empty.
    pub fn label_values(
        &self,
        label: &str,
        selector: &str,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Vec<String>> {
        let (start, end) = (seconds(start_ms), seconds(end_ms));
        let mut fields = vec![("start", &*start), ("end", &*end)];
        if !selector.is_empty() {
            fields.push(("match[]", selector));
        }
        self.get(&format!(
            "/api/v1/label/{}/values?{}",
            percent_encode(label),
            form(&fields)
        ))?
        .strings()
        .with_context(|| format!("ask for the values of {label}"))
    }

    /// What there is between the two times, of the series that match any of the selectors; of all if there are none. At
    /// most `limit` of them.
    pub fn find_answer(
        &self,
        what: Find<'_>,
        selectors: &[String],
        limit: Option<u32>,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Answer> {
        let (start, end) = (seconds(start_ms), seconds(end_ms));
        let limit = limit.map(|limit| limit.to_string());
        let mut fields = vec![("start", &*start), ("end", &*end)];
        fields.extend(selectors.iter().map(|selector| ("match[]", &**selector)));
        fields.extend(limit.iter().map(|limit| ("limit", &**limit)));
        match what {
            Find::LabelNames => self.post_form("/api/v1/labels", &fields),
            Find::Series => self.post_form("/api/v1/series", &fields),
            Find::LabelValues(label) => self.get(&format!(
                "/api/v1/label/{}/values?{}",
                percent_encode(label),
                form(&fields)
            )),
        }
    }

    /// `/api/v1/metadata` as it is: an object from metric name to what is known of it.
    pub fn metadata(&self) -> Result<serde_json::Value> {
        self.get("/api/v1/metadata")?.data().context("ask for metadata")
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

    fn send(&self, mut request: reqwest::blocking::RequestBuilder) -> Result<Answer> {
        if let Some(tenant) = &self.tenant {
            request = request.header(SystemKind::TENANT_HEADER, tenant);
        }
        let response = request
            .send()
            .with_context(|| format!("send a request to {}", self.base))?;
        let status = response.status().as_u16();
        let body = response.text().context("read the answer")?;
        Ok(Answer { status, body })
    }
}

/// `name=value&...`, as in a query string or a form.
fn form(fields: &[(&str, &str)]) -> String {
    let mut body = String::new();
    for (name, value) in fields {
        let separator = if body.is_empty() { "" } else { "&" };
        let _ = write!(
            body,
            "{separator}{}={}",
            percent_encode(name),
            percent_encode(value)
        );
    }
    body
}

/// A client with a connection pool of its own.
pub fn http_client(timeout: Duration) -> Result<reqwest::blocking::Client> {
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
