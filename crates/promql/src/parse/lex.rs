//! Text to tokens.
//!
//! What a character means depends on where it stands: inside braces words are never keywords, and
//! inside brackets only durations, their arithmetic and a colon can follow. The order of the checks
//! and the position of each error are those of Prometheus, since users compare messages.

use vigie_model::{is_go_printable, quote_go, quote_go_char};

use super::token::{Builtin, Keyword, Token, TokenKind};
use crate::{BinaryOp, Span};

/// Reads one token at a time, in time linear in the text.
#[derive(Debug)]
pub(super) struct Lexer<'q> {
    query: &'q str,
    pos: usize,
    /// Where the token under way began.
    start: usize,
    open_parens: usize,
    in_braces: bool,
    in_brackets: bool,
    /// After `[` and before the first number.
    before_duration: bool,
    seen_colon: bool,
    /// Whether the query has shown a number in brackets. Prometheus does not forget it at the next
    /// bracket, and messages depend on it.
    seen_number: bool,
    /// Lets a colon follow though no number has been read: `[step():1m]`, which Prometheus refuses.
    after_paren: bool,
}

/// The text has no further token.
#[derive(Debug)]
pub(super) struct LexError {
    pub(super) position: usize,
    pub(super) message: String,
}

type LexResult<T> = Result<T, LexError>;

