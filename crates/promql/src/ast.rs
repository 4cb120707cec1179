//! The syntax tree of the Prometheus 3.14 grammar.
//!
//! Every expression carries the bytes of the query it was read from, for error positions.

use std::fmt;

use vigie_model::Matcher;

use crate::functions;

/// Byte range in the query text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

/// An expression and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    pub span: Span,
    pub kind: ExprKind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// A number. `is_duration` remembers that it was written `5m`, which prints back that way.
    Number {
        value: f64,
        is_duration: bool,
    },
    String(String),
    Vector(VectorSelector),
    Matrix(MatrixSelector),
    Subquery(SubqueryExpr),
    Unary {
        op: UnaryOp,
        operand: Box<Expr>,
    },
    Binary(Box<BinaryExpr>),
    Paren(Box<Expr>),
    Call(CallExpr),
    Aggregate(Box<AggregateExpr>),
}

/// The four types of PromQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    Scalar,
    String,
    Vector,
    Matrix,
}

/// `name{a="b"} offset 5m @ 10`, instant.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSelector {
    /// The name written before the braces; also the last of `matchers`. A name quoted inside the
    /// braces is a matcher only.
    pub name: Option<String>,
    pub matchers: Vec<Matcher>,
    pub offset: Option<Offset>,
    pub at: Option<AtModifier>,
    /// `anchored` or `smoothed` (flag promql-extended-range-selectors).
    pub edge: Option<RangeEdge>,
}

/// A vector selector over a window.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixSelector {
    pub selector: VectorSelector,
    pub range: DurationExpr,
}

/// `expr[range:step]`.
#[derive(Debug, Clone, PartialEq)]
pub struct SubqueryExpr {
    pub expr: Box<Expr>,
    pub range: DurationExpr,
    /// `None` takes the default evaluation interval.
    pub step: Option<DurationExpr>,
    pub offset: Option<Offset>,
    pub at: Option<AtModifier>,
}

/// How far back an `offset` looks; negative looks forward.
pub type Offset = DurationExpr;

/// The evaluation time pinned by `@`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AtModifier {
    TimestampMs(i64),
    Start,
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeEdge {
    Anchored,
    Smoothed,
}

