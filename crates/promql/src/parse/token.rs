//! The words of a query.

use vigie_model::quote_go;

use crate::{AggregateOp, BinaryOp, Span};

/// A word and where it stands; its text is that part of the query.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    Eof,
    Identifier,
    /// An identifier with a colon, which can only name a metric.
    MetricIdentifier,
    String,
    Number,
    Duration,
    Comma,
    Colon,
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    /// `=`
    Assign,
    /// `=~`
    EqualRegex,
    /// `!~`
    NotEqualRegex,
    At,
    Operator(BinaryOp),
    Aggregate(AggregateOp),
    Keyword(Keyword),
    Builtin(Builtin),
}

/// Words with a meaning of their own. Case does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyword {
    Bool,
    By,
    GroupLeft,
    GroupRight,
    Fill,
    FillLeft,
    FillRight,
    Ignoring,
    Offset,
    Smoothed,
    Anchored,
    On,
    Without,
}

/// Function names that are also used where no function can stand: after `@` or in durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Builtin {
    Start,
    End,
    Step,
    Range,
    MaxOf,
    MinOf,
}

impl TokenKind {
    /// What a word means outside braces, if it is not just a name.
    pub(super) fn of_word(word: &str) -> Option<TokenKind> {
        // The longest is `count_values`; a longer word needs no folding.
        let mut folded = [0u8; 12];
        let folded = folded.get_mut(..word.len())?;
        folded.copy_from_slice(word.as_bytes());
        folded.make_ascii_lowercase();
        Some(match &*folded {
            b"inf" | b"nan" => TokenKind::Number,
            b"and" => TokenKind::Operator(BinaryOp::And),
            b"or" => TokenKind::Operator(BinaryOp::Or),
            b"unless" => TokenKind::Operator(BinaryOp::Unless),
            b"atan2" => TokenKind::Operator(BinaryOp::Atan2),
            b"sum" => TokenKind::Aggregate(AggregateOp::Sum),
            b"avg" => TokenKind::Aggregate(AggregateOp::Avg),
            b"min" => TokenKind::Aggregate(AggregateOp::Min),
            b"max" => TokenKind::Aggregate(AggregateOp::Max),
            b"count" => TokenKind::Aggregate(AggregateOp::Count),
            b"group" => TokenKind::Aggregate(AggregateOp::Group),
            b"stddev" => TokenKind::Aggregate(AggregateOp::Stddev),
            b"stdvar" => TokenKind::Aggregate(AggregateOp::Stdvar),
            b"topk" => TokenKind::Aggregate(AggregateOp::Topk),
            b"bottomk" => TokenKind::Aggregate(AggregateOp::Bottomk),
            b"count_values" => TokenKind::Aggregate(AggregateOp::CountValues),
            b"quantile" => TokenKind::Aggregate(AggregateOp::Quantile),
            b"limitk" => TokenKind::Aggregate(AggregateOp::Limitk),
            b"limit_ratio" => TokenKind::Aggregate(AggregateOp::LimitRatio),
            b"bool" => TokenKind::Keyword(Keyword::Bool),
            b"by" => TokenKind::Keyword(Keyword::By),
            b"group_left" => TokenKind::Keyword(Keyword::GroupLeft),
            b"group_right" => TokenKind::Keyword(Keyword::GroupRight),
            b"fill" => TokenKind::Keyword(Keyword::Fill),
            b"fill_left" => TokenKind::Keyword(Keyword::FillLeft),
            b"fill_right" => TokenKind::Keyword(Keyword::FillRight),
            b"ignoring" => TokenKind::Keyword(Keyword::Ignoring),
            b"offset" => TokenKind::Keyword(Keyword::Offset),
            b"smoothed" => TokenKind::Keyword(Keyword::Smoothed),
            b"anchored" => TokenKind::Keyword(Keyword::Anchored),
            b"on" => TokenKind::Keyword(Keyword::On),
            b"without" => TokenKind::Keyword(Keyword::Without),
            b"start" => TokenKind::Builtin(Builtin::Start),
            b"end" => TokenKind::Builtin(Builtin::End),
            b"step" => TokenKind::Builtin(Builtin::Step),
            b"range" => TokenKind::Builtin(Builtin::Range),
            b"max_of" => TokenKind::Builtin(Builtin::MaxOf),
            b"min_of" => TokenKind::Builtin(Builtin::MinOf),
            _ => return None,
        })
    }

    /// Whether the word can stand for a metric before braces or alone.
    pub(super) fn names_a_metric(self) -> bool {
        match self {
            TokenKind::Identifier
            | TokenKind::MetricIdentifier
            | TokenKind::Aggregate(_)
            | TokenKind::Builtin(_)
            | TokenKind::Operator(BinaryOp::And | BinaryOp::Or | BinaryOp::Unless) => true,
            TokenKind::Keyword(keyword) => !matches!(
                keyword,
                Keyword::Bool | Keyword::On | Keyword::Ignoring | Keyword::GroupLeft | Keyword::GroupRight
            ),
            _ => false,
        }
    }

    /// Whether the word can stand for a label in a list of labels.
    pub(super) fn names_a_label(self) -> bool {
        match self {
            TokenKind::Keyword(keyword) => keyword != Keyword::Without,
            TokenKind::Operator(BinaryOp::Atan2) => true,
            _ => self.names_a_metric(),
        }
    }
}

impl Token {
    /// How an error message calls the token, in Prometheus's words.
    pub(super) fn describe(self, query: &str) -> String {
        let text = query.get(self.span.start..self.span.end).unwrap_or_default();
        match self.kind {
            TokenKind::Eof => "end of input".to_owned(),
            TokenKind::Identifier => format!("identifier {}", quote_go(text)),
            TokenKind::MetricIdentifier => format!("metric identifier {}", quote_go(text)),
            TokenKind::String => format!("string {}", quote_start(text)),
            TokenKind::Number => format!("number {}", quote_start(text)),
            TokenKind::Duration => format!("duration {}", quote_start(text)),
            TokenKind::Operator(_) | TokenKind::At | TokenKind::EqualRegex | TokenKind::NotEqualRegex => {
                format!("<op:{text}>")
            }
            TokenKind::Aggregate(_) => format!("<aggr:{text}>"),
            TokenKind::Keyword(_) => format!("<{text}>"),
            TokenKind::Comma
            | TokenKind::Colon
            | TokenKind::LeftParen
            | TokenKind::RightParen
            | TokenKind::LeftBrace
            | TokenKind::RightBrace
            | TokenKind::LeftBracket
            | TokenKind::RightBracket
            | TokenKind::Assign
            | TokenKind::Builtin(_) => quote_start(text),
        }
    }
}

/// Long literals would drown the message.
fn quote_start(text: &str) -> String {
    const MAX_CHARS: usize = 10;
    if text.len() <= MAX_CHARS {
        return quote_go(text);
    }
    let end = text
        .char_indices()
        .nth(MAX_CHARS)
        .map_or(text.len(), |(index, _)| index);
    format!("{}...", quote_go(&text[..end]))
}
