use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use vigie_workload::Millis;

use super::find::FindSpec;

/// Expressions that are asked together: a dashboard, a rule group, or one nasty question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryGroup {
    /// How the report calls it.
    pub name: String,
    /// A list that comes with the program; see `loadtest queries`.
    #[serde(default)]
    pub set: Option<String>,
    /// Expressions of the scenario's own, after those of `set`.
    #[serde(default)]
    pub expressions: Vec<String>,
    /// Requests for label names, label values and series, after those; over `span.range`, or an hour without `span`.
    #[serde(default)]
    pub finds: Vec<FindSpec>,
    /// Ask only so many of them; if there are fewer, they are asked again under the next host, see `$instance`.
    #[serde(default)]
    pub count: Option<u32>,
    /// `live`, while data come in, or `after` (default), when the server has come to rest.
    #[serde(default)]
    pub when: When,
    /// For `live`: pause from the start of one round to the start of the next. Default 10s.
    #[serde(default = "ten_seconds")]
    pub every: Millis,
    /// Range queries; absent for instant ones.
    #[serde(default)]
    pub span: Option<Span>,
    /// For `after`: how often each is asked; the fastest counts, and all answers must be equal. Default 3.
    #[serde(default = "three")]
    pub runs: u32,
    /// How many are asked at once. Default 1.
    #[serde(default = "one")]
    pub concurrency: u32,
    /// Whether answers are compared; false for those that no two servers can agree on, such as `topk` of equals.
    #[serde(default = "yes")]
    pub check: bool,
    /// A server may refuse these (`hostile` questions): then the refusal is counted and is no error.
    #[serde(default)]
    pub may_be_refused: bool,
}

/// The grid of range queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// How far back from the time of asking.
    pub range: Millis,
    pub step: Millis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    Live,
    #[default]
    After,
}

fn ten_seconds() -> Millis {
    Millis(10_000)
}
fn three() -> u32 {
    3
}
fn one() -> u32 {
    1
}
fn yes() -> bool {
    true
}

impl QueryGroup {
    pub(super) fn validate(&self) -> Result<()> {
        ensure!(
            self.set.is_some() || !self.expressions.is_empty() || !self.finds.is_empty(),
            "neither `set` nor `expressions` nor `finds` says what to ask"
        );
        ensure!(
            self.every.0 >= 100,
            "`every` is {}; it must be at least 100ms",
            self.every
        );
        ensure!(
            (1..=100).contains(&self.runs),
            "`runs` is {}; it must be between 1 and 100",
            self.runs
        );
        ensure!(
            (1..=64).contains(&self.concurrency),
            "`concurrency` is {}; it must be between 1 and 64",
            self.concurrency
        );
        for find in &self.finds {
            find.validate()?;
        }
        if let Some(span) = self.span {
            ensure!(
                span.step.0 > 0 && span.range.0 >= span.step.0,
                "`span` needs a `step` above 0 and a `range` of at least one step"
            );
        }
        Ok(())
    }
}
