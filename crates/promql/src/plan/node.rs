//! The typed plan: one tree per type of value, so that no evaluation meets a value it cannot take.

use vigie_model::{Labels, Matcher};

use crate::{AggregateOp, BinaryOp, Grouping, RangeEdge, Span, VectorMatching};

use super::{Grid, Timing};

/// The top of a plan.
#[derive(Debug, Clone)]
pub(crate) enum RootNode {
    Scalar(ScalarNode),
    Vector(VectorNode),
    Matrix(RangeInput),
    String(String),
}

/// One number per step.
#[derive(Debug, Clone)]
pub(crate) enum ScalarNode {
    Number(f64),
    /// `time()`
    Time,
    /// `scalar(v)`
    FromVector(Box<VectorNode>),
    Negate(Box<ScalarNode>),
    Binary {
        op: BinaryOp,
        left: Box<ScalarNode>,
        right: Box<ScalarNode>,
    },
    /// `min_of(a, b)`
    MinOf(Box<ScalarNode>, Box<ScalarNode>),
    /// `max_of(a, b)`
    MaxOf(Box<ScalarNode>, Box<ScalarNode>),
    /// Evaluated at the first step and repeated.
    Repeat(Box<ScalarNode>),
}

/// Series with one value, or none, per step.
#[derive(Debug, Clone)]
pub(crate) enum VectorNode {
    Selector(InstantSelector),
    /// `timestamp(selector)` and `start_timestamp(selector)`: times of the selected samples in place of
    /// their values.
    SelectorTime(InstantSelector, SampleTime),
    Range(Box<RangeCall>),
    AbsentOverTime {
        input: RangeInput,
        labels: Labels,
    },
    Map {
        function: MapFunction,
        input: Box<VectorNode>,
        params: Vec<ScalarNode>,
    },
    Negate(Box<VectorNode>),
    /// `vector(s)`, and the calendar functions without argument.
    FromScalar(ScalarNode),
    Absent {
        input: Box<VectorNode>,
        labels: Labels,
    },
    LabelReplace(Box<LabelReplace>),
    LabelJoin {
        input: Box<VectorNode>,
        target: String,
        separator: String,
        sources: Vec<String>,
    },
    Sort {
        input: Box<VectorNode>,
        order: SortOrder,
        span: Span,
    },
    HistogramQuantile(Box<HistogramQuantile>),
    HistogramFraction(Box<HistogramFraction>),
    Info(Box<InfoCall>),
    Aggregate(Box<AggregateNode>),
    BinaryScalar(Box<BinaryScalarNode>),
    Binary(Box<BinaryNode>),
    /// Evaluated at the first step and repeated.
    Repeat(Box<VectorNode>),
    /// An expression that stands in the query several times and is evaluated once.
    Shared {
        /// Position in [`super::Plan::shared`].
        at: usize,
        /// As of the expression.
        one_name: bool,
    },
    /// `start_timestamp` of anything but a selector.
    Nothing,
}

/// What a [`VectorNode::Shared`] stands for.
#[derive(Debug, Clone)]
pub(crate) struct SharedNode {
    pub node: VectorNode,
    pub grid: Grid,
    /// How many nodes stand for it; of two that are equal in a larger pair of equals, one is left.
    pub uses: usize,
}

/// Which time of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SampleTime {
    /// When it was taken.
    Taken,
    /// When it began to count, 0 if that is not known.
    Start,
}

/// The newest sample within the lookback.
#[derive(Debug, Clone)]
pub(crate) struct InstantSelector {
    /// Position in [`super::Plan::selections`].
    pub selection: usize,
    pub timing: Timing,
    /// Interpolates between the neighbours instead.
    pub smoothed: bool,
    /// All its series carry the same name.
    pub one_name: bool,
    /// Histograms are to know about counter resets even where the source does not say.
    pub derives_hints: bool,
    pub span: Span,
}

/// A function of the samples in a sliding window.
#[derive(Debug, Clone)]
pub(crate) struct RangeCall {
    pub function: RangeFunction,
    pub input: RangeInput,
    pub params: Vec<ScalarNode>,
}

/// What a window slides over.
#[derive(Debug, Clone)]
pub(crate) struct RangeInput {
    pub samples: RangeSamples,
    pub range_ms: i64,
    pub timing: Timing,
    pub edge: Option<RangeEdge>,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub(crate) enum RangeSamples {
    /// Position in [`super::Plan::selections`], and whether all its series carry one name.
    Selection {
        selection: usize,
        one_name: bool,
        /// As in [`InstantSelector`].
        derives_hints: bool,
    },
    Subquery {
        input: Box<VectorNode>,
        grid: Grid,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RangeFunction {
    Rate,
    Increase,
    Delta,
    Irate,
    Idelta,
    Deriv,
    PredictLinear,
    DoubleExponentialSmoothing,
    Resets,
    Changes,
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Present,
    First,
    Last,
    Stddev,
    Stdvar,
    Quantile,
    Mad,
    TimestampOfFirst,
    TimestampOfLast,
    TimestampOfMin,
    TimestampOfMax,
}

impl RangeFunction {
    /// These two act like an offset and keep the metric name.
    pub(crate) fn keeps_name(self) -> bool {
        matches!(self, RangeFunction::First | RangeFunction::Last)
    }
}

/// A function of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MapFunction {
    Abs,
    Ceil,
    Floor,
    Exp,
    Sqrt,
    Ln,
    Log2,
    Log10,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Tanh,
    Asinh,
    Acosh,
    Atanh,
    Rad,
    Deg,
    Sgn,
    Round,
    Clamp,
    ClampMin,
    ClampMax,
    /// `timestamp` of anything but a selector: the evaluation time.
    Timestamp,
    Calendar(CalendarField),
    /// Of native histograms; floats give nothing.
    Histogram(HistogramStatistic),
}

/// What `histogram_count` and its like take from a native histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HistogramStatistic {
    Count,
    Sum,
    Avg,
    Stddev,
    Stdvar,
}

/// What a calendar function takes from a time in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CalendarField {
    DaysInMonth,
    DayOfMonth,
    DayOfWeek,
    DayOfYear,
    Hour,
    Minute,
    Month,
    Year,
}

