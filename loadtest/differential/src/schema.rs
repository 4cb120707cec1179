use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;

/// Names and values of the labels of a series, `__name__` among them.
pub type Labels = BTreeMap<String, String>;

/// What a metric's values are, so that most functions are asked of what they are meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetricKind {
    Counter,
    Gauge,
    /// The `_bucket` series of a classic histogram.
    ClassicBucket,
    NativeHistogram,
}

/// One metric name and its live series.
#[derive(Debug, Clone)]
pub struct Metric {
    pub name: String,
    pub kind: MetricKind,
    /// Without `__name__`.
    pub series: Vec<Labels>,
    /// Every label name of any of the series, sorted.
    pub label_names: Vec<String>,
}

/// The live series of a tenant: what queries can find there.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    /// Sorted by name.
    pub metrics: Vec<Metric>,
    /// The values of each label over all metrics, sorted.
    pub label_values: BTreeMap<String, Vec<String>>,
}

impl Schema {
    /// From label sets and the types of metrics as metadata states them (`counter`, `histogram`, ...).
    /// Series without a name are left out. The order of the series does not matter: the same set
    /// gives the same schema, hence the same queries.
    pub fn new(series: Vec<Labels>, types: &BTreeMap<String, String>) -> Self {
        let mut by_name: BTreeMap<String, BTreeSet<Labels>> = BTreeMap::new();
        let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for mut labels in series {
            let Some(name) = labels.remove("__name__") else {
                continue;
            };
            for (label, value) in &labels {
                values.entry(label.clone()).or_default().insert(value.clone());
            }
            by_name.entry(name).or_default().insert(labels);
        }
        let metrics = by_name
            .into_iter()
            .map(|(name, series)| Metric::new(name, series, types))
            .collect();
        let label_values = values
            .into_iter()
            .map(|(label, values)| (label, values.into_iter().collect()))
            .collect();
        Self {
            metrics,
            label_values,
        }
    }

    /// From the bodies of `/api/v1/series` and, if there is one, `/api/v1/metadata`.
    pub fn parse(series: &str, metadata: Option<&str>) -> Result<Self> {
        let body: Value = serde_json::from_str(series).context("parse the list of series")?;
        let list: Vec<Labels> =
            serde_json::from_value(body["data"].clone()).context("read the label sets of the series")?;
        let mut types = BTreeMap::new();
        if let Some(metadata) = metadata {
            let body: Value = serde_json::from_str(metadata).context("parse the metadata")?;
            let names = body["data"].as_object().context("find data in the metadata")?;
            for (name, entries) in names {
                if let Some(kind) = entries[0]["type"].as_str() {
                    types.insert(name.clone(), kind.to_owned());
                }
            }
        }
        Ok(Self::new(list, &types))
    }

    pub fn of_kind(&self, kind: MetricKind) -> impl Iterator<Item = &Metric> {
        self.metrics.iter().filter(move |metric| metric.kind == kind)
    }
}

impl Metric {
    fn new(name: String, series: BTreeSet<Labels>, types: &BTreeMap<String, String>) -> Self {
        let label_names: BTreeSet<String> = series.iter().flat_map(Labels::keys).cloned().collect();
        let kind = kind_of(&name, label_names.contains("le"), types);
        Self {
            name,
            kind,
            series: series.into_iter().collect(),
            label_names: label_names.into_iter().collect(),
        }
    }
}

/// Metadata names the family, so a classic histogram's series carry a suffix that the typed name
/// has not: a series that bears the name of a `histogram` itself is a native one.
fn kind_of(name: &str, has_le: bool, types: &BTreeMap<String, String>) -> MetricKind {
    match types.get(name).map(String::as_str) {
        Some("counter") => return MetricKind::Counter,
        Some("histogram" | "gaugehistogram") => return MetricKind::NativeHistogram,
        Some("gauge") => return MetricKind::Gauge,
        _ => {}
    }
    if name.ends_with("_bucket") && has_le {
        return MetricKind::ClassicBucket;
    }
    let counts = ["_total", "_count", "_sum"];
    if counts.iter().any(|suffix| name.ends_with(suffix)) {
        MetricKind::Counter
    } else {
        MetricKind::Gauge
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_answers_of_the_api() {
        let series = r#"{"status":"success","data":[
            {"__name__":"b_bucket","le":"1"}, {"__name__":"b_bucket","le":"+Inf"},
            {"__name__":"n","job":"x"}, {"__name__":"a_total"}, {"job":"nameless"},
            {"__name__":"odd","job":"y"}, {"__name__":"g","job":"x"}]}"#;
        let metadata = r#"{"status":"success","data":{
            "n":[{"type":"histogram","help":"","unit":""}], "odd":[{"type":"counter"}]}}"#;
        let schema = Schema::parse(series, Some(metadata)).unwrap();
        let kinds: Vec<(&str, MetricKind, usize)> = schema
            .metrics
            .iter()
            .map(|metric| (&*metric.name, metric.kind, metric.series.len()))
            .collect();
        assert_eq!(
            kinds,
            [
                ("a_total", MetricKind::Counter, 1),
                ("b_bucket", MetricKind::ClassicBucket, 2),
                ("g", MetricKind::Gauge, 1),
                ("n", MetricKind::NativeHistogram, 1),
                ("odd", MetricKind::Counter, 1),
            ]
        );
        assert_eq!(schema.label_values["job"], ["x", "y"]);
        assert!(Schema::parse("{}", None).is_err());
    }
}
