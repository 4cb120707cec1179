//! From exposed labels to stored ones.

use std::sync::Arc;

use vigie_config::ScrapeConfig;
use vigie_exposition::LabelPair;
use vigie_model::{Labels, LabelsBuilder, METRIC_NAME, is_legacy_metric_name};
use vigie_relabel::{NameScheme, Verdict, apply};

use crate::ScrapeError;
use crate::limits::check_labels;

const EXPORTED_PREFIX: &str = "exported_";

/// How the series of one target are stored.
#[derive(Debug, Clone)]
pub(crate) struct SampleRules {
    pub(crate) config: Arc<ScrapeConfig>,
    /// The target's own labels, which all of its series get.
    pub(crate) target_labels: Labels,
}

impl SampleRules {
    /// The labels a series is stored under that is exposed with these; empty if relabelling drops it.
    pub(crate) fn stored_labels(&self, exposed: Vec<LabelPair<'_>>) -> Result<Labels, ScrapeError> {
        let mut labels = LabelsBuilder::new();
        for (name, value) in exposed {
            labels.set(&name, value);
        }
        self.add_target_labels(&mut labels);
        if apply(&self.config.metric_relabel_rules, &mut labels) == Verdict::Drop {
            return Ok(Labels::empty());
        }
        let labels = labels.build();
        if labels.is_empty() {
            return Ok(labels);
        }
        self.check(&labels)?;
        Ok(labels)
    }

    /// Whether series are stored under the same labels as with other rules.
    pub(crate) fn agree_with(&self, other: &SampleRules) -> bool {
        self.target_labels == other.target_labels
            && self.config.honor_labels == other.config.honor_labels
            && self.config.metric_relabel_rules == other.config.metric_relabel_rules
            && self.config.name_scheme == other.config.name_scheme
            && self.config.limits == other.config.limits
    }

    fn add_target_labels(&self, labels: &mut LabelsBuilder) {
        let mut conflicts = Vec::new();
        for (name, value) in &self.target_labels {
            let exposed = labels.get(name);
            if !exposed.is_empty() {
                if self.config.honor_labels {
                    continue;
                }
                conflicts.push((name, exposed.to_owned()));
            }
            labels.set(name, value);
        }
        // Shorter names first, so that `exported_a` cannot take the place `a` needs.
        conflicts.sort_by_key(|(name, _)| name.len());
        for (name, value) in conflicts {
            let mut exported = format!("{EXPORTED_PREFIX}{name}");
            while !labels.get(&exported).is_empty() {
                exported.insert_str(0, EXPORTED_PREFIX);
            }
            labels.set(&exported, value);
        }
    }

    fn check(&self, labels: &Labels) -> Result<(), ScrapeError> {
        let name = labels.metric_name();
        if name.is_empty() {
            return Err(ScrapeError::NoName);
        }
        let scheme = self.config.name_scheme;
        let has_valid_names = match scheme {
            NameScheme::Utf8 => true,
            NameScheme::Legacy => {
                is_legacy_metric_name(name) && labels.iter().all(|(name, _)| scheme.is_valid_label_name(name))
            }
        };
        if !has_valid_names {
            return Err(ScrapeError::InvalidNames(labels.to_string()));
        }
        check_labels(labels, &self.config.limits)
    }

    /// The labels of a synthetic series.
    pub(crate) fn report_labels(&self, name: &str) -> Labels {
        let mut labels = self.target_labels.to_builder();
        labels.set(METRIC_NAME, name);
        labels.build()
    }
}
