//! Rules: files of rule groups read and checked, groups evaluated, alerts kept, templates expanded.
//!
//! The crate decides and does nothing: whoever evaluates a [`Group`] says what time it is, answers its
//! queries and takes its samples through [`Environment`]. It must not know where samples come from or
//! go, who is told of alerts, files, clocks or the network.

mod alerting;
mod file;
mod group;
mod lint;
mod recording;
mod template;
mod validate;

pub use alerting::{Alert, AlertState, AlertingRule};
pub use file::{FileOptions, RuleFile, RuleGroup, RuleKind, RuleSpec};
pub use group::{Environment, Group, GroupOptions, RuleFailure};
pub use lint::{DuplicateRule, duplicate_rules};
pub use template::{
    FUNCTIONS as TEMPLATE_FUNCTIONS, Template, TemplateEnvironment, TemplateError, TemplateSample,
    Value as TemplateValue,
};

#[cfg(test)]
mod tests;
