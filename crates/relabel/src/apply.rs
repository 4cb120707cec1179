//! Running rules over a label set.

use std::borrow::Cow;

use md5::{Digest, Md5};
use vigie_model::LabelsBuilder;

use crate::{Action, Rule};

/// What rules decided about a label set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Keep,
    Drop,
}

/// Applies the rules in order and stops at the first that drops. The labels of a dropped set are
/// left as the rules before it made them.
pub fn apply(rules: &[Rule], labels: &mut LabelsBuilder) -> Verdict {
    for rule in rules {
        if apply_one(rule, labels) == Verdict::Drop {
            return Verdict::Drop;
        }
    }
    Verdict::Keep
}

fn apply_one(rule: &Rule, labels: &mut LabelsBuilder) -> Verdict {
    if rule.is_static {
        labels.set(&rule.spec.target_label, rule.spec_replacement());
        return Verdict::Keep;
    }
    let spec = &rule.spec;
    let source = source_value(rule, labels);
    let keep = match spec.action {
        Action::Drop => !rule.regex.is_match(&source),
        Action::Keep => rule.regex.is_match(&source),
        Action::DropEqual => labels.get(&spec.target_label) != source,
        Action::KeepEqual => labels.get(&spec.target_label) == source,
        Action::Replace => {
            if let Some((target, value)) = replacement(rule, &source) {
                labels.set(&target, value);
            }
            true
        }
        Action::Lowercase => {
            let value = source.to_lowercase();
            labels.set(&spec.target_label, value);
            true
        }
        Action::Uppercase => {
            let value = source.to_uppercase();
            labels.set(&spec.target_label, value);
            true
        }
        Action::HashMod => {
            let remainder = hash(source.as_bytes()) % spec.modulus;
            labels.set(&spec.target_label, remainder.to_string());
            true
        }
        Action::LabelMap => {
            for (name, value) in mapped(rule, labels) {
                labels.set(&name, value);
            }
            true
        }
        Action::LabelDrop => {
            labels.retain(|name| !rule.regex.is_match(name));
            true
        }
        Action::LabelKeep => {
            labels.retain(|name| rule.regex.is_match(name));
            true
        }
    };
    if keep { Verdict::Keep } else { Verdict::Drop }
}

/// The values of the source labels, joined; borrowed in the common case of a single one.
fn source_value<'a>(rule: &Rule, labels: &'a LabelsBuilder) -> Cow<'a, str> {
    match rule.spec.source_labels.as_slice() {
        [] => Cow::Borrowed(""),
        [only] => Cow::Borrowed(labels.get(only)),
        [first, rest @ ..] => {
            let mut joined = labels.get(first).to_owned();
            for name in rest {
                joined.push_str(&rule.spec.separator);
                joined.push_str(labels.get(name));
            }
            Cow::Owned(joined)
        }
    }
}

/// The label to write and its value (empty to delete), or nothing if the pattern does not match or
/// the expanded name is no label name.
fn replacement(rule: &Rule, source: &str) -> Option<(String, String)> {
    let captures = rule.regex.captures(source)?;
    let target = rule.target.expand(&captures);
    rule.scheme
        .is_valid_label_name(&target)
        .then(|| (target, rule.replacement.expand(&captures)))
}

fn mapped(rule: &Rule, labels: &LabelsBuilder) -> Vec<(String, String)> {
    labels
        .iter()
        .filter_map(|(name, value)| {
            let target = rule.replacement.expand(&rule.regex.captures(name)?);
            (!target.is_empty()).then(|| (target, value.to_owned()))
        })
        .collect()
}

/// The last eight bytes of the MD5 sum, big-endian: what hashmod has always meant.
fn hash(bytes: &[u8]) -> u64 {
    let sum = Md5::digest(bytes);
    sum.iter()
        .skip(8)
        .fold(0, |hash, &byte| hash << 8 | u64::from(byte))
}

impl Rule {
    fn spec_replacement(&self) -> &str {
        self.replacement.as_static().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
