//! Remarks collected while evaluating, in Prometheus's words.

use std::collections::BTreeMap;

use vigie_model::format_go_g;

use crate::{Annotations, Remark, Span};

/// One kind of remark on one thing; said once however often it occurs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Note {
    Warning(String),
    Info(String),
    /// Cumulative buckets that went down.
    ForcedMonotonicity {
        metric_name: String,
        repair: BucketRepair,
    },
}

/// How far classic buckets were from monotonic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BucketRepair {
    pub lowest_bound: f64,
    pub highest_bound: f64,
    pub largest_drop: f64,
    pub samples: u64,
    pub first_ms: i64,
    pub last_ms: i64,
}

#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// By text without position. The position is that of the first occurrence.
    entries: BTreeMap<(bool, String), (Span, Option<BucketRepair>)>,
    count: u64,
}

impl Notes {
    /// How often something was added, the same again included.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn add(&mut self, span: Span, note: Note) {
        self.count += 1;
        let (is_warning, text, repair) = match note {
            Note::Warning(text) => (true, format!("PromQL warning: {text}"), None),
            Note::Info(text) => (false, format!("PromQL info: {text}"), None),
            Note::ForcedMonotonicity { metric_name, repair } => {
                let text = format!(
                    "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see \
                     https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)\
                     {}",
                    for_metric(&metric_name)
                );
                (false, text, Some(repair))
            }
        };
        let entry = self.entries.entry((is_warning, text)).or_insert((span, None));
        entry.1 = match (entry.1, repair) {
            (Some(earlier), Some(later)) => Some(earlier.merged(later)),
            (earlier, later) => earlier.or(later),
        };
    }

    /// The remarks with their positions in the query; without positions if there is no text.
    pub(crate) fn render(&self, query: &str) -> Annotations {
        let mut annotations = Annotations::default();
        for ((is_warning, text), (span, repair)) in &self.entries {
            let mut place = String::new();
            if !query.is_empty() {
                place = repair.map(|repair| repair.to_string()).unwrap_or_default();
                place.push_str(&position(query, *span));
            }
            let set = if *is_warning {
                &mut annotations.warnings
            } else {
                &mut annotations.infos
            };
            set.insert(Remark {
                text: text.clone(),
                place,
            });
        }
        annotations
    }
}

impl BucketRepair {
    fn merged(self, other: BucketRepair) -> BucketRepair {
        BucketRepair {
            lowest_bound: self.lowest_bound.min(other.lowest_bound),
            highest_bound: self.highest_bound.max(other.highest_bound),
            largest_drop: self.largest_drop.max(other.largest_drop),
            samples: self.samples + other.samples,
            first_ms: self.first_ms.min(other.first_ms),
            last_ms: self.last_ms.max(other.last_ms),
        }
    }
}

impl std::fmt::Display for BucketRepair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            ", from buckets {} to {}, with a max diff of {}, over {} samples from {} to {}",
            format_go_g(self.lowest_bound),
            format_go_g(self.highest_bound),
            two_digits(self.largest_drop),
            self.samples,
            super::functions::format_rfc3339(self.first_ms),
            super::functions::format_rfc3339(self.last_ms),
        )
    }
}

/// Go's `%.2g`: two significant digits, an exponent from 100 on.
fn two_digits(value: f64) -> String {
    let text = format!("{value:.1e}");
    let Some((mantissa, exponent)) = text.split_once('e') else {
        return text;
    };
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..2).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
        }
        _ => text.parse::<f64>().map_or(text, |rounded| format!("{rounded}")),
    }
}

