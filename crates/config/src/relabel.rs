//! Relabelling rules in a configuration.

use vigie_relabel::{Action, NameScheme, Rule, RuleSpec};

use crate::yaml::{Fields, Node, Problems, Yaml, YamlMap};

/// Takes a list of rules. Their names are checked later, when the scheme is known.
pub(crate) fn take_rules(fields: &mut Fields<'_>, name: &str, null_message: &str) -> Vec<RuleSpec> {
    fields.sections(name, null_message, decode)
}

/// Makes specifications into rules; a mistake is reported and leaves the rule out.
pub(crate) fn build_rules(specs: Vec<RuleSpec>, scheme: NameScheme, problems: &Problems) -> Vec<Rule> {
    specs
        .into_iter()
        .filter_map(|spec| {
            Rule::new(spec, scheme)
                .map_err(|error| problems.meaning(error))
                .ok()
        })
        .collect()
}

fn decode(node: &Node, problems: &Problems) -> RuleSpec {
    let mut fields = Fields::new(node, "relabel.plain", problems);
    let defaults = RuleSpec::default();
    let action = fields.string_or("action", defaults.action.as_str());
    let spec = RuleSpec {
        source_labels: fields.strings("source_labels"),
        separator: fields.string_or("separator", &defaults.separator),
        regex: fields
            .take("regex")
            .map(|node| problems.string(node).unwrap_or_default()),
        modulus: fields.uint("modulus"),
        target_label: fields.string("target_label"),
        replacement: fields.string_or("replacement", &defaults.replacement),
        action: action.parse().unwrap_or_else(|error| {
            problems.meaning(error);
            Action::default()
        }),
    };
    fields.finish();
    spec
}

pub(crate) fn rules_to_yaml(rules: &[Rule]) -> Vec<Yaml> {
    rules.iter().map(|rule| Yaml::Map(to_yaml(rule.spec()))).collect()
}

fn to_yaml(spec: &RuleSpec) -> YamlMap {
    let mut map = YamlMap::default();
    if !spec.source_labels.is_empty() {
        map.put("source_labels", Yaml::Flow(spec.source_labels.clone()));
    }
    map.text("separator", &spec.separator)
        .some_text("regex", spec.regex.as_deref().unwrap_or_default())
        .some_number("modulus", spec.modulus)
        .some_text("target_label", &spec.target_label)
        .text("replacement", &spec.replacement)
        .text("action", spec.action.as_str());
    map
}
