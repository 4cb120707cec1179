//! Expressions: operators by precedence, operands, calls, aggregations.

use super::{
    MAX_DEPTH, ParseOptions,
    duration::{self, Context},
    lex::Lexer,
    literal,
    token::{Builtin, Keyword, Token, TokenKind},
};
use crate::{
    AggregateExpr, AggregateOp, BinaryExpr, BinaryOp, CallExpr, Expr, ExprKind, FillValues, Grouping,
    MatchCardinality, ParseError, Span, UnaryOp, VectorMatching, functions,
};

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
    aggregations: usize,
}

/// An expression and the number of its levels.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) expr: Expr,
    pub(super) height: usize,
}

/// What stands between a binary operator and its right operand.
struct BinaryModifiers {
    return_bool: bool,
    matching: VectorMatching,
}

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
        Ok(Built { expr, height })
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
            operand: Box::new(operand.expr),
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
        let kind = ExprKind::Paren(Box::new(inner.expr));
        self.built(Expr { span, kind }, inner.height + 1)
    }

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

    fn call(&mut self, name: Token) -> ParseResult<Built> {
        let (args, height) = self.arguments()?;
        let text = self.text(name);
        let quoted = || vigie_model::quote_go(text);
        let function = functions::lookup(text)
            .ok_or_else(|| self.error(name.span, format!("unknown function with name {}", quoted())))?;
        if function.experimental && !self.options.experimental_functions {
            return Err(self.error(name.span, format!("function {} is not enabled", quoted())));
        }
        let span = self.since(name);
        let kind = ExprKind::Call(CallExpr {
            function: function.name,
            args,
        });
        self.built(Expr { span, kind }, height + 1)
    }

    /// Arguments in parentheses, and the height of the highest.
    fn arguments(&mut self) -> ParseResult<(Vec<Expr>, usize)> {
        let mut args = Vec::new();
        let mut height = 0;
        if !self.accept(TokenKind::LeftParen)? {
            return Err(self.unexpected_here());
        }
        if self.accept(TokenKind::RightParen)? {
            return Ok((args, height));
        }
        loop {
            let arg = self.expression(0)?;
            height = height.max(arg.height);
            args.push(arg.expr);
            let token = self.peek()?;
            match token.kind {
                TokenKind::Comma => self.advance()?,
                TokenKind::RightParen => {
                    self.advance()?;
                    return Ok((args, height));
                }
                _ => return Err(self.unexpected_here()),
            };
            if !starts_expression(self.peek()?.kind) {
                return Err(self.error(token.span, "trailing commas not allowed in function call args"));
            }
        }
    }

    fn aggregate(&mut self, op: AggregateOp, name: Token) -> ParseResult<Built> {
        self.aggregations += 1;
        let before = self.grouping()?;
        let (args, height) = self.arguments()?;
        let mut span = self.since(name);
        let grouping = match before {
            Some(grouping) => grouping,
            None => match self.grouping()? {
                Some(grouping) => {
                    span = self.since(name);
                    grouping
                }
                None => Grouping::By(Vec::new()),
            },
        };
        self.aggregations -= 1;
        if args.is_empty() {
            return Err(self.error(span, "no arguments for aggregate expression provided"));
        }
        let experimental = matches!(op, AggregateOp::Limitk | AggregateOp::LimitRatio);
        if experimental && !self.options.experimental_functions {
            let message = format!(
                "{}() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
                op.as_str()
            );
            return Err(self.error(span, message));
        }
        let expected = if op.has_param() { 2 } else { 1 };
        let found = args.len();
        let mut args = args.into_iter();
        let param = if op.has_param() { args.next() } else { None };
        let (Some(expr), None) = (args.next(), args.next()) else {
            let message = format!(
                "wrong number of arguments for aggregate expression provided, expected {expected}, got {found}"
            );
            return Err(self.error(span, message));
        };
        let kind = ExprKind::Aggregate(Box::new(AggregateExpr {
            op,
            expr,
            param,
            grouping,
        }));
        self.built(Expr { span, kind }, height + 1)
    }

    fn grouping(&mut self) -> ParseResult<Option<Grouping>> {
        let grouping = match self.peek()?.kind {
            TokenKind::Keyword(Keyword::By) => Grouping::By,
            TokenKind::Keyword(Keyword::Without) => Grouping::Without,
            _ => return Ok(None),
        };
        self.advance()?;
        Ok(Some(grouping(self.label_list()?)))
    }

    /// `(a, "b", c)`
    fn label_list(&mut self) -> ParseResult<Vec<String>> {
        const PLACE: &str = "grouping opts";
        let mut labels = Vec::new();
        if !self.accept(TokenKind::LeftParen)? {
            return Err(self.unexpected(PLACE, r#""(""#));
        }
        if self.accept(TokenKind::RightParen)? {
            return Ok(labels);
        }
        loop {
            let token = self.peek()?;
            let label = match token.kind {
                TokenKind::String => literal::unquote(self.text(token)),
                kind if kind.names_a_label() => self.text(token).to_owned(),
                _ => return Err(self.unexpected(PLACE, "label")),
            };
            if label.is_empty() {
                return Err(self.error(token.span, r#"invalid label name for grouping: """#));
            }
            labels.push(label);
            self.advance()?;
            let more = self.accept(TokenKind::Comma)?;
            if self.accept(TokenKind::RightParen)? {
                return Ok(labels);
            }
            if !more {
                return Err(self.unexpected(PLACE, r#""," or ")""#));
            }
        }
    }

    fn binary_modifiers(&mut self) -> ParseResult<BinaryModifiers> {
        let return_bool = self.accept(TokenKind::Keyword(Keyword::Bool))?;
        let mut matching = VectorMatching {
            cardinality: MatchCardinality::OneToOne,
            on: false,
            labels: Vec::new(),
            include: Vec::new(),
            fill: FillValues::default(),
        };
        if let TokenKind::Keyword(keyword @ (Keyword::On | Keyword::Ignoring)) = self.peek()?.kind {
            self.advance()?;
            matching.on = keyword == Keyword::On;
            matching.labels = self.label_list()?;
            self.group_modifier(&mut matching)?;
        }
        self.fill_modifiers(&mut matching.fill)?;
        Ok(BinaryModifiers {
            return_bool,
            matching,
        })
    }

    fn group_modifier(&mut self, matching: &mut VectorMatching) -> ParseResult<()> {
        matching.cardinality = match self.peek()?.kind {
            TokenKind::Keyword(Keyword::GroupLeft) => MatchCardinality::ManyToOne,
            TokenKind::Keyword(Keyword::GroupRight) => MatchCardinality::OneToMany,
            _ => return Ok(()),
        };
        self.advance()?;
        let next = self.peek()?.kind;
        if next == TokenKind::LeftParen || !starts_expression(next) {
            matching.include = self.label_list()?;
        }
        Ok(())
    }

    fn fill_modifiers(&mut self, fill: &mut FillValues) -> ParseResult<()> {
        match self.peek()?.kind {
            TokenKind::Keyword(Keyword::Fill) => {
                fill.left = Some(self.fill_value()?);
                fill.right = fill.left;
            }
            TokenKind::Keyword(Keyword::FillLeft) => {
                fill.left = Some(self.fill_value()?);
                if self.peek()?.kind == TokenKind::Keyword(Keyword::FillRight) {
                    fill.right = Some(self.fill_value()?);
                }
            }
            TokenKind::Keyword(Keyword::FillRight) => {
                fill.right = Some(self.fill_value()?);
                if self.peek()?.kind == TokenKind::Keyword(Keyword::FillLeft) {
                    fill.left = Some(self.fill_value()?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The keyword, and its signed number in parentheses.
    fn fill_value(&mut self) -> ParseResult<f64> {
        self.advance()?;
        if !self.accept(TokenKind::LeftParen)? {
            return Err(self.unexpected_here());
        }
        let Some(value) = self.signed_number()? else {
            return Err(self.unexpected_here());
        };
        if !self.accept(TokenKind::RightParen)? {
            return Err(self.unexpected_here());
        }
        Ok(value)
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
            left: left.expr,
            right: right.expr,
            return_bool: modifiers.return_bool,
            matching: Some(modifiers.matching),
        }));
        self.built(Expr { span, kind }, left.height.max(right.height) + 1)
    }

    pub(super) fn since(&self, token: Token) -> Span {
        Span {
            start: token.span.start,
            end: self.last_end,
        }
    }

    /// Applies the ranges and modifiers behind an operand.
    fn modified(&mut self, mut built: Built) -> ParseResult<Built> {
        loop {
            let token = self.peek()?;
            match token.kind {
                TokenKind::LeftBracket => built = self.range(built)?,
                TokenKind::Keyword(Keyword::Offset) => {
                    self.advance()?;
                    let offset = self.offset_duration(&Context::OFFSET)?;
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

fn starts_expression(kind: TokenKind) -> bool {
    starts_primary(kind) || matches!(kind, TokenKind::Operator(BinaryOp::Add | BinaryOp::Sub))
}

/// Whether `@` takes the function.
pub(super) fn pins_time(kind: TokenKind) -> Option<crate::AtModifier> {
    match kind {
        TokenKind::Builtin(Builtin::Start) => Some(crate::AtModifier::Start),
        TokenKind::Builtin(Builtin::End) => Some(crate::AtModifier::End),
        _ => None,
    }
}
