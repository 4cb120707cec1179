//! Differential mode of the load tester: the same random PromQL is asked of two systems that hold the
//! same data, and their answers are compared to a stated tolerance. A difference is reduced to the
//! smallest query that still shows it.
//!
//! The crate writes and judges queries. It knows a system only as a [`Queryable`], and depends on no
//! crate of Vigie, above all not on its parser: its [`Expression`] is a second opinion on the grammar.
//! Everything follows from a seed, the [`Schema`] and the [`Options`].

mod answer;
mod compare;
mod conditioning;
mod coverage;
mod duration;
mod expression;
mod functions;
mod generator;
mod minimise;
mod options;
mod order;
mod print;
mod query;
mod queryable;
mod reduce;
mod report;
mod rng;
mod run;
mod schema;

pub use answer::{Answer, Bucket, Data, Histogram, Outcome, Series, Value};
pub use compare::{Difference, DifferenceKind, Identity, Tolerance, compare};
pub use expression::{
    Aggregate, Binary, Call, Expression, Fill, Group, Grouping, Literal, MatchOperator, Matcher, Matching,
    Quote, Selector, Shift, Subquery, ValueKind,
};
pub use generator::Generator;
pub use minimise::{minimise, minimise_expression};
pub use options::Options;
pub use query::{Body, Grid, Query};
pub use queryable::Queryable;
pub use report::{DifferentialReport, Exercised, FoundDifference};
pub use run::{Progress, RunSpec, run};
pub use schema::{Labels, Metric, MetricKind, Schema};
