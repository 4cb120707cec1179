//! Selectors: matchers in braces, ranges and subqueries, `offset`, `@`, `anchored` and `smoothed`.

use vigie_model::{METRIC_NAME, MatchOp, Matcher};

use super::{
    duration::{Context, Parsed},
    expression::pins_time,
    literal,
    parser::{Built, ParseResult, Parser},
    token::{Keyword, Token, TokenKind},
};
use crate::{
    AtModifier, BinaryOp, DurationExpr, Expr, ExprKind, MatrixSelector, Offset, RangeEdge, Span,
    SubqueryExpr, VectorSelector,
};

const MATCHING: &str = "label matching";

impl Parser<'_> {
    /// A selector whose name, if any, has been taken.
    pub(super) fn selector(&mut self, name: Option<Token>) -> ParseResult<VectorSelector> {
        let mut matchers = if self.accept(TokenKind::LeftBrace)? {
            self.matchers()?
        } else {
            Vec::new()
        };
        let name = name.map(|token| self.text(token).to_owned());
        matchers.extend(name.iter().map(|name| Matcher::equal(METRIC_NAME, name)));
        Ok(VectorSelector {
            name,
            matchers,
            offset: None,
            at: None,
            edge: None,
        })
    }

    /// Matchers up to and with the right brace.
    fn matchers(&mut self) -> ParseResult<Vec<Matcher>> {
        let mut matchers = Vec::new();
        if self.accept(TokenKind::RightBrace)? {
            return Ok(matchers);
        }
        loop {
            matchers.push(self.matcher()?);
            let more = self.accept(TokenKind::Comma)?;
            if self.accept(TokenKind::RightBrace)? {
                return Ok(matchers);
            }
            if !more {
                self.peek()?;
                return Err(self.unexpected(MATCHING, r#""," or "}""#));
            }
        }
    }

    fn matcher(&mut self) -> ParseResult<Matcher> {
        let label = self.peek()?;
        let name = match label.kind {
            TokenKind::Identifier => self.text(label).to_owned(),
            TokenKind::String => literal::unquote(self.text(label)),
            _ => return Err(self.unexpected(MATCHING, r#"identifier or "}""#)),
        };
        self.advance()?;
        let op = match self.peek()?.kind {
            TokenKind::Assign => MatchOp::Equal,
            TokenKind::Operator(BinaryOp::NotEqual) => MatchOp::NotEqual,
            TokenKind::EqualRegex => MatchOp::Regex,
            TokenKind::NotEqualRegex => MatchOp::NotRegex,
            _ if label.kind == TokenKind::String => return Ok(Matcher::equal(METRIC_NAME, name)),
            _ => return Err(self.unexpected(MATCHING, "label matching operator")),
        };
        self.advance()?;
        let value = self.peek()?;
        if value.kind != TokenKind::String {
            return Err(self.unexpected(MATCHING, "string"));
        }
        self.advance()?;
        Matcher::new(op, name, literal::unquote(self.text(value))).map_err(|error| {
            let span = Span {
                start: label.span.start,
                end: value.span.end,
            };
            self.error(span, error.to_string())
        })
    }

    /// `[range]` or `[range:step]` behind an expression.
    pub(super) fn range(&mut self, of: Built) -> ParseResult<Built> {
        let open = self.advance()?;
        let range = self.positive_duration(&Context::RANGE)?;
        if self.accept(TokenKind::RightBracket)? {
            return self.matrix(of, open, range);
        }
        if !self.accept(TokenKind::Colon)? {
            return Err(self.unexpected("subquery or range", r#"":" or "]""#));
        }
        let step = if self.accept(TokenKind::RightBracket)? {
            None
        } else {
            let step = self.positive_duration(&Context::STEP)?;
            if !self.accept(TokenKind::RightBracket)? {
                return Err(self.unexpected("subquery selector", r#""]""#));
            }
            Some(step)
        };
        let height = range.height.max(step.as_ref().map_or(0, |step| step.height));
        let span = Span {
            start: of.expr.span.start,
            end: self.last_end,
        };
        let kind = ExprKind::Subquery(SubqueryExpr {
            expr: of.expr,
            range: range.whole(),
            step: step.map(Parsed::whole),
            offset: None,
            at: None,
        });
        self.built(Expr { span, kind }, of.height.max(height) + 1)
    }

    fn matrix(&mut self, of: Built, open: Token, range: Parsed) -> ParseResult<Built> {
        let span = Span {
            start: open.span.start,
            end: self.last_end,
        };
        let ExprKind::Vector(selector) = of.expr.kind else {
            return Err(self.error(span, "ranges only allowed for vector selectors"));
        };
        // Prometheus 3.14 lets computed offsets and `@ start()` pass.
        if matches!(selector.offset, Some(DurationExpr::Literal(_))) {
            return Err(self.error(span, "no offset modifiers allowed before range"));
        }
        if matches!(selector.at, Some(AtModifier::TimestampMs(_))) {
            return Err(self.error(span, "no @ modifiers allowed before range"));
        }
        let span = Span {
            start: of.expr.span.start,
            end: self.last_end,
        };
        let height = range.height + 1;
        let kind = ExprKind::Matrix(MatrixSelector {
            selector,
            range: range.whole(),
        });
        self.built(Expr { span, kind }, height)
    }

    /// A literal must be positive; what is computed is known to the evaluation only.
    fn positive_duration(&mut self, context: &Context) -> ParseResult<Parsed> {
        let duration = self.duration(context, 0)?;
        self.peek()?;
        if duration.literal_seconds().is_some_and(|seconds| seconds <= 0.0) {
            return Err(self.error(duration.span, "duration must be greater than 0"));
        }
        Ok(duration)
    }

    pub(super) fn set_offset(&self, expr: &mut Expr, offset: Parsed) -> ParseResult<()> {
        let span = expr.span;
        let Some((place, _)) = modifiers_of(expr) else {
            return Err(self.error(
                span,
                "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
            ));
        };
        if place.is_some() {
            return Err(self.error(span, "offset may not be set multiple times"));
        }
        // A literal zero is no offset, and is not printed either.
        *place = Some(offset.whole()).filter(|offset| *offset != DurationExpr::Literal(0));
        expr.span.end = self.last_end;
        Ok(())
    }

    /// What follows `@`.
    pub(super) fn at(&mut self, expr: &mut Expr) -> ParseResult<()> {
        let expected = |parser: &Parser<'_>| Err(parser.unexpected("@", "timestamp"));
        let at = if let Some(at) = pins_time(self.peek()?.kind) {
            self.advance()?;
            if !self.accept(TokenKind::LeftParen)? || !self.accept(TokenKind::RightParen)? {
                return expected(self);
            }
            at
        } else {
            let Some(seconds) = self.signed_number()? else {
                return expected(self);
            };
            // The bounds are those of 64 bits, though in seconds.
            let bound = 9_223_372_036_854_775_808.0;
            if !(seconds > -bound && seconds < bound) {
                let shown = if seconds.is_finite() {
                    format!("{seconds:.6}")
                } else {
                    vigie_model::format_go_f(seconds)
                };
                return Err(self.error(
                    expr.span,
                    format!("timestamp out of bounds for @ modifier: {shown}"),
                ));
            }
            // Saturates far beyond any sample.
            AtModifier::TimestampMs((seconds * 1000.0).round() as i64)
        };
        let span = expr.span;
        let Some((_, place)) = modifiers_of(expr) else {
            return Err(self.error(
                span,
                "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
            ));
        };
        if place.is_some() {
            return Err(self.error(span, "@ <timestamp> may not be set multiple times"));
        }
        *place = Some(at);
        expr.span.end = self.last_end;
        Ok(())
    }

    pub(super) fn set_edge(&self, expr: &mut Expr, keyword: Keyword) -> ParseResult<()> {
        let (name, edge) = match keyword {
            Keyword::Anchored => ("anchored", RangeEdge::Anchored),
            _ => ("smoothed", RangeEdge::Smoothed),
        };
        let refused = |reason: &str| Err(self.error(expr.span, format!("{name} modifier {reason}")));
        if !self.options.extended_range_selectors {
            return refused("is experimental and not enabled");
        }
        let selector = match &mut expr.kind {
            ExprKind::Vector(selector) => selector,
            ExprKind::Matrix(matrix) => &mut matrix.selector,
            ExprKind::Subquery(_) => return refused("is not supported for subqueries"),
            _ => return refused("not implemented"),
        };
        if selector.edge.is_some_and(|other| other != edge) {
            return Err(self.error(
                expr.span,
                "anchored and smoothed modifiers cannot be used together",
            ));
        }
        selector.edge = Some(edge);
        Ok(())
    }
}

/// Where an expression that selects samples keeps its `offset` and `@`.
fn modifiers_of(expr: &mut Expr) -> Option<(&mut Option<Offset>, &mut Option<AtModifier>)> {
    match &mut expr.kind {
        ExprKind::Vector(selector) => Some((&mut selector.offset, &mut selector.at)),
        ExprKind::Matrix(matrix) => Some((&mut matrix.selector.offset, &mut matrix.selector.at)),
        ExprKind::Subquery(subquery) => Some((&mut subquery.offset, &mut subquery.at)),
        _ => None,
    }
}
