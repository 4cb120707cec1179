//! The parser's hands: tokens one ahead, errors, and the bound on depth. The rules are in its siblings.

use super::{
    MAX_DEPTH, ParseOptions,
    lex::Lexer,
    token::{Token, TokenKind},
};
use crate::{Expr, ParseError, Span};

pub(super) type ParseResult<T> = Result<T, ParseError>;

/// Reads tokens one ahead.
#[derive(Debug)]
pub(super) struct Parser<'q> {
    query: &'q str,
    pub(super) options: ParseOptions,
    lexer: Lexer<'q>,
    lookahead: Option<Token>,
    /// End of the last token taken.
    pub(super) last_end: usize,
    /// Rules under way that can contain themselves.
    nesting: usize,
    /// Aggregations under way, which error messages mention.
    pub(super) aggregations: usize,
}

/// An expression and the number of its levels. Boxed, since it passes through every frame of the
/// recursion, and the stack is what limits the depth.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) expr: Box<Expr>,
    pub(super) height: usize,
}

impl<'q> Parser<'q> {
    pub(super) fn new(query: &'q str, options: ParseOptions) -> Parser<'q> {
        Parser {
            query,
            options,
            lexer: Lexer::new(query),
            lookahead: None,
            last_end: 0,
            nesting: 0,
            aggregations: 0,
        }
    }

    /// The text must be at its end.
    pub(super) fn end(&mut self) -> ParseResult<()> {
        match self.peek()?.kind {
            TokenKind::Eof => Ok(()),
            _ => Err(self.unexpected_here()),
        }
    }

    pub(super) fn peek(&mut self) -> ParseResult<Token> {
        if let Some(token) = self.lookahead {
            return Ok(token);
        }
        let token = self.lexer.next_token().map_err(|error| {
            let span = Span {
                start: error.position,
                end: self.query.len(),
            };
            ParseError::new(self.query, span, error.message)
        })?;
        self.lookahead = Some(token);
        Ok(token)
    }

    pub(super) fn advance(&mut self) -> ParseResult<Token> {
        let token = self.peek()?;
        self.lookahead = None;
        self.last_end = token.span.end;
        Ok(token)
    }

    /// Takes the next token if it is of this kind.
    pub(super) fn accept(&mut self, kind: TokenKind) -> ParseResult<bool> {
        let found = self.peek()?.kind == kind;
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    pub(super) fn text(&self, token: Token) -> &'q str {
        self.query
            .get(token.span.start..token.span.end)
            .unwrap_or_default()
    }

    pub(super) fn error(&self, span: Span, message: impl Into<String>) -> ParseError {
        ParseError::new(self.query, span, message)
    }

    /// Complains about the next token, which has been peeked at.
    pub(super) fn unexpected(&self, place: &str, expected: &str) -> ParseError {
        let end = self.query.len();
        let token = self.lookahead.unwrap_or(Token {
            kind: TokenKind::Eof,
            span: Span { start: end, end },
        });
        let mut message = format!("unexpected {}", token.describe(self.query));
        if !place.is_empty() {
            message.push_str(" in ");
            message.push_str(place);
        }
        if !expected.is_empty() {
            message.push_str(", expected ");
            message.push_str(expected);
        }
        self.error(token.span, message)
    }

    /// Complains about the next token where no rule knows better what belongs there.
    pub(super) fn unexpected_here(&self) -> ParseError {
        let place = if self.aggregations > 0 { "aggregation" } else { "" };
        self.unexpected(place, "")
    }

    pub(super) fn enter(&mut self) -> ParseResult<()> {
        self.nesting += 1;
        self.check_depth(self.nesting)
    }

    pub(super) fn leave(&mut self) {
        self.nesting -= 1;
    }

    pub(super) fn check_depth(&self, depth: usize) -> ParseResult<()> {
        if depth <= MAX_DEPTH {
            return Ok(());
        }
        let span = Span {
            start: self.last_end,
            end: self.query.len(),
        };
        Err(self.error(
            span,
            format!("expression is nested more than {MAX_DEPTH} levels deep"),
        ))
    }

    pub(super) fn built(&self, expr: Expr, height: usize) -> ParseResult<Built> {
        self.check_depth(height)?;
        Ok(Built {
            expr: Box::new(expr),
            height,
        })
    }

    pub(super) fn since(&self, token: Token) -> Span {
        Span {
            start: token.span.start,
            end: self.last_end,
        }
    }
}