/// Line and column, both from 1, the column in bytes.
fn position(query: &str, span: Span) -> String {
    let before = &query.as_bytes()[..span.start.min(query.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let line_start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    format!(" ({line}:{})", before.len() - line_start + 1)
}

fn for_metric(name: &str) -> String {
    if name.is_empty() {
        String::new()
    } else {
        format!(" for metric name {name:?}")
    }
}

pub(crate) fn invalid_quantile(value: f64) -> Note {
    Note::Warning(format!(
        "quantile value should be between 0 and 1, got {}",
        format_go_g(value)
    ))
}

pub(crate) fn invalid_ratio(value: f64, cap: f64) -> Note {
    Note::Warning(format!(
        "ratio value should be between -1 and 1, got {}, capping to {}",
        format_go_g(value),
        format_go_g(cap)
    ))
}

pub(crate) fn bad_bucket_label(label: &str, metric_name: &str) -> Note {
    Note::Warning(format!(
        "bucket label \"le\" is missing or has a malformed value of {label:?}{}",
        for_metric(metric_name)
    ))
}

pub(crate) fn mixed_floats_histograms(metric_name: &str) -> Note {
    Note::Warning(format!(
        "encountered a mix of histograms and floats for metric name {metric_name:?}"
    ))
}

pub(crate) fn ineffective_sort() -> Note {
    Note::Warning(
        "sort is ineffective for range queries since results are always ordered by labels".to_owned(),
    )
}

pub(crate) fn possible_non_counter(metric_name: &str) -> Note {
    Note::Info(format!(
        "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {metric_name:?}"
    ))
}

pub(crate) fn possible_non_counter_type(type_label: &str, metric_name: &str) -> Note {
    Note::Info(format!(
        "metric might not be a counter, __type__ label is not set to \"counter\" or \"histogram\", got \
         {type_label:?}: {metric_name:?}"
    ))
}

pub(crate) fn histogram_ignored_in_aggregation(operator: &str) -> Note {
    Note::Info(format!("ignored histogram in {operator} aggregation"))
}

pub(crate) fn histogram_ignored_in_range(metric_name: &str) -> Note {
    Note::Info(format!(
        "ignored histograms in a range containing both floats and histograms for metric name {metric_name:?}"
    ))
}

pub(crate) fn incompatible_types(left: &str, operator: &str, right: &str) -> Note {
    Note::Info(format!(
        "incompatible sample types encountered for binary operator {operator:?}: {left} {operator} {right}"
    ))
}

pub(crate) fn mixed_classic_native(metric_name: &str) -> Note {
    Note::Warning(format!(
        "vector contains a mix of classic and native histograms{}",
        for_metric(metric_name)
    ))
}

pub(crate) fn nan_observations(effect: &str, metric_name: &str) -> Note {
    Note::Info(format!(
        "input to histogram_quantile has NaN observations, result is {effect}{}",
        for_metric(metric_name)
    ))
}

pub(crate) fn nan_excluded(metric_name: &str) -> Note {
    Note::Info(format!(
        "input to histogram_fraction has NaN observations, which are excluded from all fractions{}",
        for_metric(metric_name)
    ))
}

pub(crate) fn bounds_reconciled(operation: &str) -> Note {
    Note::Info(format!(
        "mismatched custom buckets were reconciled during {operation}"
    ))
}

pub(crate) fn resets_collide(operation: &str) -> Note {
    Note::Warning(format!("conflicting counter resets during histogram {operation}"))
}

pub(crate) fn mixed_exponential_custom(metric_name: &str) -> Note {
    Note::Warning(format!(
        "vector contains a mix of histograms with exponential and custom buckets schemas for metric name \
         {metric_name:?}"
    ))
}

pub(crate) fn mixed_in_aggregation() -> Note {
    Note::Warning("encountered a mix of histograms and floats for aggregation".to_owned())
}

pub(crate) fn incompatible_layout(operator: &str) -> Note {
    Note::Warning(format!(
        "incompatible bucket layout encountered for binary operator {operator}"
    ))
}

pub(crate) fn histogram_not_counter(metric_name: &str) -> Note {
    Note::Warning(format!(
        "this native histogram metric is not a counter: {metric_name:?}"
    ))
}

pub(crate) fn histogram_not_gauge(metric_name: &str) -> Note {
    Note::Warning(format!(
        "this native histogram metric is not a gauge: {metric_name:?}"
    ))
}

pub(crate) fn start_overlap(metric_name: &str) -> Note {
    Note::Warning(format!(
        "sample has start time that overlaps with previous sample timestamp for metric {metric_name:?}"
    ))
}
