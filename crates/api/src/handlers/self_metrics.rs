//! status/self_metrics: the process's own metrics as JSON, in the form that Protobuf's JSON mapping gives
//! `io.prometheus.client.MetricFamily`.

use std::collections::BTreeMap;

use axum::extract::State;
use regex::Regex;
use serde_json::{Map, Value, json};
use vigie_exposition::{Entry, Parser, Series};
use vigie_model::{METRIC_NAME, MetricKind};

use crate::error::{ApiError, ErrorKind};
use crate::params::Params;
use crate::reply::Reply;
use crate::routes::Api;

pub(crate) async fn families(State(api): State<Api>, params: Params) -> Result<Reply, ApiError> {
    let filter = match params.get("metric_name_pattern") {
        "" => None,
        pattern => Some(Regex::new(&format!("^(?:{pattern})$")).map_err(|_| {
            ApiError::bad_data(format!(
                "invalid metric_name_pattern: error parsing regexp: `^(?:{pattern})$`"
            ))
        })?),
    };
    let text = api.backends.lifecycle.metrics_text();
    let families = read(&text).map_err(|error| ApiError {
        kind: ErrorKind::Internal,
        message: format!("error gathering self metrics: {error}"),
    })?;
    let is_wanted = |family: &&Family| {
        filter
            .as_ref()
            .is_none_or(|filter| filter.is_match(&family.name()))
    };
    let shown: Vec<Value> = families.values().filter(is_wanted).map(Family::shown).collect();
    Reply::json(&shown)
}

#[derive(Debug, Default)]
struct Family {
    name: String,
    kind: MetricKind,
    help: String,
    /// By the labels that tell them apart.
    metrics: BTreeMap<Vec<(String, String)>, Metric>,
}

#[derive(Debug, Default)]
struct Metric {
    value: f64,
    sum: f64,
    count: f64,
    /// Upper bound and cumulative count.
    buckets: Vec<(f64, f64)>,
}

fn read(text: &str) -> Result<BTreeMap<String, Family>, String> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    let mut parser = Parser::open_metrics(text.as_bytes());
    while let Some(entry) = parser.next().map_err(|error| error.to_string())? {
        match entry {
            Entry::Type { name, kind } => {
                current = name.into_owned();
                named(&mut families, &current).kind = kind;
            }
            Entry::Help { name, text } => {
                current = name.into_owned();
                named(&mut families, &current).help = text.into_owned();
            }
            Entry::Series(series) => named(&mut families, &current).add(&series)?,
            // The text has no native histograms.
            Entry::Histogram(_) | Entry::Unit { .. } | Entry::Comment(_) => {}
        }
    }
    Ok(families)
}

fn named<'a>(families: &'a mut BTreeMap<String, Family>, name: &str) -> &'a mut Family {
    families.entry(name.to_owned()).or_insert_with(|| Family {
        name: name.to_owned(),
        ..Family::default()
    })
}

impl Family {
    /// OpenMetrics names a counter without the suffix of its samples.
    fn name(&self) -> String {
        match self.kind {
            MetricKind::Counter => format!("{}_total", self.name),
            _ => self.name.clone(),
        }
    }

    fn add(&mut self, series: &Series<'_>) -> Result<(), String> {
        let mut suffix = String::new();
        let mut bound = None;
        let mut labels = Vec::new();
        for (name, value) in series.labels().map_err(|error| error.to_string())? {
            match &*name {
                METRIC_NAME => {
                    suffix = value
                        .strip_prefix(self.name.as_str())
                        .unwrap_or_default()
                        .to_owned()
                }
                "le" if self.kind == MetricKind::Histogram => {
                    bound = vigie_model::parse_go_float(&value);
                }
                _ => labels.push((name.into_owned(), value.into_owned())),
            }
        }
        let metric = self.metrics.entry(labels).or_default();
        match (self.kind, suffix.as_str(), bound) {
            (MetricKind::Histogram, "_bucket", Some(bound)) => metric.buckets.push((bound, series.value)),
            (MetricKind::Histogram, "_sum", _) => metric.sum = series.value,
            (MetricKind::Histogram, "_count", _) => metric.count = series.value,
            _ => metric.value = series.value,
        }
        Ok(())
    }

    fn shown(&self) -> Value {
        let kind = match self.kind {
            MetricKind::Counter => "COUNTER",
            MetricKind::Gauge => "GAUGE",
            MetricKind::Histogram => "HISTOGRAM",
            _ => "UNTYPED",
        };
        let metrics: Vec<Value> = self
            .metrics
            .iter()
            .map(|(labels, metric)| self.shown_metric(labels, metric))
            .collect();
        json!({"name": self.name(), "help": self.help, "type": kind, "metric": metrics})
    }

    fn shown_metric(&self, labels: &[(String, String)], metric: &Metric) -> Value {
        let mut shown = Map::new();
        if !labels.is_empty() {
            let pairs = labels
                .iter()
                .map(|(name, value)| json!({"name": name, "value": value}));
            shown.insert("label".to_owned(), pairs.collect());
        }
        let (member, value) = match self.kind {
            MetricKind::Counter => ("counter", json!({"value": number(metric.value)})),
            MetricKind::Gauge => ("gauge", json!({"value": number(metric.value)})),
            MetricKind::Histogram => ("histogram", histogram(metric)),
            _ => ("untyped", json!({"value": number(metric.value)})),
        };
        shown.insert(member.to_owned(), value);
        Value::Object(shown)
    }
}

fn histogram(metric: &Metric) -> Value {
    let buckets: Vec<Value> = metric
        .buckets
        .iter()
        .map(|&(bound, count)| json!({"cumulativeCount": integer(count), "upperBound": number(bound)}))
        .collect();
    json!({"sampleCount": integer(metric.count), "sampleSum": number(metric.sum), "bucket": buckets})
}

/// 64-bit integers are strings in Protobuf's JSON.
fn integer(value: f64) -> String {
    (value as u64).to_string()
}

/// So are the numbers that JSON does not have; whole ones have no fraction.
fn number(value: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.is_nan() {
        json!("NaN")
    } else if value.is_infinite() {
        json!(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else if value.fract() == 0.0 && value.abs() < EXACT {
        json!(value as i64)
    } else {
        json!(value)
    }
}
