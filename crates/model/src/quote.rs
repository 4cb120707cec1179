//! Text in double quotes, as Go's `strconv.Quote` gives it, since Prometheus prints so and reads it back.

use std::fmt::Write;

/// The text as a double-quoted literal of Go and of PromQL.
pub fn quote_go(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        push_escaped(&mut quoted, c, '"');
    }
    quoted.push('"');
    quoted
}

/// The character as a single-quoted literal of Go.
pub fn quote_go_char(c: char) -> String {
    let mut quoted = String::from('\'');
    push_escaped(&mut quoted, c, '\'');
    quoted.push('\'');
    quoted
}

/// Whether Go prints the character as itself.
pub fn is_go_printable(c: char) -> bool {
    match c {
        // The space is the only white space Go prints as itself.
        ' '..='~' => true,
        _ if c.is_ascii() || c.is_whitespace() => false,
        // Standing alone, combining marks would be escaped by Rust, not by Go.
        _ => {
            matches!(c.escape_debug().count(), 1)
                || ['a', c].iter().collect::<String>().escape_debug().count() == 2
        }
    }
}

fn push_escaped(quoted: &mut String, c: char, quote: char) {
    let short = match c {
        '\\' => Some('\\'),
        _ if c == quote => Some(quote),
        '\x07' => Some('a'),
        '\x08' => Some('b'),
        '\x0c' => Some('f'),
        '\n' => Some('n'),
        '\r' => Some('r'),
        '\t' => Some('t'),
        '\x0b' => Some('v'),
        _ => None,
    };
    let code = u32::from(c);
    // Writing to a string cannot fail.
    let _ = match short {
        Some(short) => {
            quoted.push('\\');
            quoted.push(short);
            Ok(())
        }
        None if is_go_printable(c) => {
            quoted.push(c);
            Ok(())
        }
        None if code < 0x80 => write!(quoted, "\\x{code:02x}"),
        None if code < 0x1_0000 => write!(quoted, "\\u{code:04x}"),
        None => write!(quoted, "\\U{code:08x}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_quoted_as_go_quotes_it() {
        for (text, quoted) in [
            ("", r#""""#),
            ("a\"b\\c'", r#""a\"b\\c'""#),
            ("\n\t\0\u{7f}", r#""\n\t\x00\x7f""#),
            ("é世\u{301}", "\"é世\u{301}\""),
            ("\u{a0}\u{ad}\u{e0001}", r#""\u00a0\u00ad\U000e0001""#),
        ] {
            assert_eq!(quote_go(text), quoted);
        }
        assert_eq!(quote_go_char('\''), r"'\''");
        assert_eq!(quote_go_char('"'), "'\"'");
    }
}