impl<'q> Lexer<'q> {
    pub(super) fn new(query: &'q str) -> Lexer<'q> {
        Lexer {
            query,
            pos: 0,
            start: 0,
            open_parens: 0,
            in_braces: false,
            in_brackets: false,
            before_duration: false,
            seen_colon: false,
            seen_number: false,
            after_paren: false,
        }
    }

    /// The next token; at the end of the text, `Eof` again and again.
    pub(super) fn next_token(&mut self) -> LexResult<Token> {
        self.skip_blanks();
        self.start = self.pos;
        let kind = if self.in_braces {
            self.inside_braces()?
        } else if self.before_duration {
            self.before_duration()?
        } else {
            self.statement()?
        };
        self.after_paren = kind == TokenKind::RightParen;
        Ok(Token {
            kind,
            span: Span {
                start: self.start,
                end: self.pos,
            },
        })
    }

    fn skip_blanks(&mut self) {
        loop {
            while self.peek().is_some_and(is_space) {
                self.bump();
            }
            // A comment before the first number of a range is refused by Prometheus.
            if self.before_duration || self.peek() != Some('#') {
                return;
            }
            while self.peek().is_some_and(|c| c != '\n' && c != '\r') {
                self.bump();
            }
        }
    }

    fn statement(&mut self) -> LexResult<TokenKind> {
        let Some(c) = self.bump() else {
            if self.open_parens != 0 {
                return self.error("unclosed left parenthesis");
            }
            if self.in_brackets {
                return self.error("unclosed left bracket");
            }
            return Ok(TokenKind::Eof);
        };
        Ok(match c {
            ',' => TokenKind::Comma,
            '*' => TokenKind::Operator(BinaryOp::Mul),
            '/' => TokenKind::Operator(BinaryOp::Div),
            '%' => TokenKind::Operator(BinaryOp::Mod),
            '+' => TokenKind::Operator(BinaryOp::Add),
            '-' => TokenKind::Operator(BinaryOp::Sub),
            '^' => TokenKind::Operator(BinaryOp::Pow),
            '=' => match self.peek() {
                Some('=') => self.bump_as(TokenKind::Operator(BinaryOp::Equal)),
                Some('~') => return self.error("unexpected character after '=': '~'"),
                _ => TokenKind::Assign,
            },
            '!' => match self.bump() {
                Some('=') => TokenKind::Operator(BinaryOp::NotEqual),
                other => return self.error(format!("unexpected character after '!': {}", quote(other))),
            },
            '<' => match self.peek() {
                Some('=') => self.bump_as(TokenKind::Operator(BinaryOp::LessOrEqual)),
                Some('/') => self.bump_as(TokenKind::Operator(BinaryOp::TrimUpper)),
                _ => TokenKind::Operator(BinaryOp::Less),
            },
            '>' => match self.peek() {
                Some('=') => self.bump_as(TokenKind::Operator(BinaryOp::GreaterOrEqual)),
                Some('/') => self.bump_as(TokenKind::Operator(BinaryOp::TrimLower)),
                _ => TokenKind::Operator(BinaryOp::Greater),
            },
            '"' | '\'' | '`' => self.string(c)?,
            '(' => {
                self.open_parens += 1;
                TokenKind::LeftParen
            }
            ')' => self.right_paren()?,
            '{' => {
                self.in_braces = true;
                TokenKind::LeftBrace
            }
            '[' if self.in_brackets => return self.error("unexpected left bracket '['"),
            '[' => {
                self.in_brackets = true;
                self.before_duration = true;
                self.seen_colon = false;
                TokenKind::LeftBracket
            }
            ']' if !self.in_brackets => return self.error("unexpected right bracket ']'"),
            ']' => {
                self.in_brackets = false;
                TokenKind::RightBracket
            }
            '@' => TokenKind::At,
            _ if self.starts_number(c) => {
                self.pos = self.start;
                self.number_or_duration()?
            }
            _ if !is_alpha(c) && c != ':' => {
                return self.error(format!("unexpected character: {}", quote_go_char(c)));
            }
            _ if !self.in_brackets => self.word(),
            ':' if self.seen_colon => return self.error("unexpected colon ':'"),
            ':' => {
                self.seen_colon = true;
                TokenKind::Colon
            }
            _ => match self.duration_word(c) {
                Some(builtin) => TokenKind::Builtin(builtin),
                None => {
                    return self.error(format!(
                        "unexpected character: {}, expected ':'",
                        quote_go_char(c)
                    ));
                }
            },
        })
    }

    fn inside_braces(&mut self) -> LexResult<TokenKind> {
        let Some(c) = self.bump() else {
            return self.error("unexpected end of input inside braces");
        };
        Ok(match c {
            ',' => TokenKind::Comma,
            '"' | '\'' | '`' => self.string(c)?,
            '=' if self.peek() == Some('~') => self.bump_as(TokenKind::EqualRegex),
            '=' => TokenKind::Assign,
            '!' => match self.bump() {
                Some('~') => TokenKind::NotEqualRegex,
                Some('=') => TokenKind::Operator(BinaryOp::NotEqual),
                other => {
                    let found = quote(other);
                    return self.error(format!("unexpected character after '!' inside braces: {found}"));
                }
            },
            '{' => return self.error("unexpected left brace '{'"),
            '}' => {
                self.in_braces = false;
                TokenKind::RightBrace
            }
            _ if is_alpha(c) => {
                while self.peek().is_some_and(is_alphanumeric) {
                    self.bump();
                }
                TokenKind::Identifier
            }
            _ => {
                return self.error(format!(
                    "unexpected character inside braces: {}",
                    quote_go_char(c)
                ));
            }
        })
    }

    fn before_duration(&mut self) -> LexResult<TokenKind> {
        let Some(c) = self.bump() else {
            return self.error("unexpected end of input in duration expression");
        };
        Ok(match c {
            ']' => {
                self.in_brackets = false;
                self.before_duration = false;
                TokenKind::RightBracket
            }
            ':' => {
                let refused = match (self.seen_number || self.after_paren, self.seen_colon) {
                    (false, _) => "unexpected colon before duration in duration expression",
                    (true, true) => "unexpected repeated colon in duration expression",
                    (true, false) => {
                        self.seen_colon = true;
                        return Ok(TokenKind::Colon);
                    }
                };
                // Prometheus has already let go of the colon and points behind it.
                self.start = self.pos;
                return self.error(refused);
            }
            '(' => {
                self.open_parens += 1;
                TokenKind::LeftParen
            }
            ')' => self.right_paren()?,
            '+' => TokenKind::Operator(BinaryOp::Add),
            '-' => TokenKind::Operator(BinaryOp::Sub),
            '*' => TokenKind::Operator(BinaryOp::Mul),
            '/' => TokenKind::Operator(BinaryOp::Div),
            '%' => TokenKind::Operator(BinaryOp::Mod),
            '^' => TokenKind::Operator(BinaryOp::Pow),
            ',' => TokenKind::Comma,
            _ if self.starts_number(c) => {
                self.pos = self.start;
                self.before_duration = false;
                self.seen_number = true;
                self.number_or_duration()?
            }
            _ => match self.duration_word(c) {
                Some(builtin) => TokenKind::Builtin(builtin),
                None => {
                    return self.error(format!(
                        "unexpected character in duration expression: {}",
                        quote_go_char(c)
                    ));
                }
            },
        })
    }

    fn right_paren(&mut self) -> LexResult<TokenKind> {
        let Some(open_parens) = self.open_parens.checked_sub(1) else {
            // Prometheus has already let go of the parenthesis and points behind it.
            self.start = self.pos;
            return self.error("unexpected right parenthesis ')'");
        };
        self.open_parens = open_parens;
        Ok(TokenKind::RightParen)
    }

    /// An identifier or a keyword; its first character has been read.
    fn word(&mut self) -> TokenKind {
        while self.peek().is_some_and(|c| is_alphanumeric(c) || c == ':') {
            self.bump();
        }
        let word = &self.query[self.start..self.pos];
        match TokenKind::of_word(word) {
            // These came late to the language, so they keep naming metrics elsewhere.
            Some(TokenKind::Keyword(Keyword::Fill | Keyword::FillLeft | Keyword::FillRight))
                if !self.query[self.pos..]
                    .trim_start_matches(is_space)
                    .starts_with('(') =>
            {
                TokenKind::Identifier
            }
            Some(kind) => kind,
            None if word.contains(':') => TokenKind::MetricIdentifier,
            None => TokenKind::Identifier,
        }
    }

    /// One of the functions of durations; its first character has been read.
    fn duration_word(&mut self, first: char) -> Option<Builtin> {
        if !matches!(first.to_ascii_lowercase(), 's' | 'r' | 'm') {
            return None;
        }
        while self.peek().is_some_and(is_alpha) {
            self.bump();
        }
        match TokenKind::of_word(&self.query[self.start..self.pos])? {
            TokenKind::Builtin(
                builtin @ (Builtin::Step | Builtin::Range | Builtin::MaxOf | Builtin::MinOf),
            ) => Some(builtin),
            _ => None,
        }
    }

    fn starts_number(&self, c: char) -> bool {
        c.is_ascii_digit() || (c == '.' && self.peek().is_some_and(|next| next.is_ascii_digit()))
    }

    fn number_or_duration(&mut self) -> LexResult<TokenKind> {
        if self.scan_number() {
            return Ok(TokenKind::Number);
        }
        if self.scan_duration() {
            return Ok(TokenKind::Duration);
        }
        let text = quote_go(&self.query[self.start..self.pos]);
        self.error(format!("bad number or duration syntax: {text}"))
    }

    /// Reads as far as a number can go, whole or not: the rest may make it a duration, and the error
    /// message shows how far the reading went.
    fn scan_number(&mut self) -> bool {
        let hexadecimal = self.accept(|c| c == '0') && self.accept(|c| matches!(c, 'x' | 'X'));
        if hexadecimal {
            self.accept(|c| c == '_');
        }
        let is_digit = |c: char| {
            if hexadecimal {
                c.is_ascii_hexdigit()
            } else {
                c.is_ascii_digit()
            }
        };
        let is_exponent = |c: char| matches!(c, 'e' | 'E');
        self.accept(|c| c == '.');
        self.accept(is_digit);
        let (mut seen_dot, mut seen_exponent) = (false, false);
        while let Some(c) = self
            .peek()
            .filter(|&c| is_digit(c) || is_exponent(c) || matches!(c, '.' | '_'))
        {
            match c {
                '.' => {
                    self.bump();
                    if seen_dot || hexadecimal || self.accept(|c| matches!(c, '_' | '.')) {
                        return false;
                    }
                    seen_dot = true;
                }
                // In a hexadecimal number too, as in Prometheus, where `0xfe` is therefore bad.
                'e' | 'E' => {
                    self.bump();
                    if seen_exponent {
                        return false;
                    }
                    seen_exponent = true;
                    self.accept(|c| matches!(c, '+' | '-'));
                    if self.accept(|c| matches!(c, '.' | '_' | 'e' | 'E')) || self.peek().is_none() {
                        return false;
                    }
                }
                '_' => {
                    self.bump();
                    if self.accept(|c| matches!(c, '.' | '_' | 'e' | 'E')) || self.peek().is_none() {
                        return false;
                    }
                }
                _ => while self.accept(is_digit) {},
            }
        }
        !self.peek().is_some_and(is_alphanumeric)
    }

    /// Goes on where `scan_number` met a unit. Wrong units are left to the reading of the duration.
    fn scan_duration(&mut self) -> bool {
        if !self.accept(|c| matches!(c, 's' | 'm' | 'h' | 'd' | 'w' | 'y')) {
            return false;
        }
        self.accept(|c| c == 's');
        while self.accept(|c| c.is_ascii_digit()) {
            while self.accept(|c| c.is_ascii_digit()) {}
            if !self.accept(|c| matches!(c, 's' | 'm' | 'h' | 'd' | 'w')) {
                return false;
            }
            self.accept(|c| c == 's');
        }
        !self.accept(is_alphanumeric)
    }

    /// A quoted string; the quote has been read.
    fn string(&mut self, quote: char) -> LexResult<TokenKind> {
        let raw = quote == '`';
        loop {
            match self.bump() {
                None if raw => return self.error("unterminated raw string"),
                None => return self.error("unterminated quoted string"),
                Some('\n') if !raw => return self.error("unterminated quoted string"),
                // What Go decodes broken UTF-8 to, which it cannot tell from the character itself.
                Some(char::REPLACEMENT_CHARACTER) => return self.error("invalid UTF-8 rune"),
                Some('\\') if !raw => self.escape(quote)?,
                Some(c) if c == quote => return Ok(TokenKind::String),
                Some(_) => {}
            }
        }
    }

    /// An escape sequence in a string; the backslash has been read.
    fn escape(&mut self, quote: char) -> LexResult<()> {
        let (mut digits, base, max, mut next) = match self.bump() {
            Some('a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\') => return Ok(()),
            Some(c) if c == quote => return Ok(()),
            first @ Some('0'..='7') => (3, 8, 255, first),
            Some('x') => (2, 16, 255, self.bump()),
            Some('u') => (4, 16, u32::from(char::MAX), self.bump()),
            Some('U') => (8, 16, u32::from(char::MAX), self.bump()),
            None => return self.error("escape sequence not terminated"),
            Some(c) => return self.error(format!("unknown escape sequence {}", describe_code_point(c))),
        };
        let mut code = 0u32;
        while digits > 0 {
            let Some(c) = next else {
                return self.error("escape sequence not terminated");
            };
            let Some(digit) = c.to_digit(base) else {
                return self.error(format!(
                    "illegal character {} in escape sequence",
                    describe_code_point(c)
                ));
            };
            // Eight hexadecimal digits just fit.
            code = code.wrapping_mul(base).wrapping_add(digit);
            digits -= 1;
            if digits > 0 {
                next = self.bump();
            }
        }
        if code > max || (0xd800..0xe000).contains(&code) {
            return self.error("escape sequence is an invalid Unicode code point");
        }
        Ok(())
    }

    fn peek(&self) -> Option<char> {
        self.query[self.pos..].chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.pos += c.len_utf8();
        Some(c)
    }

    fn bump_as(&mut self, kind: TokenKind) -> TokenKind {
        self.bump();
        kind
    }

    fn accept(&mut self, accepted: impl Fn(char) -> bool) -> bool {
        let found = self.peek().is_some_and(accepted);
        if found {
            self.bump();
        }
        found
    }

    fn error<T>(&self, message: impl Into<String>) -> LexResult<T> {
        Err(LexError {
            position: self.start,
            message: message.into(),
        })
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn is_alpha(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic()
}

fn is_alphanumeric(c: char) -> bool {
    is_alpha(c) || c.is_ascii_digit()
}

/// The end of the text shows as Go shows a character that is none.
fn quote(c: Option<char>) -> String {
    quote_go_char(c.unwrap_or(char::REPLACEMENT_CHARACTER))
}

fn describe_code_point(c: char) -> String {
    let code = u32::from(c);
    if is_go_printable(c) {
        format!("U+{code:04X} '{c}'")
    } else {
        format!("U+{code:04X}")
    }
}
