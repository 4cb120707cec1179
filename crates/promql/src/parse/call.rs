//! Calls and aggregations.

use super::{
    expression::starts_expression,
    literal,
    parser::{Built, ParseResult, Parser},
    token::{Keyword, Token, TokenKind},
};
use crate::{AggregateExpr, AggregateOp, CallExpr, Expr, ExprKind, Grouping, Span, functions};

impl Parser<'_> {
    pub(super) fn call(&mut self, name: Token) -> ParseResult<Built> {
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
            args.push(*arg.expr);
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

    pub(super) fn aggregate(&mut self, op: AggregateOp, name: Token) -> ParseResult<Built> {
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
        let aggregate = self.aggregate_of(op, span, args, grouping)?;
        self.built(aggregate, height + 1)
    }

    /// Sorts the arguments. Kept out of the recursion to keep its frames small.
    #[inline(never)]
    fn aggregate_of(
        &self,
        op: AggregateOp,
        span: Span,
        args: Vec<Expr>,
        grouping: Grouping,
    ) -> ParseResult<Expr> {
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
        Ok(Expr { span, kind })
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
    #[inline(never)]
    pub(super) fn label_list(&mut self) -> ParseResult<Vec<String>> {
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
}
