//! Classes of characters.

use std::fmt::Write;

use super::cursor::Cursor;
use super::{InvalidPattern, NO_CHARACTER};

const INVALID_RANGE: &str = "invalid character class range";

/// A class in brackets.
pub(super) fn bracketed(cursor: &mut Cursor<'_>) -> Result<String, InvalidPattern> {
    let start = cursor.position();
    let mut class = String::from("[");
    cursor.take("[");
    let is_negated = cursor.take("^");
    if is_negated {
        class.push('^');
    }
    let empty_len = class.len();
    let mut is_first = true;
    // A bracket that comes first closes nothing.
    while is_first || cursor.peek() != Some(']') {
        is_first = false;
        if let Some(named) = named(cursor)? {
            class.push_str(named);
        } else if let Some(escaped) = escaped(cursor)? {
            class.push_str(&escaped);
        } else {
            range(cursor, start, &mut class)?;
        }
    }
    cursor.take("]");
    if class.len() == empty_len {
        return Ok(if is_negated {
            r"[\x00-\x{10FFFF}]"
        } else {
            NO_CHARACTER
        }
        .to_owned());
    }
    class.push(']');
    Ok(class)
}

/// `[:alpha:]` and the like, which are the same in both syntaxes.
fn named<'a>(cursor: &mut Cursor<'a>) -> Result<Option<&'a str>, InvalidPattern> {
    const NAMES: [&str; 14] = [
        "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
        "upper", "word", "xdigit",
    ];
    let start = cursor.position();
    let Some((name, _)) = cursor
        .rest()
        .strip_prefix("[:")
        .and_then(|rest| rest.split_once(":]"))
    else {
        return Ok(None);
    };
    cursor.take_until(":]");
    let text = cursor.since(start);
    match NAMES.contains(&name.strip_prefix('^').unwrap_or(name)) {
        true => Ok(Some(text)),
        false => Err(InvalidPattern::new(INVALID_RANGE, text)),
    }
}

/// A character, or two with a hyphen in between.
fn range(cursor: &mut Cursor<'_>, class_start: usize, class: &mut String) -> Result<(), InvalidPattern> {
    let start = cursor.position();
    let low = character(cursor, class_start)?;
    let mut high = low;
    let mut behind_hyphen = *cursor;
    if behind_hyphen.take("-") && behind_hyphen.peek().is_some_and(|next| next != ']') {
        *cursor = behind_hyphen;
        high = character(cursor, class_start)?;
        if high < low {
            return Err(InvalidPattern::new(INVALID_RANGE, cursor.since(start)));
        }
    }
    // Surrogates are no characters, so a range neither starts nor ends with one.
    let low = char::from_u32(low).unwrap_or('\u{e000}');
    let high = char::from_u32(high).unwrap_or('\u{d7ff}');
    if low <= high {
        // Writing into a string does not fail.
        let _ = write!(class, r"\x{{{:x}}}-\x{{{:x}}}", u32::from(low), u32::from(high));
    }
    Ok(())
}

fn character(cursor: &mut Cursor<'_>, class_start: usize) -> Result<u32, InvalidPattern> {
    match cursor.peek() {
        None => Err(InvalidPattern::new(
            "missing closing ]",
            cursor.all_since(class_start),
        )),
        Some('\\') => cursor.take_escape(),
        Some(character) => {
            cursor.bump();
            Ok(u32::from(character))
        }
    }
}

/// A class behind a backslash, if it is one.
pub(super) fn escaped(cursor: &mut Cursor<'_>) -> Result<Option<String>, InvalidPattern> {
    let class = match cursor.peek_escaped() {
        Some('d') => "[0-9]",
        Some('D') => "[^0-9]",
        Some('s') => r"[\t\n\x0C\r ]",
        Some('S') => r"[^\t\n\x0C\r ]",
        Some('w') => "[0-9A-Za-z_]",
        Some('W') => "[^0-9A-Za-z_]",
        Some('p' | 'P') => return unicode(cursor).map(Some),
        _ => return Ok(None),
    };
    cursor.skip_escaped();
    Ok(Some(class.to_owned()))
}

/// `\pL`, `\p{Greek}`, `\p{^Greek}` and `\P` for `\p`.
fn unicode(cursor: &mut Cursor<'_>) -> Result<String, InvalidPattern> {
    let start = cursor.position();
    let mut is_negated = cursor.peek_escaped() == Some('P');
    cursor.skip_escaped();
    let name_start = cursor.position();
    let name = match cursor.bump() {
        Some('{') if cursor.rest().contains('}') => cursor.take_until("}"),
        Some('{') => return Err(InvalidPattern::new(INVALID_RANGE, cursor.all_since(start))),
        Some(_) => cursor.since(name_start),
        None => {
            return Err(InvalidPattern::new(
                "invalid escape sequence",
                cursor.since(start),
            ));
        }
    };
    let plain = name.strip_prefix('^').unwrap_or(name);
    is_negated ^= plain.len() < name.len();
    let class = format!(r"\{}{{{plain}}}", if is_negated { 'P' } else { 'p' });
    let is_plain_name = plain
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_- ".contains(c));
    match is_plain_name && regex_syntax::parse(&class).is_ok() {
        true => Ok(class),
        false => Err(InvalidPattern::new(INVALID_RANGE, cursor.since(start))),
    }
}
