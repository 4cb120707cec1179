//! Durations, which may be computed: `[2 * step()]`.

use super::{
    expression::POWER_BELOW_SIGN,
    parser::{ParseResult, Parser},
    token::{Builtin, Token, TokenKind},
};
use crate::{BinaryOp, DurationExpr, DurationOp, Span, UnaryOp};

/// What an error says about the place and what belongs there.
pub(super) struct Context {
    place: &'static str,
    expected: &'static str,
}

impl Context {
    pub(super) const RANGE: Context = Context {
        place: "subquery or range selector",
        expected: "number, duration, step(), or range()",
    };
    pub(super) const STEP: Context = Context {
        place: "subquery selector",
        expected: "number, duration, step(), range(), or \"]\"",
    };
    pub(super) const OFFSET: Context = Context {
        place: "offset",
        expected: "number, duration, step(), or range()",
    };
}

/// A duration just read.
#[derive(Debug)]
pub(super) struct Parsed {
    value: Value,
    pub(super) span: Span,
    /// The number of its levels.
    pub(super) height: usize,
}

/// Literals stay apart until it is known whether they stand alone.
#[derive(Debug)]
enum Value {
    Literal { seconds: f64, is_duration: bool },
    Computed(DurationExpr),
}

/// Milliseconds as seconds.
pub(super) fn seconds(ms: i64) -> f64 {
    // 292 years of milliseconds fit 53 bits.
    let ms = ms as f64;
    ms / 1000.0
}

fn milliseconds(seconds: f64) -> i64 {
    // Prometheus rounds to nanoseconds and then cuts.
    // Literals are checked against 64 bits of nanoseconds.
    let nanoseconds = (seconds * 1e9).round() as i64;
    nanoseconds / 1_000_000
}

impl Parsed {
    pub(super) fn literal_seconds(&self) -> Option<f64> {
        match self.value {
            Value::Literal { seconds, .. } => Some(seconds),
            Value::Computed(_) => None,
        }
    }

    /// The duration as a whole: a number alone is a duration in seconds.
    pub(super) fn whole(self) -> DurationExpr {
        match self.value {
            Value::Literal { seconds, .. } => DurationExpr::Literal(milliseconds(seconds)),
            Value::Computed(expr) => expr,
        }
    }

    /// The duration as a part of a greater one, where a number may be a factor.
    fn part(self) -> DurationExpr {
        match self.value {
            Value::Literal {
                seconds,
                is_duration: true,
            } => DurationExpr::Literal(milliseconds(seconds)),
            Value::Literal { seconds, .. } => DurationExpr::Number(seconds),
            Value::Computed(expr) => expr,
        }
    }

    fn in_parens(self, span: Span) -> Parsed {
        let expr = match self.value {
            // Prometheus keeps no parentheses around literals, and of several only one pair.
            Value::Literal { .. } | Value::Computed(DurationExpr::Paren(_)) => return self,
            Value::Computed(expr) => expr,
        };
        Parsed {
            value: Value::Computed(DurationExpr::Paren(Box::new(expr))),
            span,
            height: self.height + 1,
        }
    }
}

fn operator(kind: TokenKind) -> Option<(DurationOp, u8)> {
    let TokenKind::Operator(op) = kind else {
        return None;
    };
    Some(match op {
        BinaryOp::Add => (DurationOp::Add, 4),
        BinaryOp::Sub => (DurationOp::Sub, 4),
        BinaryOp::Mul => (DurationOp::Mul, 5),
        BinaryOp::Div => (DurationOp::Div, 5),
        BinaryOp::Mod => (DurationOp::Mod, 5),
        BinaryOp::Pow => (DurationOp::Pow, 6),
        _ => return None,
    })
}

