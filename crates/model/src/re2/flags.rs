//! What follows an opening parenthesis.

use super::InvalidPattern;
use super::cursor::Cursor;

/// How a group begins. Flags are as `regex` writes them: `i`, `i-s`, or nothing.
#[derive(Debug)]
pub(super) enum Opening<'a> {
    /// With its name, if it has one.
    Capture(Option<&'a str>),
    Plain(String),
    /// No group at all: flags for the rest of the group at hand.
    FlagsOnly(String),
}

/// Reads from an opening parenthesis to the first thing inside.
pub(super) fn group<'a>(cursor: &mut Cursor<'a>) -> Result<Opening<'a>, InvalidPattern> {
    let start = cursor.position();
    cursor.take("(");
    if !cursor.take("?") {
        return Ok(Opening::Capture(None));
    }
    if cursor.take("P<") || cursor.take("<") {
        return name(cursor, start).map(|name| Opening::Capture(Some(name)));
    }
    let mut set: Vec<(char, bool)> = Vec::new();
    let mut value = true;
    let mut is_dangling = false;
    loop {
        match cursor.bump() {
            Some(flag @ ('i' | 'm' | 's' | 'U')) => {
                set.retain(|(known, _)| *known != flag);
                set.push((flag, value));
                is_dangling = false;
            }
            Some('-') if value => {
                value = false;
                is_dangling = true;
            }
            Some(':') if !is_dangling => return Ok(Opening::Plain(written(&set))),
            Some(')') if !is_dangling => return Ok(Opening::FlagsOnly(written(&set))),
            _ => {
                let problem = "invalid or unsupported Perl syntax";
                return Err(InvalidPattern::new(problem, cursor.since(start)));
            }
        }
    }
}

fn name<'a>(cursor: &mut Cursor<'a>, start: usize) -> Result<&'a str, InvalidPattern> {
    let invalid = |part| InvalidPattern::new("invalid named capture", part);
    if !cursor.rest().contains('>') {
        return Err(invalid(cursor.all_since(start)));
    }
    let name = cursor.take_until(">");
    let is_valid = |c: char| c == '_' || c.is_ascii_alphanumeric();
    match !name.is_empty() && name.chars().all(is_valid) {
        true => Ok(name),
        false => Err(invalid(cursor.since(start))),
    }
}

fn written(set: &[(char, bool)]) -> String {
    let with = |value: bool| set.iter().filter(move |flag| flag.1 == value).map(|flag| flag.0);
    let mut text: String = with(true).collect();
    if with(false).next().is_some() {
        text.push('-');
        text.extend(with(false));
    }
    text
}
