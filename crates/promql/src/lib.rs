//! PromQL: text to syntax tree, syntax tree to typed plan, plan and samples to an answer.
//!
//! The crate is pure. It must not know tokio, clocks, random numbers, files or the network: the
//! caller says what time it is, hands in samples through [`Source`], and can stop an evaluation
//! through its query context. It must not know JSON or HTTP either.

mod annotations;
mod ast;
mod error;
mod eval;
mod explained;
pub mod functions;
mod memory_source;
pub mod notation;
mod parse;
mod plan;
mod print;
mod source;
mod value;
mod walk;

pub use annotations::{Annotations, Remark};
pub use ast::{
    AggregateExpr, AggregateOp, AtModifier, BinaryExpr, BinaryOp, CallExpr, DurationExpr, DurationOp, Expr,
    ExprKind, FillValues, Grouping, MatchCardinality, MatrixSelector, Offset, RangeEdge, Span, SubqueryExpr,
    UnaryOp, ValueType, VectorMatching, VectorSelector,
};
pub use error::{EvalError, ParseError, UnboundedSelector};
pub use eval::{Answer, Interrupt, QueryContext, QueryStats, evaluate, evaluate_explained};
pub use explained::{Explained, ReadCost};
pub use memory_source::MemorySource;
pub use parse::{MAX_DEPTH, ParseOptions, check_bounded, parse, parse_selector, parse_with};
pub use plan::{Plan, QueryParams};
pub use print::pretty;
pub use source::{SelectRequest, Series, SeriesBatch, SeriesSet, Source, SourceError};
pub use value::{Matrix, MatrixSeries, QueryValue, Vector, VectorSample};
pub use walk::walk;