/// Whether an offset printed like this would end before its last operator.
fn goes_on_unprotected(expr: &DurationExpr) -> bool {
    match expr {
        DurationExpr::Negate(inner) => {
            matches!(**inner, DurationExpr::Negate(_) | DurationExpr::Binary { .. })
        }
        DurationExpr::Binary { left, .. } => {
            let mut first = left;
            while let DurationExpr::Binary { left, .. } = &**first {
                first = left;
            }
            !matches!(**first, DurationExpr::Paren(_))
        }
        _ => false,
    }
}

impl Parser<'_> {
    /// A duration of operators at least as strong as `min_power`.
    pub(super) fn duration(&mut self, context: &Context, min_power: u8) -> ParseResult<Parsed> {
        self.enter()?;
        let start = self.peek()?.span.start;
        let left = match self.accept_sign()? {
            Some(sign) => {
                let operand = self.duration(context, POWER_BELOW_SIGN)?;
                self.signed(sign, start, operand)?
            }
            None => self.duration_operand(context)?,
        };
        let whole = self.duration_operators(context, min_power, left)?;
        self.leave();
        Ok(whole)
    }

    /// What follows `offset`.
    pub(super) fn offset_duration(&mut self) -> ParseResult<Parsed> {
        let mut offset = self.unwrapped_offset(&Context::OFFSET)?;
        // `offset (1m) + 2m` adds durations, but printed without the parentheses it would not.
        if let Value::Computed(expr) = offset.value {
            offset.value = Value::Computed(if goes_on_unprotected(&expr) {
                DurationExpr::Paren(Box::new(expr))
            } else {
                expr
            });
        }
        Ok(offset)
    }

    /// Without parentheses an offset takes one literal or call, so that arithmetic goes
    /// on with the selector: `foo offset 5m + 1` adds to `foo`.
    fn unwrapped_offset(&mut self, context: &Context) -> ParseResult<Parsed> {
        let start = self.peek()?.span.start;
        let sign = self.accept_sign()?;
        let token = self.peek()?;
        match (sign, token.kind) {
            (None, TokenKind::Number | TokenKind::Duration | TokenKind::Builtin(_)) => {
                self.duration_operand(context)
            }
            (Some(sign), TokenKind::Number | TokenKind::Duration) => {
                let operand = self.duration_literal(Some(start))?;
                self.signed(sign, start, operand)
            }
            (Some(sign), TokenKind::Builtin(_) | TokenKind::LeftParen) => {
                let operand = self.duration_operand(context)?;
                self.signed(sign, start, operand)
            }
            (None, _) => self.duration(context, 0),
            (Some(sign), _) => {
                let operand = self.duration(context, POWER_BELOW_SIGN)?;
                let left = self.signed(sign, start, operand)?;
                self.duration_operators(context, 0, left)
            }
        }
    }

    fn duration_operators(
        &mut self,
        context: &Context,
        min_power: u8,
        mut left: Parsed,
    ) -> ParseResult<Parsed> {
        loop {
            let token = self.peek()?;
            let Some((op, power)) = operator(token.kind).filter(|&(_, power)| power >= min_power) else {
                return Ok(left);
            };
            self.advance()?;
            let right = self.duration(context, if op == DurationOp::Pow { power } else { power + 1 })?;
            let by_zero = right.literal_seconds() == Some(0.0);
            match op {
                DurationOp::Div if by_zero => return Err(self.error(token.span, "division by zero")),
                DurationOp::Mod if by_zero => return Err(self.error(token.span, "modulo by zero")),
                _ => {}
            }
            let span = Span {
                start: left.span.start,
                end: right.span.end,
            };
            let height = left.height.max(right.height) + 1;
            self.check_depth(height)?;
            let expr = DurationExpr::Binary {
                op,
                left: Box::new(left.part()),
                right: Box::new(right.part()),
            };
            left = Parsed {
                value: Value::Computed(expr),
                span,
                height,
            };
        }
    }

    fn signed(&self, sign: UnaryOp, start: usize, operand: Parsed) -> ParseResult<Parsed> {
        let span = Span {
            start,
            end: operand.span.end,
        };
        let negative = sign == UnaryOp::Minus;
        let height = operand.height + 1;
        let (value, height) = match operand.value {
            Value::Literal { seconds, is_duration } => {
                let seconds = if negative { -seconds } else { seconds };
                (Value::Literal { seconds, is_duration }, operand.height)
            }
            Value::Computed(expr) if negative => {
                self.check_depth(height)?;
                (Value::Computed(DurationExpr::Negate(Box::new(expr))), height)
            }
            computed @ Value::Computed(_) => (computed, operand.height),
        };
        Ok(Parsed { value, span, height })
    }

    fn duration_operand(&mut self, context: &Context) -> ParseResult<Parsed> {
        let token = self.peek()?;
        let unexpected = |parser: &Parser<'_>| Err(parser.unexpected(context.place, context.expected));
        let expr = match token.kind {
            TokenKind::Number | TokenKind::Duration => return self.duration_literal(None),
            TokenKind::LeftParen => {
                self.advance()?;
                let inner = self.duration(context, 0)?;
                if !self.accept(TokenKind::RightParen)? {
                    return unexpected(self);
                }
                let parsed = inner.in_parens(self.since(token));
                self.check_depth(parsed.height)?;
                return Ok(parsed);
            }
            TokenKind::Builtin(Builtin::Step) => DurationExpr::Step,
            TokenKind::Builtin(Builtin::Range) => DurationExpr::Range,
            TokenKind::Builtin(builtin @ (Builtin::MinOf | Builtin::MaxOf)) => {
                return self.duration_choice(context, token, builtin);
            }
            _ => return unexpected(self),
        };
        self.advance()?;
        if !self.accept(TokenKind::LeftParen)? || !self.accept(TokenKind::RightParen)? {
            return unexpected(self);
        }
        Ok(Parsed {
            value: Value::Computed(expr),
            span: self.since(token),
            height: 1,
        })
    }

    /// A number or duration; the complaint about too large a one points at its sign, if that is known.
    fn duration_literal(&mut self, sign_start: Option<usize>) -> ParseResult<Parsed> {
        let token = self.advance()?;
        let seconds = self.number(token)?;
        // 64 bits of nanoseconds, which is what Prometheus holds.
        let bound = 9_223_372_036.854_776;
        if !(-bound..=bound).contains(&seconds) && !seconds.is_nan() {
            let span = Span {
                start: sign_start.unwrap_or(token.span.start),
                end: token.span.end,
            };
            return Err(self.error(span, "duration out of range"));
        }
        Ok(Parsed {
            value: Value::Literal {
                seconds,
                is_duration: token.kind == TokenKind::Duration,
            },
            span: token.span,
            height: 1,
        })
    }

    /// `min_of(a, b)` or `max_of(a, b)`
    fn duration_choice(&mut self, context: &Context, name: Token, builtin: Builtin) -> ParseResult<Parsed> {
        let unexpected = |parser: &Parser<'_>| Err(parser.unexpected(context.place, context.expected));
        self.advance()?;
        if !self.accept(TokenKind::LeftParen)? {
            return unexpected(self);
        }
        let left = self.duration(context, 0)?;
        if !self.accept(TokenKind::Comma)? {
            return unexpected(self);
        }
        let right = self.duration(context, 0)?;
        if !self.accept(TokenKind::RightParen)? {
            return unexpected(self);
        }
        let height = left.height.max(right.height) + 1;
        self.check_depth(height)?;
        let (left, right) = (Box::new(left.part()), Box::new(right.part()));
        let expr = match builtin {
            Builtin::MinOf => DurationExpr::MinOf(left, right),
            _ => DurationExpr::MaxOf(left, right),
        };
        Ok(Parsed {
            value: Value::Computed(expr),
            span: self.since(name),
            height,
        })
    }
}
