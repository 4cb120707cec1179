//! What a rule file may say. The messages are those of Prometheus's `rulefmt`.

use std::collections::{BTreeMap, BTreeSet};

use vigie_model::{METRIC_NAME, quote_go};
use vigie_promql::{ParseOptions, parse_with};

use crate::alerting::{TEMPLATE_VARIABLES, template_name};
use crate::file::{GroupDraft, RuleDraft, RuleGroup, RuleKind, RuleSpec};
use crate::template::{Template, TemplateError};

/// Checks groups in the order of the file and collects what is wrong.
pub(crate) struct Validation {
    promql: ParseOptions,
    names: BTreeSet<String>,
    mistakes: Vec<String>,
}

/// A mistake of a rule and where it is told to be.
type Mistake = (Option<String>, String);

impl Validation {
    pub(crate) fn new(promql: ParseOptions) -> Validation {
        Validation {
            promql,
            names: BTreeSet::new(),
            mistakes: Vec::new(),
        }
    }

    pub(crate) fn finish(self) -> Result<(), Vec<String>> {
        if self.mistakes.is_empty() {
            Ok(())
        } else {
            Err(self.mistakes)
        }
    }

    /// The group with those of its rules that can be used.
    pub(crate) fn group(&mut self, draft: GroupDraft) -> RuleGroup {
        let (line, column) = draft.place;
        let mut group = draft.group;
        if group.name.is_empty() {
            self.mistakes
                .push(format!("{line}:{column}: Groupname must not be empty"));
        }
        if !self.names.insert(group.name.clone()) {
            self.mistakes.push(format!(
                "{line}:{column}: groupname: \"{}\" is repeated in the same file",
                group.name
            ));
        }
        self.mistakes
            .extend(label_mistakes(&group.labels).map(|(_, message)| message));
        for (at, draft) in draft.rules.into_iter().enumerate() {
            let name = if draft.alert.text.is_empty() {
                draft.record.text.clone()
            } else {
                draft.alert.text.clone()
            };
            match rule(draft, &self.promql) {
                Ok(rule) => group.rules.push(rule),
                Err(mistakes) => self.mistakes.extend(mistakes.into_iter().map(|(place, message)| {
                    let place = place.map(|place| format!("{place}: ")).unwrap_or_default();
                    format!(
                        "{place}group {}, rule {}, {}: {message}",
                        quote_go(&group.name),
                        at + 1,
                        quote_go(&name)
                    )
                })),
            }
        }
        group
    }
}

fn rule(draft: RuleDraft, promql: &ParseOptions) -> Result<RuleSpec, Vec<Mistake>> {
    let at = |(line, column): (usize, usize)| Some(format!("{line}:{column}"));
    let (record_at, alert_at) = (at(draft.record.place), at(draft.alert.place));
    let both = record_at
        .clone()
        .zip(alert_at)
        .map(|(record, alert)| format!("{record}: {alert}"));
    let (is_record, is_alert) = (!draft.record.text.is_empty(), !draft.alert.text.is_empty());
    let mut mistakes: Vec<Mistake> = Vec::new();
    match (is_record, is_alert) {
        (true, true) => mistakes.push((both, "only one of 'record' and 'alert' must be set".to_owned())),
        (false, false) => mistakes.push((both, "one of 'record' or 'alert' must be set".to_owned())),
        _ => {}
    }
    let expr = if draft.expr.text.is_empty() {
        Err("field 'expr' must be set in rule".to_owned())
    } else {
        parse_with(&draft.expr.text, promql).map_err(|error| format!("could not parse expression: {error}"))
    };
    if let Err(message) = &expr {
        mistakes.push((at(draft.expr.place), message.clone()));
    }
    if is_record {
        let messages = recording_mistakes(&draft);
        mistakes.extend(messages.into_iter().map(|message| (record_at.clone(), message)));
    }
    mistakes.extend(label_mistakes(&draft.labels));
    mistakes.extend(
        draft
            .annotations
            .keys()
            .filter(|name| name.is_empty())
            .map(|name| (None, format!("invalid annotation name: {name}"))),
    );
    if is_alert {
        mistakes.extend(template_mistakes(&draft).map(|message| (None, message)));
    }
    match expr {
        Ok(expr) if mistakes.is_empty() => Ok(RuleSpec {
            kind: if is_alert {
                RuleKind::Alerting {
                    hold_ms: draft.hold_ms,
                    keep_firing_ms: draft.keep_firing_ms,
                    annotations: draft.annotations,
                }
            } else {
                RuleKind::Recording
            },
            name: if is_alert {
                draft.alert.text
            } else {
                draft.record.text
            },
            query: draft.expr.text,
            expr,
            labels: draft.labels,
        }),
        _ => Err(mistakes),
    }
}

fn recording_mistakes(draft: &RuleDraft) -> Vec<String> {
    let name = &draft.record.text;
    let field = |name: &str| format!("invalid field '{name}' in recording rule");
    let checks = [
        (!draft.annotations.is_empty(), field("annotations")),
        (draft.hold_ms != 0, field("for")),
        (draft.keep_firing_ms != 0, field("keep_firing_for")),
        (
            name.contains(['{', '}']),
            format!("braces present in the recording rule name; should it be in expr?: {name}"),
        ),
    ];
    checks
        .into_iter()
        .filter_map(|(is_wrong, message)| is_wrong.then_some(message))
        .collect()
}

/// Any name that is not empty may be a label, but for the metric's.
fn label_mistakes(labels: &BTreeMap<String, String>) -> impl Iterator<Item = Mistake> {
    labels
        .keys()
        .filter(|name| name.is_empty() || *name == METRIC_NAME)
        .map(|name| (None, format!("invalid label name: {name}")))
        .collect::<Vec<_>>()
        .into_iter()
}

fn template_mistakes(draft: &RuleDraft) -> impl Iterator<Item = String> {
    let name = template_name(&draft.alert.text);
    let labels = draft.labels.iter().map(|(name, text)| ("label", name, text));
    let annotations = draft
        .annotations
        .iter()
        .map(|(name, text)| ("annotation", name, text));
    labels.chain(annotations).filter_map(move |(kind, label, text)| {
        let error = Template::parse(&name, text, TEMPLATE_VARIABLES).err()?;
        let message = match error {
            TemplateError::Parse { name, line, message } => format!("template: {name}:{line}: {message}"),
            TemplateError::Execute { message, .. } => message,
        };
        Some(format!("{kind} {}: {message}", quote_go(label)))
    })
}
