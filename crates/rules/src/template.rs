//! Templates of labels and annotations: Go's `text/template` with Prometheus's functions.
//!
//! Built is what templates of alerts are made of: text, actions with trim marks, pipelines, variables,
//! fields, literals, `if`, `with`, `range`, `break`, `continue`, `define`, `template` and `block`, Go's
//! predefined functions but `call`, and all of Prometheus's that need no HTML. Work and output are
//! bounded, since a template is a user's.

mod builtin;
mod eval;
mod functions;
mod lex;
mod parse;
mod printf;
mod value;

use std::collections::BTreeMap;

use self::eval::Evaluation;
pub use self::functions::NAMES as FUNCTIONS;
use self::parse::Parsed;
pub use self::value::Value;

/// A template cannot be read, or not be expanded. The texts follow Go's as far as they help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("error parsing template {name}: template: {name}:{line}: {message}")]
    Parse {
        name: String,
        line: usize,
        message: String,
    },
    #[error("error executing template {name}: template: {name}: {message}")]
    Execute { name: String, message: String },
}

/// Labels and value of an element of a vector.
pub type TemplateSample = (BTreeMap<String, String>, Value);

/// What an expansion may ask its surroundings.
pub trait TemplateEnvironment {
    /// A query at the time of the expansion: labels and values.
    fn query(&self, query: &str) -> Result<Vec<TemplateSample>, String>;
    /// The time of the expansion.
    fn now_ms(&self) -> i64;
    /// Under which URL this system is reached.
    fn external_url(&self) -> &str;
}

/// A template that has been read.
#[derive(Debug, Clone)]
pub struct Template {
    name: String,
    parsed: Parsed,
}

impl Template {
    /// `variables` are known without being defined, in this order and without `$`.
    pub fn parse(name: &str, text: &str, variables: &[&str]) -> Result<Template, TemplateError> {
        let parsed = parse::parse(text, variables).map_err(|error| TemplateError::Parse {
            name: name.to_owned(),
            line: error.line,
            message: error.message,
        })?;
        Ok(Template {
            name: name.to_owned(),
            parsed,
        })
    }

    /// `variables` are the values of those it was read with.
    pub fn expand(
        &self,
        data: &Value,
        variables: &[(&str, Value)],
        environment: &dyn TemplateEnvironment,
    ) -> Result<String, TemplateError> {
        Evaluation::new(&self.parsed, environment)
            .run(data, variables)
            .map_err(|message| TemplateError::Execute {
                name: self.name.clone(),
                message,
            })
    }
}

#[cfg(test)]
mod tests;
