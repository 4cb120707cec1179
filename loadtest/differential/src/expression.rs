/// A PromQL expression, written down independently of the engine under test. [`std::fmt::Display`]
/// prints it with the parentheses it needs and no others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// A number or duration literal as it is written: `0x1f`, `1e3`, `1h30m`, `-Inf`.
    Number(String),
    Text(Literal),
    Selector(Selector),
    Subquery(Box<Subquery>),
    Minus(Box<Expression>),
    /// Parentheses that are written whether needed or not.
    Parentheses(Box<Expression>),
    Binary(Box<Binary>),
    Aggregate(Box<Aggregate>),
    Call(Call),
}

/// What an expression evaluates to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    Scalar,
    Vector,
    Range,
    Text,
}

/// A string literal: its content, and the quotes around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    pub content: String,
    pub quote: Quote,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quote {
    Double,
    Single,
    /// Back quotes; a content that contains one is printed in double quotes.
    Raw,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchOperator {
    Equal,
    NotEqual,
    Matches,
    NotMatches,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matcher {
    pub label: String,
    pub operator: MatchOperator,
    pub value: Literal,
}

/// An instant selector, or a range selector when `range` is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector {
    pub name: Option<String>,
    pub matchers: Vec<Matcher>,
    /// The text between the brackets: a duration or a duration expression.
    pub range: Option<String>,
    /// `anchored` or `smoothed`.
    pub extension: Option<&'static str>,
    pub shift: Shift,
}

/// The modifiers `offset` and `@`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shift {
    /// The text after `offset`.
    pub offset: Option<String>,
    /// The text after `@`: seconds, `start()` or `end()`.
    pub at: Option<String>,
    /// Whether `@` is written before `offset`.
    pub at_first: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subquery {
    pub inner: Expression,
    pub range: String,
    pub step: Option<String>,
    pub shift: Shift,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binary {
    pub operator: &'static str,
    pub returns_bool: bool,
    pub matching: Option<Matching>,
    pub group: Option<Group>,
    pub fills: Vec<Fill>,
    pub left: Expression,
    pub right: Expression,
}

/// `on (...)` or `ignoring (...)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching {
    pub on: bool,
    pub labels: Vec<String>,
}

/// `group_left (...)` or `group_right (...)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub left: bool,
    pub labels: Vec<String>,
}

/// `fill (v)`, `fill_left (v)` or `fill_right (v)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fill {
    pub keyword: &'static str,
    pub value: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregate {
    pub operator: &'static str,
    pub parameter: Option<Expression>,
    pub inner: Expression,
    pub grouping: Option<Grouping>,
    /// Whether the clause is written after the arguments.
    pub grouping_last: bool,
}

/// `by (...)` or `without (...)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    pub without: bool,
    pub labels: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub function: &'static str,
    pub arguments: Vec<Expression>,
}

/// Functions that answer a scalar; all others answer a vector.
const SCALAR_FUNCTIONS: &[&str] = &[
    "end", "max_of", "min_of", "pi", "range", "scalar", "start", "step", "time",
];

impl Expression {
    pub fn number(text: impl Into<String>) -> Self {
        Self::Number(text.into())
    }

    pub fn text(content: impl Into<String>) -> Self {
        Self::Text(Literal::new(content))
    }

    pub fn call(function: &'static str, arguments: Vec<Self>) -> Self {
        Self::Call(Call { function, arguments })
    }

    /// An aggregation without parameter and clause.
    pub fn aggregate(operator: &'static str, inner: Self) -> Self {
        Self::Aggregate(Box::new(Aggregate {
            operator,
            parameter: None,
            inner,
            grouping: None,
            grouping_last: false,
        }))
    }

    /// A binary operation without modifiers.
    pub fn binary(left: Self, operator: &'static str, right: Self) -> Self {
        Self::Binary(Box::new(Binary {
            operator,
            returns_bool: false,
            matching: None,
            group: None,
            fills: Vec::new(),
            left,
            right,
        }))
    }

    pub fn kind(&self) -> ValueKind {
        match self {
            Self::Number(_) => ValueKind::Scalar,
            Self::Text(_) => ValueKind::Text,
            Self::Selector(selector) if selector.range.is_some() => ValueKind::Range,
            Self::Subquery(_) => ValueKind::Range,
            Self::Selector(_) | Self::Aggregate(_) => ValueKind::Vector,
            Self::Minus(inner) | Self::Parentheses(inner) => inner.kind(),
            Self::Binary(binary) => match (binary.left.kind(), binary.right.kind()) {
                (ValueKind::Scalar, ValueKind::Scalar) => ValueKind::Scalar,
                _ => ValueKind::Vector,
            },
            Self::Call(call) if SCALAR_FUNCTIONS.contains(&call.function) => ValueKind::Scalar,
            Self::Call(_) => ValueKind::Vector,
        }
    }

    /// The parts that are expressions themselves, in the order of the text.
    pub fn children(&self) -> Vec<&Self> {
        match self {
            Self::Number(_) | Self::Text(_) | Self::Selector(_) => Vec::new(),
            Self::Subquery(subquery) => vec![&subquery.inner],
            Self::Minus(inner) | Self::Parentheses(inner) => vec![&**inner],
            Self::Binary(binary) => vec![&binary.left, &binary.right],
            Self::Aggregate(aggregate) => aggregate.parameter.iter().chain([&aggregate.inner]).collect(),
            Self::Call(call) => call.arguments.iter().collect(),
        }
    }

    pub fn children_mut(&mut self) -> Vec<&mut Self> {
        match self {
            Self::Number(_) | Self::Text(_) | Self::Selector(_) => Vec::new(),
            Self::Subquery(subquery) => vec![&mut subquery.inner],
            Self::Minus(inner) | Self::Parentheses(inner) => vec![&mut **inner],
            Self::Binary(binary) => vec![&mut binary.left, &mut binary.right],
            Self::Aggregate(aggregate) => aggregate
                .parameter
                .iter_mut()
                .chain([&mut aggregate.inner])
                .collect(),
            Self::Call(call) => call.arguments.iter_mut().collect(),
        }
    }

    /// Visits this expression and everything below it, parents first.
    pub fn visit<'a>(&'a self, visitor: &mut dyn FnMut(&'a Self)) {
        visitor(self);
        for child in self.children() {
            child.visit(visitor);
        }
    }

    /// This expression without parentheses around it.
    pub fn bare(&self) -> &Self {
        match self {
            Self::Parentheses(inner) => inner.bare(),
            _ => self,
        }
    }
}

impl Literal {
    /// In double quotes.
    pub fn new(content: impl Into<String>) -> Self {
        Self {
            content: content.into(),
            quote: Quote::Double,
        }
    }
}
