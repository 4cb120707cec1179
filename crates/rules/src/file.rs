//! Rule files: `groups` of recording and alerting rules, as Prometheus reads them.

use std::collections::BTreeMap;
use std::path::Path;

use vigie_config::yaml::{Fields, Node, Problems};
use vigie_promql::{Expr, ParseOptions};

use crate::validate::Validation;

/// How files are read.
#[derive(Debug, Clone, Copy, Default)]
pub struct FileOptions {
    pub promql: ParseOptions,
    /// Fields that Prometheus does not know are passed over.
    pub ignore_unknown_fields: bool,
}

/// A file without mistakes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RuleFile {
    pub groups: Vec<RuleGroup>,
}

/// Rules that are evaluated one after the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RuleGroup {
    pub name: String,
    /// `None`: the global evaluation interval.
    pub interval_ms: Option<i64>,
    /// How long before its time a group is evaluated; `None`: as configured globally.
    pub query_offset_ms: Option<i64>,
    /// Most series or alerts of one rule; 0 is no limit.
    pub limit: usize,
    /// Given to all its rules; those of a rule win.
    pub labels: BTreeMap<String, String>,
    pub rules: Vec<RuleSpec>,
}

/// A rule as the file has it.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleSpec {
    /// The metric that is recorded, or the name of the alert.
    pub name: String,
    pub query: String,
    pub expr: Expr,
    pub labels: BTreeMap<String, String>,
    pub kind: RuleKind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum RuleKind {
    Recording,
    Alerting {
        /// How long it is pending before it fires.
        hold_ms: i64,
        /// How long it goes on firing when there is no more reason to.
        keep_firing_ms: i64,
        annotations: BTreeMap<String, String>,
    },
}

impl RuleFile {
    /// Reads a file, and says all that is wrong with it, in Prometheus's words.
    pub fn parse(text: &str, options: &FileOptions) -> Result<RuleFile, Vec<String>> {
        let root = Node::parse(text).map_err(|error| vec![error.to_string()])?;
        let problems = Problems::new(Path::new(""));
        let mut fields = Fields::new(&root, "rulefmt.RuleGroups", &problems);
        let drafts = list(fields.take("groups"), "[]rulefmt.RuleGroup", &problems, |node| {
            draft_of_group(node, options, &problems)
        });
        end(fields, options);
        problems.finish().map_err(|error| vec![error.to_string()])?;
        let mut validation = Validation::new(options.promql);
        let groups = drafts.into_iter().map(|draft| validation.group(draft)).collect();
        validation.finish()?;
        Ok(RuleFile { groups })
    }
}

/// A group whose rules have not been checked.
pub(crate) struct GroupDraft {
    pub(crate) place: (usize, usize),
    pub(crate) group: RuleGroup,
    pub(crate) rules: Vec<RuleDraft>,
}

/// A rule as it is written.
pub(crate) struct RuleDraft {
    pub(crate) record: Text,
    pub(crate) alert: Text,
    pub(crate) expr: Text,
    pub(crate) hold_ms: i64,
    pub(crate) keep_firing_ms: i64,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
}

/// A text and where it is; an absent one is empty and nowhere.
#[derive(Default)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) place: (usize, usize),
}

fn draft_of_group(node: &Node, options: &FileOptions, problems: &Problems) -> GroupDraft {
    let mut fields = Fields::new(node, "rulefmt.RuleGroup", problems);
    let group = RuleGroup {
        name: fields.string("name"),
        interval_ms: duration_ms(&mut fields, "interval").filter(|interval_ms| *interval_ms > 0),
        query_offset_ms: duration_ms(&mut fields, "query_offset"),
        limit: fields
            .int("limit")
            .and_then(|limit| usize::try_from(limit).ok())
            .unwrap_or(0),
        labels: fields.string_map("labels"),
        rules: Vec::new(),
    };
    let rules = list(fields.take("rules"), "[]rulefmt.Rule", problems, |node| {
        draft_of_rule(node, options, problems)
    });
    end(fields, options);
    GroupDraft {
        place: (node.line, node.column),
        group,
        rules,
    }
}

fn draft_of_rule(node: &Node, options: &FileOptions, problems: &Problems) -> RuleDraft {
    let mut fields = Fields::new(node, "rulefmt.Rule", problems);
    let mut text = |name: &str| {
        fields.take(name).map_or_else(Text::default, |node| Text {
            text: problems.string(node).unwrap_or_default(),
            place: (node.line, node.column),
        })
    };
    let (record, alert, expr) = (text("record"), text("alert"), text("expr"));
    let draft = RuleDraft {
        record,
        alert,
        expr,
        hold_ms: duration_ms(&mut fields, "for").unwrap_or(0),
        keep_firing_ms: duration_ms(&mut fields, "keep_firing_for").unwrap_or(0),
        labels: fields.string_map("labels"),
        annotations: fields.string_map("annotations"),
    };
    end(fields, options);
    draft
}

fn duration_ms(fields: &mut Fields<'_>, name: &str) -> Option<i64> {
    fields
        .duration(name)
        .map(|duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

fn list<T>(
    node: Option<&Node>,
    go_type: &str,
    problems: &Problems,
    mut item: impl FnMut(&Node) -> T,
) -> Vec<T> {
    node.map(|node| problems.list(node, go_type, |node| Some(item(node))))
        .unwrap_or_default()
}

fn end(fields: Fields<'_>, options: &FileOptions) {
    if !options.ignore_unknown_fields {
        fields.finish();
    }
}
