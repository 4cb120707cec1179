//! One validated rule.

use std::fmt;

use regex::Regex;
use vigie_model::{InvalidPattern, anchored_regex, is_legacy_label_name};

use crate::Action;
use crate::template::Template;

/// Matches everything.
const DEFAULT_REGEX: &str = "(.*)";
const DEFAULT_SEPARATOR: &str = ";";
const DEFAULT_REPLACEMENT: &str = "$1";

/// Which names labels may have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum NameScheme {
    /// `[a-zA-Z_][a-zA-Z0-9_]*`
    Legacy,
    /// Any text but the empty one.
    #[default]
    Utf8,
}

impl NameScheme {
    pub fn is_valid_label_name(self, name: &str) -> bool {
        match self {
            NameScheme::Legacy => is_legacy_label_name(name),
            NameScheme::Utf8 => !name.is_empty(),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            NameScheme::Legacy => "legacy",
            NameScheme::Utf8 => "utf8",
        }
    }

    /// Whether the text is a label name once its references are expanded to suitable values.
    fn is_valid_name_template(self, text: &str) -> bool {
        match self {
            // Any character may be part of such a name, so dollars and braces pass as well.
            NameScheme::Utf8 => !text.is_empty(),
            NameScheme::Legacy => is_legacy_name_template(text),
        }
    }
}

/// A rule as it is written down. `Default` holds Prometheus's defaults.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RuleSpec {
    pub source_labels: Vec<String>,
    pub separator: String,
    /// `None` if not given; some actions forbid even the default pattern to be written out.
    pub regex: Option<String>,
    pub modulus: u64,
    pub target_label: String,
    pub replacement: String,
    pub action: Action,
}

impl Default for RuleSpec {
    fn default() -> RuleSpec {
        RuleSpec {
            source_labels: Vec::new(),
            separator: DEFAULT_SEPARATOR.to_owned(),
            regex: None,
            modulus: 0,
            target_label: String::new(),
            replacement: DEFAULT_REPLACEMENT.to_owned(),
            action: Action::Replace,
        }
    }
}

impl RuleSpec {
    fn has_default_separator(&self) -> bool {
        self.separator == DEFAULT_SEPARATOR
    }

    fn has_default_replacement(&self) -> bool {
        self.replacement == DEFAULT_REPLACEMENT
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRule {
    #[error("relabel action cannot be empty")]
    NoAction,
    #[error("unknown relabel action {0:?}")]
    UnknownAction(String),
    #[error("relabel configuration for hashmod requires non-zero modulus")]
    NoModulus,
    #[error("relabel configuration for {0} action requires 'target_label' value")]
    NoTarget(Action),
    #[error("{name:?} is invalid 'target_label' for {action} action")]
    Target { name: String, action: Action },
    #[error("{text:?} is invalid 'replacement' for {action} action")]
    Replacement { text: String, action: Action },
    #[error("'replacement' can not be set for {0} action")]
    ReplacementSet(Action),
    #[error("{0} action requires only 'source_labels' and `target_label`, and no other fields")]
    OnlySourceAndTarget(Action),
    #[error("{0} action requires only 'regex', and no other fields")]
    OnlyRegex(Action),
    #[error("error parsing regexp: {0}")]
    Regex(#[from] InvalidPattern),
}

/// A rule that is known to be applicable.
#[derive(Clone)]
pub struct Rule {
    pub(crate) spec: RuleSpec,
    pub(crate) scheme: NameScheme,
    pub(crate) regex: Regex,
    pub(crate) target: Template,
    pub(crate) replacement: Template,
    /// A `replace` that matches everything and refers to nothing: the same write for every input.
    pub(crate) is_static: bool,
}

impl Rule {
    pub fn new(spec: RuleSpec, scheme: NameScheme) -> Result<Rule, InvalidRule> {
        let pattern = spec.regex.as_deref().unwrap_or(DEFAULT_REGEX);
        let regex = anchored_regex(pattern)?;
        validate(&spec, scheme)?;
        let target = Template::new(&spec.target_label, &regex);
        let replacement = Template::new(&spec.replacement, &regex);
        let is_static = spec.action == Action::Replace
            && pattern == DEFAULT_REGEX
            && target
                .as_static()
                .is_some_and(|name| scheme.is_valid_label_name(name))
            && replacement.as_static().is_some();
        Ok(Rule {
            spec,
            scheme,
            regex,
            target,
            replacement,
            is_static,
        })
    }

    /// What the rule was made from.
    pub fn spec(&self) -> &RuleSpec {
        &self.spec
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.spec, f)
    }
}

/// Rules that were written alike act alike.
impl PartialEq for Rule {
    fn eq(&self, other: &Rule) -> bool {
        self.spec == other.spec && self.scheme == other.scheme
    }
}

impl Eq for Rule {}

fn validate(spec: &RuleSpec, scheme: NameScheme) -> Result<(), InvalidRule> {
    let action = spec.action;
    if action == Action::HashMod && spec.modulus == 0 {
        return Err(InvalidRule::NoModulus);
    }
    if action.needs_target() {
        if spec.target_label.is_empty() {
            return Err(InvalidRule::NoTarget(action));
        }
        let has_reference = action == Action::Replace && spec.target_label.contains('$');
        let is_valid = if has_reference {
            scheme.is_valid_name_template(&spec.target_label)
        } else {
            scheme.is_valid_label_name(&spec.target_label)
        };
        if !is_valid {
            return Err(InvalidRule::Target {
                name: spec.target_label.clone(),
                action,
            });
        }
    }
    if action.forbids_replacement() && !spec.has_default_replacement() {
        return Err(InvalidRule::ReplacementSet(action));
    }
    if action == Action::LabelMap && !scheme.is_valid_name_template(&spec.replacement) {
        return Err(InvalidRule::Replacement {
            text: spec.replacement.clone(),
            action,
        });
    }
    let plain = spec.modulus == 0 && spec.has_default_separator() && spec.has_default_replacement();
    match action {
        Action::KeepEqual | Action::DropEqual if !plain || spec.regex.is_some() => {
            Err(InvalidRule::OnlySourceAndTarget(action))
        }
        Action::LabelDrop | Action::LabelKeep
            if !plain || !spec.source_labels.is_empty() || !spec.target_label.is_empty() =>
        {
            Err(InvalidRule::OnlyRegex(action))
        }
        _ => Ok(()),
    }
}

/// Word characters and references (`$word`, `${word}`), not starting with a digit.
fn is_legacy_name_template(text: &str) -> bool {
    let is_word = |c: char| c == '_' || c.is_ascii_alphanumeric();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after_dollar = rest.strip_prefix('$');
        let word = after_dollar.unwrap_or(rest);
        let braced = after_dollar.and_then(|after| after.strip_prefix('{'));
        let word = braced.unwrap_or(word);
        let end = word.find(|c| !is_word(c)).unwrap_or(word.len());
        let starts_with_digit = rest.len() == text.len() && first.is_ascii_digit();
        if end == 0 || starts_with_digit {
            return false;
        }
        rest = &word[end..];
        if braced.is_some() {
            match rest.strip_prefix('}') {
                Some(after) => rest = after,
                None => return false,
            }
        }
    }
    !text.is_empty()
}
