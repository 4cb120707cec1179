//! Template text to tokens.

use super::parse::SyntaxError;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// Outside of actions.
    Text(String),
    /// `{{`
    Open,
    /// `}}`
    Close,
    /// A word: function, keyword, `true`, `false` or `nil`.
    Word(String),
    /// `$` or `$name`, without the sign.
    Variable(String),
    /// `.name`, without the dot.
    Field(String),
    Dot,
    Int(i64),
    Float(f64),
    Quoted(String),
    Pipe,
    Comma,
    LeftParen,
    RightParen,
    /// `:=`
    Declare,
    /// `=`
    Assign,
    /// Blanks between words, which end a chain of fields.
    Space,
}

/// A token and its line, from 1.
pub(crate) type Placed = (usize, Token);

/// Splits a template. `{{-` and `-}}` take the blanks of the text beside them; comments are left out.
pub(crate) fn lex(text: &str) -> Result<Vec<Placed>, SyntaxError> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut line = 1;
    let mut trim_next = false;
    loop {
        let open = rest.find("{{");
        let (outside, after) = match open {
            Some(at) => (&rest[..at], Some(&rest[at + 2..])),
            None => (rest, None),
        };
        let mut shown = outside;
        if trim_next {
            shown = shown.trim_start_matches(BLANKS);
        }
        // A trim mark is a minus with a blank behind it: `{{-3}}` is a number.
        let trims = after.is_some_and(|after| after.starts_with('-') && after[1..].starts_with(BLANKS));
        if trims {
            shown = shown.trim_end_matches(BLANKS);
        }
        if !shown.is_empty() {
            tokens.push((line, Token::Text(shown.to_owned())));
        }
        line += newlines(outside);
        let Some(after) = after else {
            return Ok(tokens);
        };
        let inside = if trims { &after[1..] } else { after };
        if let Some(comment) = inside.trim_start_matches(BLANKS).strip_prefix("/*") {
            let unclosed = || SyntaxError::new(line, "unclosed comment");
            let (body, behind) = comment.split_once("*/").ok_or_else(unclosed)?;
            let behind = behind.trim_start_matches(BLANKS);
            trim_next = behind.starts_with("-}}");
            let behind = behind.strip_prefix('-').unwrap_or(behind);
            rest = behind
                .strip_prefix("}}")
                .ok_or_else(|| SyntaxError::new(line, "comment ends before closing delimiter"))?;
            line += newlines(body);
            continue;
        }
        let mut action = Action { rest: inside, line };
        tokens.push((line, Token::Open));
        trim_next = action.run(&mut tokens)?;
        (rest, line) = (action.rest, action.line);
    }
}

const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

fn newlines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

