//! What is not wrong, but likely not meant.

use std::collections::{BTreeMap, BTreeSet};

use vigie_model::Labels;

use crate::RuleGroup;

/// Two rules of one file that give the same name and labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DuplicateRule {
    pub name: String,
    /// Of the rule, those of its group included.
    pub labels: BTreeMap<String, String>,
}

/// Each name and labels that several rules have, once.
pub fn duplicate_rules(groups: &[RuleGroup]) -> Vec<DuplicateRule> {
    let mut seen = BTreeSet::new();
    let mut duplicates = BTreeSet::new();
    for group in groups {
        for rule in &group.rules {
            let mut labels = group.labels.clone();
            labels.extend(rule.labels.clone());
            let rule = DuplicateRule {
                name: rule.name.clone(),
                labels,
            };
            if !seen.insert(rule.clone()) {
                duplicates.insert(rule);
            }
        }
    }
    duplicates.into_iter().collect()
}

impl DuplicateRule {
    /// The labels as a label set; empty ones are left out.
    pub fn label_set(&self) -> Labels {
        crate::recording::label_set(&Labels::empty(), &self.labels)
    }
}
