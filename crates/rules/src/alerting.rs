//! Alerting rules: which alerts a query's answer makes pending, firing and resolved.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use vigie_model::{Labels, METRIC_NAME, is_stale_nan};
use vigie_promql::{Vector, VectorSample};

use crate::group::{Environment, GroupOptions};
use crate::template::{Template, TemplateEnvironment, TemplateSample, Value};

/// Set before a template begins, as Prometheus has them: `$labels`, `$value` and so on.
pub(crate) const TEMPLATE_VARIABLES: &[&str] = &["labels", "externalLabels", "externalURL", "value"];

const ALERT_METRIC: &str = "ALERTS";
const FOR_STATE_METRIC: &str = "ALERTS_FOR_STATE";
const ALERT_NAME: &str = "alertname";
const ALERT_STATE: &str = "alertstate";

/// How long a resolved alert is kept, so that its end is told for certain.
const RESOLVED_RETENTION_MS: i64 = 15 * 60_000;

pub(crate) fn template_name(alert: &str) -> String {
    format!("__alert_{alert}")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertState {
    /// Resolved.
    Inactive,
    /// Has not lasted long enough.
    Pending,
    Firing,
}

impl AlertState {
    pub fn as_str(self) -> &'static str {
        match self {
            AlertState::Inactive => "inactive",
            AlertState::Pending => "pending",
            AlertState::Firing => "firing",
        }
    }
}

/// One alert of a rule, told from others by its labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    pub labels: Labels,
    /// Expanded, sorted by name.
    pub annotations: BTreeMap<String, String>,
    pub value: f64,
    pub state: AlertState,
    pub active_at_ms: i64,
    pub fired_at_ms: Option<i64>,
    pub resolved_at_ms: Option<i64>,
    /// Since when it fires without reason, because of `keep_firing_for`.
    pub keep_firing_since_ms: Option<i64>,
}

/// A rule and its alerts.
#[derive(Debug, Clone)]
pub struct AlertingRule {
    name: String,
    hold_ms: i64,
    keep_firing_ms: i64,
    /// Those of the group included, not expanded.
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    alerts: BTreeMap<Labels, Alert>,
}

