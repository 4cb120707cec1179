//! Query text to syntax tree: a lexer, a precedence climbing parser and a type check.
//!
//! The first error ends the reading; it is the one Prometheus reports, which goes on to the end but
//! shows only the first.

mod call;
mod check;
mod duration;
mod expression;
mod lex;
mod literal;
mod modifiers;
mod parser;
mod selector;
mod token;

use vigie_model::Matcher;

use self::{parser::Parser, token::TokenKind};
use crate::{Expr, ParseError, Span, UnboundedSelector};

/// Levels an expression may have. Everything that walks a tree recurses, so this bounds the stack:
/// in the 2 MiB of a thread, 4 KiB remain for a level. A chain like `a + b + c` nests once per operator.
pub const MAX_DEPTH: usize = 500;

/// Parts of the language that Prometheus keeps behind feature flags.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ParseOptions {
    /// promql-experimental-functions: functions and aggregations.
    pub experimental_functions: bool,
    /// promql-extended-range-selectors: `anchored` and `smoothed`.
    pub extended_range_selectors: bool,
    /// promql-binop-fill-modifiers: `fill`, `fill_left` and `fill_right`.
    pub fill_modifiers: bool,
}

impl ParseOptions {
    /// The whole language.
    pub fn all() -> ParseOptions {
        ParseOptions {
            experimental_functions: true,
            extended_range_selectors: true,
            fill_modifiers: true,
        }
    }
}

/// Reads a query as Prometheus without feature flags does.
pub fn parse(query: &str) -> Result<Expr, ParseError> {
    parse_with(query, &ParseOptions::default())
}

/// Reads and type-checks a query.
pub fn parse_with(query: &str, options: &ParseOptions) -> Result<Expr, ParseError> {
    let mut parser = Parser::new(query, *options);
    if parser.peek()?.kind == TokenKind::Eof {
        return Err(ParseError::new(
            query,
            Span::default(),
            "no expression found in input",
        ));
    }
    let mut expr = *parser.expression(0)?.expr;
    parser.end()?;
    check::check(query, &mut expr)?;
    Ok(expr)
}

/// Reads a selector without range and modifiers, as `match[]` takes it.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    let mut parser = Parser::new(text, ParseOptions::default());
    let token = parser.peek()?;
    let selector = if token.kind == TokenKind::LeftBrace {
        parser.selector(None)?
    } else if token.kind.names_a_metric() {
        parser.advance()?;
        parser.selector(Some(token))?
    } else {
        return Err(parser.unexpected_here());
    };
    parser.end()?;
    Ok(selector.matchers)
}

/// Refuses matchers none of which refuses the empty value: they would select every series.
pub fn check_bounded(matchers: &[Matcher]) -> Result<(), UnboundedSelector> {
    if matchers.iter().all(Matcher::matches_empty) {
        return Err(UnboundedSelector);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
