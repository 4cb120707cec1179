//! From a syntax tree and the times of a query to what there is to do.
//!
//! Everything that does not depend on samples is settled here, once: the type of every expression,
//! the grid it is evaluated on, durations, the exact times a selector reads, constants, and which
//! parts do not depend on the evaluation time.

mod build;
mod call;
mod duration;
mod fold;
mod grid;
mod invariant;
mod node;
mod project;
mod repeated;

pub(crate) use grid::{Grid, Timing};
pub(crate) use node::{
    AggregateNode, BinaryNode, BinaryScalarNode, CalendarField, HistogramFraction, HistogramQuantile,
    HistogramStatistic, InfoCall, InstantSelector, LabelReplace, MapFunction, RangeCall, RangeFunction,
    RangeInput, RangeSamples, RootNode, SampleTime, ScalarNode, SharedNode, SortOrder, VectorNode,
};

use crate::{EvalError, Expr, SelectRequest};

/// When and how a query is evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryParams {
    /// The text the expression was read from, for the positions in annotations; empty for none.
    pub query: String,
    pub start_ms: i64,
    /// Equal to the start for an instant query.
    pub end_ms: i64,
    /// Zero for an instant query.
    pub step_ms: i64,
    /// How old the newest sample of a series may be.
    pub lookback_ms: i64,
    /// The step of subqueries that give none.
    pub subquery_step_ms: i64,
    /// Drop metric names at the end rather than in each function (flag
    /// promql-delayed-name-removal).
    pub delayed_name_removal: bool,
    /// Tell counters by their `__type__` label rather than by name (flag type-and-unit-labels).
    pub type_and_unit_labels: bool,
    /// Let rate, increase, irate and resets know when counters began to count, and give
    /// `start_timestamp()` a result (flag use-start-timestamps).
    pub use_start_timestamps: bool,
}

impl QueryParams {
    /// An instant query with Prometheus's defaults.
    pub fn instant(query: impl Into<String>, time_ms: i64) -> QueryParams {
        QueryParams {
            query: query.into(),
            start_ms: time_ms,
            end_ms: time_ms,
            step_ms: 0,
            lookback_ms: 300_000,
            subquery_step_ms: 60_000,
            delayed_name_removal: false,
            type_and_unit_labels: false,
            use_start_timestamps: false,
        }
    }

    /// A range query with Prometheus's defaults.
    pub fn range(query: impl Into<String>, start_ms: i64, end_ms: i64, step_ms: i64) -> QueryParams {
        QueryParams {
            end_ms,
            step_ms,
            ..QueryParams::instant(query, start_ms)
        }
    }

    pub fn is_instant(&self) -> bool {
        self.step_ms == 0
    }
}

/// A query that is ready to be evaluated, any number of times.
#[derive(Debug, Clone)]
pub struct Plan {
    params: QueryParams,
    root: RootNode,
    grid: Grid,
    selections: Vec<SelectRequest>,
    shared: Vec<SharedNode>,
}

impl Plan {
    /// Fails with [`EvalError::Invalid`] if the query is wrong whatever the data: a range query of
    /// a range vector, a duration that computes to nothing, a regular expression that is none.
    pub fn new(expr: &Expr, params: &QueryParams) -> Result<Plan, EvalError> {
        build::build(expr, params)
    }

    /// What an evaluation reads, each with the exact times it needs. A request may stand here
    /// twice; an evaluation makes each at most once, skips those with nothing to read, and narrows those
    /// of info() by further matchers.
    pub fn selections(&self) -> &[SelectRequest] {
        &self.selections
    }

    pub fn params(&self) -> &QueryParams {
        &self.params
    }

    pub(crate) fn root(&self) -> &RootNode {
        &self.root
    }

    /// Expressions that stand in the query several times.
    pub(crate) fn shared(&self) -> &[SharedNode] {
        &self.shared
    }

    pub(crate) fn grid(&self) -> Grid {
        self.grid
    }
}

#[cfg(test)]
mod tests;
