//! What is expected beside what there is, and how both are shown.

use std::fmt;

use vigie_model::{CounterResetHint, FloatHistogram, Labels, Span, format_go_exponent, format_go_g};
use vigie_promql::VectorSample;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ShownAlert {
    pub(crate) labels: Labels,
    pub(crate) annotations: Labels,
}

/// Alerts in an order of their own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AlertSet(Vec<ShownAlert>);

impl AlertSet {
    pub(crate) fn new(mut alerts: Vec<ShownAlert>) -> AlertSet {
        alerts.sort();
        AlertSet(alerts)
    }

    /// Lines of both; those of one side only are marked and coloured.
    pub(crate) fn diff(&self, got: &AlertSet) -> String {
        let lines = |set: &AlertSet| -> Vec<String> { set.to_string().lines().map(str::to_owned).collect() };
        let (expected, got) = (lines(self), lines(got));
        let mut shown = Vec::new();
        for at in 0..expected.len().max(got.len()) {
            match (expected.get(at), got.get(at)) {
                (Some(expected), Some(got)) if expected == got => shown.push(format!("  {expected}")),
                (expected, got) => {
                    shown.extend(expected.map(|line| format!("\x1b[31m- {line}\x1b[0m")));
                    shown.extend(got.map(|line| format!("\x1b[32m+ {line}\x1b[0m")));
                }
            }
        }
        shown.join("\n")
    }
}

impl fmt::Display for AlertSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("[]");
        }
        f.write_str("[")?;
        for (at, alert) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "," };
            write!(
                f,
                "{separator}\n{at}:\n  Labels:{}\n  Annotations:{}",
                alert.labels, alert.annotations
            )?;
        }
        f.write_str("\n]")
    }
}

#[derive(Debug, Clone)]
pub(crate) struct ShownSample {
    pub(crate) labels: Labels,
    pub(crate) value: f64,
    /// Empty for a float.
    pub(crate) histogram: String,
}

impl From<VectorSample> for ShownSample {
    fn from(sample: VectorSample) -> ShownSample {
        let histogram = sample.histogram.as_deref().map(histogram_text);
        ShownSample {
            labels: sample.labels,
            value: if histogram.is_some() { 0.0 } else { sample.value },
            histogram: histogram.unwrap_or_default(),
        }
    }
}

/// Samples by labels.
#[derive(Debug)]
pub(crate) struct SampleSet(Vec<ShownSample>);

impl SampleSet {
    pub(crate) fn new(mut samples: Vec<ShownSample>) -> SampleSet {
        samples.sort_by(|left, right| left.labels.cmp(&right.labels));
        SampleSet(samples)
    }

    /// With `fuzzy`, floats may be neighbours. A NaN equals nothing, as with promtool.
    pub(crate) fn matches(&self, got: &SampleSet, fuzzy: bool) -> bool {
        let same_value = |left: f64, right: f64| {
            left == right || (fuzzy && (left.next_up() == right || left.next_down() == right))
        };
        self.0.len() == got.0.len()
            && self.0.iter().zip(&got.0).all(|(expected, got)| {
                expected.labels == got.labels
                    && expected.histogram == got.histogram
                    && same_value(expected.value, got.value)
            })
    }
}

impl fmt::Display for SampleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nil");
        }
        for (at, sample) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            write!(f, "{separator}{} ", sample.labels)?;
            if sample.histogram.is_empty() {
                f.write_str(&format_go_exponent(sample.value).replace('e', "E"))?;
            } else {
                f.write_str(&sample.histogram)?;
            }
        }
        Ok(())
    }
}

/// Empty buckets that are written rather than told as a second span, which the form has no place for.
const MAX_GAP: usize = 100_000;

/// A histogram as test files write it: `{{schema:1 count:3 sum:2 buckets:[1 2]}}`.
pub(crate) fn histogram_text(histogram: &FloatHistogram) -> String {
    let mut histogram = histogram.clone();
    // One span holds all buckets then, unless they are absurdly far apart.
    histogram.compact(MAX_GAP);
    let mut parts = Vec::new();
    if histogram.schema != 0 {
        parts.push(format!("schema:{}", histogram.schema));
    }
    let numbers = [
        ("count", histogram.count),
        ("sum", histogram.sum),
        ("z_bucket", histogram.zero_count),
        ("z_bucket_w", histogram.zero_threshold),
    ];
    for (name, value) in numbers {
        if value != 0.0 {
            parts.push(format!("{name}:{}", format_go_g(value)));
        }
    }
    if histogram.uses_custom_buckets() {
        parts.push(format!("custom_values:{}", list(&histogram.custom_values)));
    }
    match histogram.counter_reset_hint {
        CounterResetHint::Unknown => {}
        CounterResetHint::Reset => parts.push("counter_reset_hint:reset".to_owned()),
        CounterResetHint::NotReset => parts.push("counter_reset_hint:not_reset".to_owned()),
        CounterResetHint::Gauge => parts.push("counter_reset_hint:gauge".to_owned()),
    }
    let mut buckets = |prefix: &str, spans: &[Span], buckets: &[f64]| {
        for span in spans.iter().filter(|span| span.offset != 0) {
            parts.push(format!("{prefix}offset:{}", span.offset));
        }
        if !buckets.is_empty() {
            parts.push(format!("{prefix}buckets:{}", list(buckets)));
        }
    };
    buckets("", &histogram.positive_spans, &histogram.positive_buckets);
    buckets("n_", &histogram.negative_spans, &histogram.negative_buckets);
    format!("{{{{{}}}}}", parts.join(" "))
}

fn list(values: &[f64]) -> String {
    let values: Vec<String> = values.iter().map(|value| format_go_g(*value)).collect();
    format!("[{}]", values.join(" "))
}