impl AlertingRule {
    pub(crate) fn new(
        name: String,
        hold_ms: i64,
        keep_firing_ms: i64,
        labels: BTreeMap<String, String>,
        annotations: BTreeMap<String, String>,
    ) -> AlertingRule {
        AlertingRule {
            name,
            hold_ms,
            keep_firing_ms,
            labels,
            annotations,
            alerts: BTreeMap::new(),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Those pending or firing, by labels.
    pub fn active_alerts(&self) -> impl Iterator<Item = &Alert> {
        self.alerts
            .values()
            .filter(|alert| alert.resolved_at_ms.is_none())
    }

    /// Those and the ones resolved lately.
    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.values()
    }

    /// Takes the answer to the rule's query and gives the samples that tell of its alerts, at
    /// `sample_ms`. Fails without a change if two elements give the same labels, and drops all alerts
    /// if they are more than the limit.
    pub(crate) fn update(
        &mut self,
        vector: &Vector,
        now_ms: i64,
        sample_ms: i64,
        limit: usize,
        options: &GroupOptions,
        environment: &dyn Environment,
    ) -> Result<Vector, String> {
        let found = self.found(vector, now_ms, options, environment)?;
        let mut is_found: BTreeMap<Labels, bool> =
            self.alerts.keys().map(|labels| (labels.clone(), false)).collect();
        for alert in found {
            is_found.insert(alert.labels.clone(), true);
            match self.alerts.get_mut(&alert.labels) {
                Some(known) if known.state != AlertState::Inactive => {
                    known.value = alert.value;
                    known.annotations = alert.annotations;
                }
                _ => drop(self.alerts.insert(alert.labels.clone(), alert)),
            }
        }
        let mut samples = Vec::new();
        let mut active = 0;
        for (labels, is_found) in is_found {
            let Some(alert) = self.alerts.get_mut(&labels) else {
                continue;
            };
            if is_found {
                alert.keep_firing_since_ms = None;
            } else if !keeps_firing(alert, self.keep_firing_ms, now_ms) {
                let is_old = alert
                    .resolved_at_ms
                    .is_some_and(|resolved_ms| now_ms - resolved_ms > RESOLVED_RETENTION_MS);
                if alert.state == AlertState::Pending || is_old {
                    self.alerts.remove(&labels);
                } else if alert.state == AlertState::Firing {
                    alert.state = AlertState::Inactive;
                    alert.resolved_at_ms = Some(now_ms);
                }
                continue;
            }
            active += 1;
            if alert.state == AlertState::Pending && now_ms - alert.active_at_ms >= self.hold_ms {
                alert.state = AlertState::Firing;
                alert.fired_at_ms = Some(now_ms);
            }
            samples.extend(told(alert, sample_ms));
        }
        if limit > 0 && active > limit {
            self.alerts.clear();
            return Err(format!("exceeded limit of {limit} with {active} alerts"));
        }
        Ok(samples)
    }

    /// The alerts that a vector stands for, pending.
    fn found(
        &self,
        vector: &Vector,
        now_ms: i64,
        options: &GroupOptions,
        environment: &dyn Environment,
    ) -> Result<Vec<Alert>, String> {
        let mut found: BTreeMap<Labels, Alert> = BTreeMap::new();
        for sample in vector {
            let expansion = Expansion {
                rule: self,
                sample,
                now_ms,
                options,
                environment,
                data: OnceCell::new(),
            };
            let mut builder = sample.labels.to_builder();
            builder.remove(METRIC_NAME);
            for (name, text) in &self.labels {
                builder.set(name, expansion.expand(text));
            }
            builder.set(ALERT_NAME, self.name.as_str());
            let alert = Alert {
                labels: builder.build(),
                annotations: self
                    .annotations
                    .iter()
                    .map(|(name, text)| (name.clone(), expansion.expand(text)))
                    .collect(),
                value: sample.value,
                state: AlertState::Pending,
                active_at_ms: now_ms,
                fired_at_ms: None,
                resolved_at_ms: None,
                keep_firing_since_ms: None,
            };
            if found.insert(alert.labels.clone(), alert).is_some() {
                return Err(
                    "vector contains metrics with the same labelset after applying alert labels".to_owned(),
                );
            }
        }
        Ok(found.into_values().collect())
    }
}

/// Whether an alert without reason fires on, which begins now if it has not begun.
fn keeps_firing(alert: &mut Alert, keep_firing_ms: i64, now_ms: i64) -> bool {
    if alert.state != AlertState::Firing || keep_firing_ms == 0 {
        return false;
    }
    let since_ms = *alert.keep_firing_since_ms.get_or_insert(now_ms);
    now_ms - since_ms < keep_firing_ms
}

/// The two samples of an active alert.
fn told(alert: &Alert, sample_ms: i64) -> [VectorSample; 2] {
    let mut state = alert.labels.to_builder();
    state
        .set(METRIC_NAME, ALERT_METRIC)
        .set(ALERT_STATE, alert.state.as_str());
    let mut since = alert.labels.to_builder();
    since.set(METRIC_NAME, FOR_STATE_METRIC);
    let sample = |labels, value| VectorSample {
        labels,
        timestamp_ms: sample_ms,
        value,
        histogram: None,
    };
    [
        sample(state.build(), 1.0),
        sample(since.build(), alert.active_at_ms.div_euclid(1000) as f64),
    ]
}

/// Expands the templates of one alert.
struct Expansion<'a> {
    rule: &'a AlertingRule,
    sample: &'a VectorSample,
    now_ms: i64,
    options: &'a GroupOptions,
    environment: &'a dyn Environment,
    /// Made for the first text that is a template.
    data: OnceCell<BTreeMap<&'static str, Value>>,
}

impl Expansion<'_> {
    fn expand(&self, text: &str) -> String {
        if !text.contains("{{") {
            return text.to_owned();
        }
        let data = self.data.get_or_init(|| self.data());
        let variables = TEMPLATE_VARIABLES
            .iter()
            .zip(["Labels", "ExternalLabels", "ExternalURL", "Value"]);
        let variables: Vec<(&str, Value)> = variables
            .map(|(variable, field)| (*variable, data.get(field).cloned().unwrap_or(Value::Nil)))
            .collect();
        let expanded = Template::parse(&template_name(&self.rule.name), text, TEMPLATE_VARIABLES)
            .and_then(|template| template.expand(&Value::Struct(data.clone()), &variables, self));
        expanded.unwrap_or_else(|error| format!("<error expanding template: {error}>"))
    }

    fn data(&self) -> BTreeMap<&'static str, Value> {
        BTreeMap::from([
            ("Labels", Value::Labels(map(&self.sample.labels))),
            (
                "ExternalLabels",
                Value::Labels(self.options.external_labels.clone()),
            ),
            ("ExternalURL", Value::Text(self.options.external_url.clone())),
            ("Value", value(self.sample)),
        ])
    }
}

impl TemplateEnvironment for Expansion<'_> {
    fn query(&self, query: &str) -> Result<Vec<TemplateSample>, String> {
        let vector = self.environment.query(query, self.now_ms)?;
        Ok(vector
            .iter()
            .map(|sample| (map(&sample.labels), value(sample)))
            .collect())
    }

    fn now_ms(&self) -> i64 {
        self.now_ms
    }

    fn external_url(&self) -> &str {
        &self.options.external_url
    }
}

fn map(labels: &Labels) -> BTreeMap<String, String> {
    labels
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn value(sample: &VectorSample) -> Value {
    match &sample.histogram {
        Some(histogram) => Value::Histogram(histogram.clone()),
        // A marker of an end is no number to anybody.
        None if is_stale_nan(sample.value) => Value::Float(f64::NAN),
        None => Value::Float(sample.value),
    }
}
