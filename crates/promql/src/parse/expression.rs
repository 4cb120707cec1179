//! Expressions: operators by precedence, and their operands.

use super::{
    duration, literal,
    modifiers::BinaryModifiers,
    parser::{Built, ParseResult, Parser},
    token::{Builtin, Keyword, Token, TokenKind},
};
use crate::{AtModifier, BinaryExpr, BinaryOp, Expr, ExprKind, FillValues, Span, UnaryOp};

/// The binding strength of a binary operator; `^` alone groups to the right.
fn power_of(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Or => 1,
        BinaryOp::And | BinaryOp::Unless => 2,
        BinaryOp::Equal
        | BinaryOp::NotEqual
        | BinaryOp::Less
        | BinaryOp::LessOrEqual
        | BinaryOp::Greater
        | BinaryOp::GreaterOrEqual
        | BinaryOp::TrimUpper
        | BinaryOp::TrimLower => 3,
        BinaryOp::Add | BinaryOp::Sub => 4,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod | BinaryOp::Atan2 => 5,
        BinaryOp::Pow => 6,
    }
}

/// A sign binds its operand like a multiplication: only `^` is stronger.
pub(super) const POWER_BELOW_SIGN: u8 = 6;

impl Parser<'_> {
    /// An expression of operators at least as strong as `min_power`.
    pub(super) fn expression(&mut self, min_power: u8) -> ParseResult<Built> {
        self.enter()?;
        let mut left = self.operand()?;
        while let TokenKind::Operator(op) = self.peek()?.kind {
            let power = power_of(op);
            if power < min_power {
                break;
            }
            self.advance()?;
            let modifiers = self.binary_modifiers()?;
            let right = self.expression(if op == BinaryOp::Pow { power } else { power + 1 })?;
            left = self.binary(op, modifiers, left, right)?;
        }
        self.leave();
        Ok(left)
    }

    fn operand(&mut self) -> ParseResult<Built> {
        let token = self.peek()?;
        let op = match token.kind {
            TokenKind::Operator(BinaryOp::Add) => UnaryOp::Plus,
            TokenKind::Operator(BinaryOp::Sub) => UnaryOp::Minus,
            _ => {
                let primary = self.primary(token)?;
                return self.modified(primary);
            }
        };
        self.advance()?;
        let mut operand = self.expression(POWER_BELOW_SIGN)?;
        let start = token.span.start;
        if let ExprKind::Number { value, .. } = &mut operand.expr.kind {
            if op == UnaryOp::Minus {
                *value = -*value;
            }
            operand.expr.span.start = start;
            return Ok(operand);
        }
        let span = Span {
            start,
            end: operand.expr.span.end,
        };
        let kind = ExprKind::Unary {
            op,
            operand: operand.expr,
        };
        self.built(Expr { span, kind }, operand.height + 1)
    }

    fn primary(&mut self, token: Token) -> ParseResult<Built> {
        if !starts_primary(token.kind) {
            return Err(self.unexpected_here());
        }
        if token.kind == TokenKind::LeftBrace {
            return self.vector(None);
        }
        self.advance()?;
        let kind = match token.kind {
            TokenKind::Number | TokenKind::Duration => ExprKind::Number {
                value: self.number(token)?,
                is_duration: token.kind == TokenKind::Duration,
            },
            TokenKind::String => ExprKind::String(literal::unquote(self.text(token))),
            TokenKind::LeftParen => return self.parenthesized(token),
            TokenKind::Aggregate(op) => {
                return match self.peek()?.kind {
                    TokenKind::LeftParen | TokenKind::Keyword(Keyword::By | Keyword::Without) => {
                        self.aggregate(op, token)
                    }
                    _ => self.vector(Some(token)),
                };
            }
            TokenKind::Identifier | TokenKind::Builtin(_) if self.peek()?.kind == TokenKind::LeftParen => {
                return self.call(token);
            }
            _ => return self.vector(Some(token)),
        };
        self.built(
            Expr {
                span: token.span,
                kind,
            },
            1,
        )
    }

    /// The value of a number or, in seconds, of a duration.
    pub(super) fn number(&self, token: Token) -> ParseResult<f64> {
        let text = self.text(token);
        if token.kind == TokenKind::Duration {
            let ms = vigie_model::parse_duration_ms(text)
                .map_err(|error| self.error(token.span, error.to_string()))?;
            return Ok(duration::seconds(ms));
        }
        literal::parse_number(text).map_err(|message| self.error(token.span, message))
    }

    fn parenthesized(&mut self, open: Token) -> ParseResult<Built> {
        let inner = self.expression(0)?;
        if !self.accept(TokenKind::RightParen)? {
            return Err(self.unexpected_here());
        }
        let span = self.since(open);
        let kind = ExprKind::Paren(inner.expr);
        self.built(Expr { span, kind }, inner.height + 1)
    }

    #[inline(never)]
    fn vector(&mut self, name: Option<Token>) -> ParseResult<Built> {
        let start = self.peek()?.span.start;
        let start = name.map_or(start, |name| name.span.start);
        let selector = self.selector(name)?;
        let span = Span {
            start,
            end: self.last_end,
        };
        let kind = ExprKind::Vector(selector);
        self.built(Expr { span, kind }, 1)
    }

    /// A number or duration with or without a sign; `None` at anything else.
    pub(super) fn signed_number(&mut self) -> ParseResult<Option<f64>> {
        let sign = self.accept_sign()?;
        let token = self.peek()?;
        if !matches!(token.kind, TokenKind::Number | TokenKind::Duration) {
            return Ok(None);
        }
        self.advance()?;
        let value = self.number(token)?;
        Ok(Some(if sign == Some(UnaryOp::Minus) {
            -value
        } else {
            value
        }))
    }

    pub(super) fn accept_sign(&mut self) -> ParseResult<Option<UnaryOp>> {
        let sign = match self.peek()?.kind {
            TokenKind::Operator(BinaryOp::Add) => UnaryOp::Plus,
            TokenKind::Operator(BinaryOp::Sub) => UnaryOp::Minus,
            _ => return Ok(None),
        };
        self.advance()?;
        Ok(Some(sign))
    }

    #[inline(never)]
    fn binary(
        &self,
        op: BinaryOp,
        modifiers: BinaryModifiers,
        left: Built,
        right: Built,
    ) -> ParseResult<Built> {
        let span = Span {
            start: left.expr.span.start,
            end: right.expr.span.end,
        };
        if !self.options.fill_modifiers && modifiers.matching.fill != FillValues::default() {
            return Err(self.error(span, "binop fill modifiers are experimental and not enabled"));
        }
        let kind = ExprKind::Binary(Box::new(BinaryExpr {
            op,
            left: *left.expr,
            right: *right.expr,
            return_bool: modifiers.return_bool,
            matching: Some(modifiers.matching),
        }));
        self.built(Expr { span, kind }, left.height.max(right.height) + 1)
    }

    /// Applies the ranges and modifiers behind an operand.
    fn modified(&mut self, mut built: Built) -> ParseResult<Built> {
        loop {
            let token = self.peek()?;
            match token.kind {
                TokenKind::LeftBracket => built = self.range(built)?,
                TokenKind::Keyword(Keyword::Offset) => {
                    self.advance()?;
                    let offset = self.offset_duration()?;
                    self.set_offset(&mut built.expr, offset)?;
                }
                TokenKind::At => {
                    self.advance()?;
                    self.at(&mut built.expr)?;
                }
                TokenKind::Keyword(keyword @ (Keyword::Anchored | Keyword::Smoothed)) => {
                    self.advance()?;
                    self.set_edge(&mut built.expr, keyword)?;
                }
                _ => return Ok(built),
            }
        }
    }
}

fn starts_primary(kind: TokenKind) -> bool {
    kind.names_a_metric()
        || matches!(
            kind,
            TokenKind::Number
                | TokenKind::Duration
                | TokenKind::String
                | TokenKind::LeftParen
                | TokenKind::LeftBrace
        )
}

pub(super) fn starts_expression(kind: TokenKind) -> bool {
    starts_primary(kind) || matches!(kind, TokenKind::Operator(BinaryOp::Add | BinaryOp::Sub))
}

/// Whether `@` takes the function.
pub(super) fn pins_time(kind: TokenKind) -> Option<AtModifier> {
    match kind {
        TokenKind::Builtin(Builtin::Start) => Some(AtModifier::Start),
        TokenKind::Builtin(Builtin::End) => Some(AtModifier::End),
        _ => None,
    }
}