/// The inside of `{{…}}`.
struct Action<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Action<'a> {
    /// Reads to the end of the action; whether the text behind it is to be trimmed.
    fn run(&mut self, tokens: &mut Vec<Placed>) -> Result<bool, SyntaxError> {
        loop {
            let line = self.line;
            if let Some(after) = self.rest.strip_prefix("}}") {
                self.rest = after;
                tokens.push((line, Token::Close));
                return Ok(false);
            }
            let blank = self.rest.trim_start_matches(BLANKS);
            let skipped = &self.rest[..self.rest.len() - blank.len()];
            if !skipped.is_empty() {
                self.line += newlines(skipped);
                self.rest = blank;
                if let Some(after) = blank.strip_prefix("-}}") {
                    self.rest = after;
                    tokens.push((self.line, Token::Close));
                    return Ok(true);
                }
                tokens.push((line, Token::Space));
                continue;
            }
            let token = self.token()?;
            tokens.push((line, token));
        }
    }

    fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError::new(self.line, message)
    }

    fn token(&mut self) -> Result<Token, SyntaxError> {
        let Some(first) = self.rest.chars().next() else {
            return Err(self.error("unclosed action"));
        };
        let second = self.rest[first.len_utf8()..].chars().next();
        match first {
            '|' => Ok(self.take(1, Token::Pipe)),
            ',' => Ok(self.take(1, Token::Comma)),
            '(' => Ok(self.take(1, Token::LeftParen)),
            ')' => Ok(self.take(1, Token::RightParen)),
            '=' => Ok(self.take(1, Token::Assign)),
            ':' if second == Some('=') => Ok(self.take(2, Token::Declare)),
            ':' => Err(self.error("expected :=")),
            '"' => self.quoted(),
            '`' => self.raw(),
            '\'' => self.character(),
            '$' => {
                self.rest = &self.rest[1..];
                Ok(Token::Variable(self.word().to_owned()))
            }
            '.' if second.is_some_and(|c| c.is_ascii_digit()) => self.number(),
            '.' => {
                self.rest = &self.rest[1..];
                let name = self.word();
                Ok(if name.is_empty() {
                    Token::Dot
                } else {
                    Token::Field(name.to_owned())
                })
            }
            '+' | '-' | '0'..='9' => self.number(),
            c if c == '_' || c.is_alphabetic() => Ok(Token::Word(self.word().to_owned())),
            other => Err(self.error(format!("unrecognized character in action: {other:?}"))),
        }
    }

    fn take(&mut self, bytes: usize, token: Token) -> Token {
        self.rest = &self.rest[bytes..];
        token
    }

    fn word(&mut self) -> &'a str {
        let end = self
            .rest
            .find(|c: char| c != '_' && !c.is_alphanumeric())
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn number(&mut self) -> Result<Token, SyntaxError> {
        let mut end = 0;
        for (at, c) in self.rest.char_indices() {
            let after_exponent = self.rest[..at].ends_with(['e', 'E']);
            let is_sign = matches!(c, '+' | '-') && (at == 0 || after_exponent);
            if !(is_sign || c == '.' || c == '_' || c.is_ascii_alphanumeric()) {
                break;
            }
            end = at + 1;
        }
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        let digits = text.replace('_', "");
        let unsigned = digits.trim_start_matches(['+', '-']);
        let radix = unsigned.get(..2).and_then(|prefix| match prefix {
            "0x" | "0X" => Some(16),
            "0o" | "0O" => Some(8),
            "0b" | "0B" => Some(2),
            _ => None,
        });
        if let Some(radix) = radix
            && let Ok(value) = i64::from_str_radix(&unsigned[2..], radix)
        {
            return Ok(Token::Int(if digits.starts_with('-') { -value } else { value }));
        }
        if let Ok(value) = digits.trim_start_matches('+').parse::<i64>() {
            return Ok(Token::Int(value));
        }
        match digits.parse::<f64>() {
            // Rust reads words such as "inf" too.
            Ok(value) if unsigned.starts_with(|c: char| c == '.' || c.is_ascii_digit()) => {
                Ok(Token::Float(value))
            }
            _ => Err(self.error(format!("bad number syntax: {text:?}"))),
        }
    }

    fn raw(&mut self) -> Result<Token, SyntaxError> {
        let Some((text, rest)) = self.rest[1..].split_once('`') else {
            return Err(self.error("unterminated raw quoted string"));
        };
        self.rest = rest;
        self.line += newlines(text);
        Ok(Token::Quoted(text.to_owned()))
    }

    fn quoted(&mut self) -> Result<Token, SyntaxError> {
        self.rest = &self.rest[1..];
        let mut bytes = Vec::new();
        loop {
            match self.rest.chars().next() {
                None | Some('\n') => return Err(self.error("unterminated quoted string")),
                Some('"') => {
                    self.rest = &self.rest[1..];
                    let text = String::from_utf8(bytes);
                    return text
                        .map(Token::Quoted)
                        .map_err(|_| self.error("quoted string is not UTF-8"));
                }
                Some('\\') => self.escape(&mut bytes)?,
                Some(c) => {
                    let mut buffer = [0; 4];
                    bytes.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
                    self.rest = &self.rest[c.len_utf8()..];
                }
            }
        }
    }

    /// A character is a number in Go.
    fn character(&mut self) -> Result<Token, SyntaxError> {
        self.rest = &self.rest[1..];
        let mut bytes = Vec::new();
        match self.rest.chars().next() {
            Some('\\') => self.escape(&mut bytes)?,
            Some(c) if c != '\'' && c != '\n' => {
                let mut buffer = [0; 4];
                bytes.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
                self.rest = &self.rest[c.len_utf8()..];
            }
            _ => return Err(self.error("malformed character constant")),
        }
        let Some(rest) = self.rest.strip_prefix('\'') else {
            return Err(self.error("malformed character constant"));
        };
        self.rest = rest;
        match std::str::from_utf8(&bytes)
            .ok()
            .and_then(|text| text.chars().next())
        {
            Some(c) => Ok(Token::Int(i64::from(u32::from(c)))),
            None => Err(self.error("malformed character constant")),
        }
    }

    fn escape(&mut self, bytes: &mut Vec<u8>) -> Result<(), SyntaxError> {
        let mut chars = self.rest[1..].chars();
        let invalid = SyntaxError::new(self.line, "invalid escape sequence");
        let Some(kind) = chars.next() else {
            return Err(invalid);
        };
        let simple = match kind {
            'a' => Some(7),
            'b' => Some(8),
            'f' => Some(12),
            'n' => Some(b'\n'),
            'r' => Some(b'\r'),
            't' => Some(b'\t'),
            'v' => Some(11),
            '\\' | '"' | '\'' => Some(kind as u8),
            _ => None,
        };
        if let Some(byte) = simple {
            bytes.push(byte);
            self.rest = &self.rest[2..];
            return Ok(());
        }
        let (start, length, radix) = match kind {
            'x' => (2, 2, 16),
            'u' => (2, 4, 16),
            'U' => (2, 8, 16),
            '0'..='7' => (1, 3, 8),
            _ => return Err(invalid),
        };
        let digits = self.rest.get(start..start + length).ok_or(invalid.clone())?;
        let code = u32::from_str_radix(digits, radix).map_err(|_| invalid.clone())?;
        if matches!(kind, 'u' | 'U') {
            let c = char::from_u32(code).ok_or(invalid)?;
            let mut buffer = [0; 4];
            bytes.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
        } else {
            bytes.push(u8::try_from(code).map_err(|_| invalid)?);
        }
        self.rest = &self.rest[start + length..];
        Ok(())
    }
}