#[derive(Debug, Clone)]
pub(crate) struct LabelReplace {
    pub input: VectorNode,
    pub target: String,
    pub replacement: String,
    pub source: String,
    /// Anchored, and its dot matches newlines.
    pub regex: regex::Regex,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SortOrder {
    Value { descending: bool },
    Labels { names: Vec<String>, descending: bool },
}

/// `histogram_quantile` and `histogram_quantiles`.
#[derive(Debug, Clone)]
pub(crate) struct HistogramQuantile {
    pub input: VectorNode,
    pub quantiles: Vec<(ScalarNode, Span)>,
    /// Carries the quantile; only for `histogram_quantiles`.
    pub label: Option<String>,
    pub input_span: Span,
}

/// `histogram_fraction`.
#[derive(Debug, Clone)]
pub(crate) struct HistogramFraction {
    pub lower: ScalarNode,
    pub upper: ScalarNode,
    pub lower_span: Span,
    pub input: VectorNode,
    pub input_span: Span,
}

/// `info(v, {…})`.
#[derive(Debug, Clone)]
pub(crate) struct InfoCall {
    pub input: VectorNode,
    /// Position in [`super::Plan::selections`]; what is read is narrowed to the targets of the input.
    pub selection: usize,
    pub timing: Timing,
    /// Which info metrics; never empty.
    pub name_matchers: Vec<Matcher>,
    /// Conditions on the labels that are added; these labels only, unless there are none.
    pub data_matchers: Vec<Matcher>,
}

#[derive(Debug, Clone)]
pub(crate) struct AggregateNode {
    pub op: AggregateOp,
    pub input: VectorNode,
    pub input_span: Span,
    pub span: Span,
    pub grouping: Grouping,
    pub param: Option<ScalarNode>,
    pub param_span: Span,
    /// The label of `count_values`.
    pub value_label: String,
}

#[derive(Debug, Clone)]
pub(crate) struct BinaryScalarNode {
    pub op: BinaryOp,
    pub vector: VectorNode,
    pub scalar: ScalarNode,
    /// The scalar stands on the left.
    pub scalar_left: bool,
    pub return_bool: bool,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub(crate) struct BinaryNode {
    pub op: BinaryOp,
    pub left: VectorNode,
    pub right: VectorNode,
    pub return_bool: bool,
    pub matching: VectorMatching,
    pub span: Span,
}

impl VectorNode {
    /// Whether all series carry the same name or all none, so that dropping it leaves them distinct.
    pub(crate) fn has_one_name(&self) -> bool {
        match self {
            VectorNode::Selector(selector) => selector.one_name,
            VectorNode::Range(call) => !call.function.keeps_name() || call.input.has_one_name(),
            VectorNode::SelectorTime(..)
            | VectorNode::AbsentOverTime { .. }
            | VectorNode::Map { .. }
            | VectorNode::Negate(_)
            | VectorNode::FromScalar(_)
            | VectorNode::Absent { .. }
            | VectorNode::HistogramQuantile(_)
            | VectorNode::HistogramFraction(_)
            | VectorNode::Nothing => true,
            VectorNode::LabelReplace(call) => {
                call.target != vigie_model::METRIC_NAME && call.input.has_one_name()
            }
            VectorNode::LabelJoin { input, target, .. } => {
                target != vigie_model::METRIC_NAME && input.has_one_name()
            }
            VectorNode::Sort { input, .. } | VectorNode::Repeat(input) => input.has_one_name(),
            VectorNode::Info(call) => call.input.has_one_name(),
            VectorNode::Aggregate(node) => match (node.op, &node.grouping) {
                (
                    AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk | AggregateOp::LimitRatio,
                    _,
                ) => node.input.has_one_name(),
                (AggregateOp::CountValues, _) if node.value_label == vigie_model::METRIC_NAME => false,
                (_, Grouping::By(names)) => !names.iter().any(|name| name == vigie_model::METRIC_NAME),
                (_, Grouping::Without(_)) => true,
            },
            VectorNode::BinaryScalar(node) => node.vector.has_one_name(),
            VectorNode::Binary(_) => false,
            VectorNode::Shared { one_name, .. } => *one_name,
        }
    }
}

impl RangeInput {
    pub(crate) fn has_one_name(&self) -> bool {
        match &self.samples {
            RangeSamples::Selection { one_name, .. } => *one_name,
            RangeSamples::Subquery { input, .. } => input.has_one_name(),
        }
    }
}
