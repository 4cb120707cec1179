//! PromQL: text to syntax tree, syntax tree to typed plan, plan and samples to an answer.
//!
//! The crate is pure. It must not know tokio, clocks, random numbers, files or the network: the
//! caller says what time it is, hands in samples through [`Source`], and can stop an evaluation
//! through its query context. It must not know JSON or HTTP either.

mod annotations;
mod ast;
mod error;
mod source;
mod value;

pub use annotations::Annotations;
pub use ast::{
    AggregateExpr, AggregateOp, AtModifier, BinaryExpr, BinaryOp, CallExpr, DurationExpr, DurationOp, Expr,
    ExprKind, FillValues, Grouping, MatchCardinality, MatrixSelector, Offset, RangeEdge, Span, SubqueryExpr,
    UnaryOp, ValueType, VectorMatching, VectorSelector,
};
pub use error::{EvalError, ParseError};
pub use source::{SelectRequest, Series, SeriesSet, Source, SourceError};
pub use value::{Matrix, MatrixSeries, QueryValue, Vector, VectorSample};