/// A duration that may be computed: `[2 * step()]`.
#[derive(Debug, Clone, PartialEq)]
pub enum DurationExpr {
    /// Milliseconds.
    Literal(i64),
    /// The query's step, or zero for an instant query.
    Step,
    /// The query's range, or zero for an instant query.
    Range,
    Negate(Box<DurationExpr>),
    Paren(Box<DurationExpr>),
    Binary {
        op: DurationOp,
        left: Box<DurationExpr>,
        right: Box<DurationExpr>,
    },
    /// `min_of(a, b)`
    MinOf(Box<DurationExpr>, Box<DurationExpr>),
    /// `max_of(a, b)`
    MaxOf(Box<DurationExpr>, Box<DurationExpr>),
    /// A plain number inside duration arithmetic: seconds where a duration is wanted, a factor otherwise.
    Number(f64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DurationOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOp {
    Plus,
    Minus,
}

#[derive(Debug, Clone, PartialEq)]
pub struct BinaryExpr {
    pub op: BinaryOp,
    pub left: Expr,
    pub right: Expr,
    /// Comparison yields 0 or 1 instead of filtering.
    pub return_bool: bool,
    /// Present between two vectors.
    pub matching: Option<VectorMatching>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// `</`: keeps the histogram's observations below the bound.
    TrimUpper,
    /// `>/`: keeps the histogram's observations above the bound.
    TrimLower,
    And,
    Or,
    Unless,
}

/// How the series of two vectors are paired.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorMatching {
    pub cardinality: MatchCardinality,
    /// True for `on(labels)`, false for `ignoring(labels)` and for neither.
    pub on: bool,
    pub labels: Vec<String>,
    /// Labels copied from the "one" side by `group_left` and `group_right`.
    pub include: Vec<String>,
    pub fill: FillValues,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchCardinality {
    OneToOne,
    /// `group_left`
    ManyToOne,
    /// `group_right`
    OneToMany,
    /// Set operators.
    ManyToMany,
}

/// Values standing in for a missing partner (flag promql-binop-fill-modifiers).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct FillValues {
    pub left: Option<f64>,
    pub right: Option<f64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct CallExpr {
    /// A name of the function table.
    pub function: &'static str,
    pub args: Vec<Expr>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct AggregateExpr {
    pub op: AggregateOp,
    pub expr: Expr,
    /// The k of topk, the φ of quantile, the label of count_values.
    pub param: Option<Expr>,
    pub grouping: Grouping,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grouping {
    /// `by (labels)`; no clause is `by ()`.
    By(Vec<String>),
    Without(Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AggregateOp {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Group,
    Stddev,
    Stdvar,
    Topk,
    Bottomk,
    CountValues,
    Quantile,
    Limitk,
    LimitRatio,
}

impl Expr {
    /// The type of the value.
    pub fn value_type(&self) -> ValueType {
        match &self.kind {
            ExprKind::Number { .. } => ValueType::Scalar,
            ExprKind::String(_) => ValueType::String,
            ExprKind::Vector(_) | ExprKind::Aggregate(_) => ValueType::Vector,
            ExprKind::Matrix(_) | ExprKind::Subquery(_) => ValueType::Matrix,
            ExprKind::Unary { operand, .. } => operand.value_type(),
            ExprKind::Paren(inner) => inner.value_type(),
            // A scalar result needs two scalars; set and matching operators have none.
            ExprKind::Binary(binary)
                if binary.left.value_type() == ValueType::Scalar
                    && binary.right.value_type() == ValueType::Scalar =>
            {
                ValueType::Scalar
            }
            ExprKind::Binary(_) => ValueType::Vector,
            ExprKind::Call(call) => {
                functions::lookup(call.function).map_or(ValueType::Vector, |function| function.return_type)
            }
        }
    }
}

/// As the documentation calls it.
impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ValueType::Scalar => "scalar",
            ValueType::String => "string",
            ValueType::Vector => "instant vector",
            ValueType::Matrix => "range vector",
        })
    }
}

impl BinaryOp {
    pub fn as_str(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Mod => "%",
            BinaryOp::Pow => "^",
            BinaryOp::Atan2 => "atan2",
            BinaryOp::Equal => "==",
            BinaryOp::NotEqual => "!=",
            BinaryOp::Less => "<",
            BinaryOp::LessOrEqual => "<=",
            BinaryOp::Greater => ">",
            BinaryOp::GreaterOrEqual => ">=",
            BinaryOp::TrimUpper => "</",
            BinaryOp::TrimLower => ">/",
            BinaryOp::And => "and",
            BinaryOp::Or => "or",
            BinaryOp::Unless => "unless",
        }
    }

    /// Whether it filters, or yields 0 or 1 with `bool`.
    pub fn is_comparison(self) -> bool {
        matches!(
            self,
            BinaryOp::Equal
                | BinaryOp::NotEqual
                | BinaryOp::Less
                | BinaryOp::LessOrEqual
                | BinaryOp::Greater
                | BinaryOp::GreaterOrEqual
        )
    }

    pub fn is_set(self) -> bool {
        matches!(self, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless)
    }
}

impl UnaryOp {
    pub fn as_str(self) -> &'static str {
        match self {
            UnaryOp::Plus => "+",
            UnaryOp::Minus => "-",
        }
    }
}

impl DurationOp {
    pub fn as_str(self) -> &'static str {
        match self {
            DurationOp::Add => "+",
            DurationOp::Sub => "-",
            DurationOp::Mul => "*",
            DurationOp::Div => "/",
            DurationOp::Mod => "%",
            DurationOp::Pow => "^",
        }
    }
}

impl AggregateOp {
    pub fn as_str(self) -> &'static str {
        match self {
            AggregateOp::Sum => "sum",
            AggregateOp::Avg => "avg",
            AggregateOp::Min => "min",
            AggregateOp::Max => "max",
            AggregateOp::Count => "count",
            AggregateOp::Group => "group",
            AggregateOp::Stddev => "stddev",
            AggregateOp::Stdvar => "stdvar",
            AggregateOp::Topk => "topk",
            AggregateOp::Bottomk => "bottomk",
            AggregateOp::CountValues => "count_values",
            AggregateOp::Quantile => "quantile",
            AggregateOp::Limitk => "limitk",
            AggregateOp::LimitRatio => "limit_ratio",
        }
    }

    /// Whether a parameter comes before the vector.
    pub fn has_param(self) -> bool {
        matches!(
            self,
            AggregateOp::Topk
                | AggregateOp::Bottomk
                | AggregateOp::CountValues
                | AggregateOp::Quantile
                | AggregateOp::Limitk
                | AggregateOp::LimitRatio
        )
    }
}
