//! A place in a pattern.

use super::InvalidPattern;

#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    pattern: &'a str,
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(pattern: &'a str) -> Cursor<'a> {
        Cursor {
            pattern,
            rest: pattern,
        }
    }

    /// In bytes from the start of the pattern.
    pub(super) fn position(&self) -> usize {
        self.pattern.len() - self.rest.len()
    }

    /// The pattern from an earlier position to here.
    pub(super) fn since(&self, position: usize) -> &'a str {
        &self.pattern[position..self.position()]
    }

    /// The pattern from an earlier position to its end.
    pub(super) fn all_since(&self, position: usize) -> &'a str {
        &self.pattern[position..]
    }

    pub(super) fn rest(&self) -> &'a str {
        self.rest
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub(super) fn bump(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let next = characters.next();
        self.rest = characters.as_str();
        next
    }

    /// Moves behind the text, if it is the next.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let after = self.rest.strip_prefix(text);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    /// What stands before `end`, behind which it moves, or everything.
    pub(super) fn take_until(&mut self, end: &str) -> &'a str {
        let (before, after) = self.rest.split_once(end).unwrap_or((self.rest, ""));
        self.rest = after;
        before
    }

    /// The character behind a backslash.
    pub(super) fn peek_escaped(&self) -> Option<char> {
        self.rest.strip_prefix('\\')?.chars().next()
    }

    /// Moves behind a backslash and the character after it.
    pub(super) fn skip_escaped(&mut self) {
        self.bump();
        self.bump();
    }

    /// `{min}`, `{min,}` or `{min,max}`; stays where it is if it is none of them. Numbers that are too
    /// large are `u32::MAX`.
    pub(super) fn take_counts(&mut self) -> Option<(u32, Option<u32>)> {
        let mut ahead = *self;
        ahead.take("{");
        let min = ahead.take_count()?;
        let max = match ahead.take(",") {
            false => Some(min),
            true if ahead.peek() == Some('}') => None,
            true => Some(ahead.take_count()?),
        };
        if !ahead.take("}") {
            return None;
        }
        *self = ahead;
        Some((min, max))
    }

    /// A number without leading zeros.
    fn take_count(&mut self) -> Option<u32> {
        let digits = self.rest.len() - self.rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = self.rest.split_at(digits);
        if number.is_empty() || (number.len() > 1 && number.starts_with('0')) {
            return None;
        }
        self.rest = after;
        Some(number.parse().unwrap_or(u32::MAX))
    }

    /// An escape that stands for one character, from the backslash on: its code, which may be a surrogate's.
    pub(super) fn take_escape(&mut self) -> Result<u32, InvalidPattern> {
        let start = self.position();
        self.bump();
        let Some(letter) = self.bump() else {
            return Err(InvalidPattern::new("trailing backslash at end of expression", ""));
        };
        let code = match letter {
            '1'..='7' if !self.rest.starts_with(is_octal) => None,
            '0'..='7' => Some(self.take_octal(letter)),
            'x' => self.take_hexadecimal(),
            'a' => Some(7),
            'f' => Some(12),
            'n' => Some(10),
            'r' => Some(13),
            't' => Some(9),
            'v' => Some(11),
            _ if letter.is_ascii() && !letter.is_ascii_alphanumeric() => Some(u32::from(letter)),
            _ => None,
        };
        code.ok_or_else(|| InvalidPattern::new("invalid escape sequence", self.since(start)))
    }

    /// Up to three digits, of which the first was taken.
    fn take_octal(&mut self, first: char) -> u32 {
        let mut code = first.to_digit(8).unwrap_or_default();
        for _ in 0..2 {
            let Some(digit) = self.peek().and_then(|next| next.to_digit(8)) else {
                break;
            };
            self.bump();
            code = code * 8 + digit;
        }
        code
    }

    /// Two digits, or any number of them in braces.
    fn take_hexadecimal(&mut self) -> Option<u32> {
        let first = self.bump()?;
        if first != '{' {
            return Some(first.to_digit(16)? * 16 + self.bump()?.to_digit(16)?);
        }
        let mut code = self.bump()?.to_digit(16)?;
        loop {
            match self.bump()? {
                '}' => return Some(code),
                digit => code = code * 16 + digit.to_digit(16)?,
            }
            if code > u32::from(char::MAX) {
                return None;
            }
        }
    }
}

fn is_octal(character: char) -> bool {
    character.is_digit(8)
}
