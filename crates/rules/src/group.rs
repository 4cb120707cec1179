//! Evaluating a group: its rules in their order, each seeing what those before it wrote.

use std::collections::{BTreeMap, BTreeSet};

use vigie_model::{Labels, stale_nan};
use vigie_promql::{Vector, VectorSample};

use crate::alerting::AlertingRule;
use crate::recording::record;
use crate::{RuleGroup, RuleKind, RuleSpec};

/// What a group needs of the world. Calls may block.
pub trait Environment {
    /// The answer to an instant query; a scalar is told as one sample without labels.
    fn query(&self, query: &str, time_ms: i64) -> Result<Vector, String>;

    /// Stores samples, staleness markers among them.
    fn append(&self, samples: Vector) -> Result<(), String>;
}

/// What is the same for all groups of a process.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GroupOptions {
    /// Where templates find them; samples do not get them.
    pub external_labels: BTreeMap<String, String>,
    pub external_url: String,
    /// For groups that give none.
    pub query_offset_ms: i64,
}

/// A rule of a group could not be evaluated; the others were.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RuleFailure {
    /// The metric or alert.
    pub rule: String,
    pub message: String,
}

/// A group that is evaluated again and again.
#[derive(Debug, Clone)]
pub struct Group {
    name: String,
    query_offset_ms: i64,
    limit: usize,
    options: GroupOptions,
    rules: Vec<Running>,
}

#[derive(Debug, Clone)]
struct Running {
    query: String,
    kind: RunningKind,
    /// The series of the evaluation before, which end if they are not given again.
    series: BTreeSet<Labels>,
}

#[derive(Debug, Clone)]
enum RunningKind {
    Recording {
        metric: String,
        labels: BTreeMap<String, String>,
    },
    Alerting(AlertingRule),
}

impl Group {
    /// A group that has not been evaluated yet.
    pub fn new(group: &RuleGroup, options: &GroupOptions) -> Group {
        Group {
            name: group.name.clone(),
            query_offset_ms: group.query_offset_ms.unwrap_or(options.query_offset_ms),
            limit: group.limit,
            options: options.clone(),
            rules: group.rules.iter().map(|rule| Running::new(rule, group)).collect(),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn alerting_rules(&self) -> impl Iterator<Item = &AlertingRule> {
        self.rules.iter().filter_map(|rule| match &rule.kind {
            RunningKind::Alerting(rule) => Some(rule),
            RunningKind::Recording { .. } => None,
        })
    }

    /// Evaluates all rules for a time. A rule that fails writes nothing and ends no series.
    pub fn evaluate(&mut self, now_ms: i64, environment: &dyn Environment) -> Vec<RuleFailure> {
        let sample_ms = now_ms - self.query_offset_ms;
        let mut failures = Vec::new();
        for rule in &mut self.rules {
            let outcome = rule.samples(now_ms, sample_ms, self.limit, &self.options, environment);
            let outcome = outcome.and_then(|samples| {
                let samples = rule.with_ends(samples, sample_ms);
                if samples.is_empty() {
                    Ok(())
                } else {
                    environment.append(samples)
                }
            });
            if let Err(message) = outcome {
                failures.push(RuleFailure {
                    rule: rule.name().to_owned(),
                    message,
                });
            }
        }
        failures
    }
}

impl Running {
    fn new(rule: &RuleSpec, group: &RuleGroup) -> Running {
        let mut labels = group.labels.clone();
        labels.extend(rule.labels.clone());
        Running {
            query: rule.expr.to_string(),
            kind: match &rule.kind {
                RuleKind::Recording => RunningKind::Recording {
                    metric: rule.name.clone(),
                    labels,
                },
                RuleKind::Alerting {
                    hold_ms,
                    keep_firing_ms,
                    annotations,
                } => RunningKind::Alerting(AlertingRule::new(
                    rule.name.clone(),
                    *hold_ms,
                    *keep_firing_ms,
                    labels,
                    annotations.clone(),
                )),
            },
            series: BTreeSet::new(),
        }
    }

    fn name(&self) -> &str {
        match &self.kind {
            RunningKind::Recording { metric, .. } => metric,
            RunningKind::Alerting(rule) => rule.name(),
        }
    }

    fn samples(
        &mut self,
        now_ms: i64,
        sample_ms: i64,
        limit: usize,
        options: &GroupOptions,
        environment: &dyn Environment,
    ) -> Result<Vector, String> {
        let vector = environment.query(&self.query, sample_ms)?;
        let mut samples = match &mut self.kind {
            RunningKind::Recording { metric, labels } => record(metric, labels, vector, limit)?,
            RunningKind::Alerting(rule) => {
                rule.update(&vector, now_ms, sample_ms, limit, options, environment)?
            }
        };
        for sample in &mut samples {
            sample.timestamp_ms = sample_ms;
        }
        Ok(samples)
    }

    /// The samples, and a staleness marker for each series that is no longer among them.
    fn with_ends(&mut self, mut samples: Vector, sample_ms: i64) -> Vector {
        let series: BTreeSet<Labels> = samples.iter().map(|sample| sample.labels.clone()).collect();
        samples.extend(self.series.difference(&series).map(|labels| VectorSample {
            labels: labels.clone(),
            timestamp_ms: sample_ms,
            value: stale_nan(),
            histogram: None,
        }));
        self.series = series;
        samples
    }
}
