//! What stands between a binary operator and its right operand.

use super::{
    expression::starts_expression,
    parser::{ParseResult, Parser},
    token::{Keyword, TokenKind},
};
use crate::{FillValues, MatchCardinality, VectorMatching};

/// `bool`, `on`, `group_left` and their like.
pub(super) struct BinaryModifiers {
    pub(super) return_bool: bool,
    pub(super) matching: VectorMatching,
}

impl Parser<'_> {
    #[inline(never)]
    pub(super) fn binary_modifiers(&mut self) -> ParseResult<BinaryModifiers> {
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
}
