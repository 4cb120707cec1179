//! Numbers and strings: the text of a token to its value.

/// Reads a number as Prometheus does: first as an integer whose prefix tells the base, so that
/// `0755` is 493, then as a float. The error is the end of the message.
pub(super) fn parse_number(text: &str) -> Result<f64, String> {
    if let Some(integer) = parse_integer(text) {
        // Prometheus rounds long integers the same way.
        return Ok(integer as f64);
    }
    let refused = |reason: &str| {
        let quoted = vigie_model::quote_go(text);
        format!("error parsing number: strconv.ParseFloat: parsing {quoted}: {reason}")
    };
    let value = match text.to_ascii_lowercase().as_str() {
        "inf" => return Ok(f64::INFINITY),
        "nan" => return Ok(f64::from_bits(vigie_model::NORMAL_NAN_BITS)),
        // The lexer lets underscores stand between digits or at the very end.
        folded if folded.ends_with('_') => return Err(refused("invalid syntax")),
        folded => folded
            .replace('_', "")
            .parse::<f64>()
            .map_err(|_| refused("invalid syntax"))?,
    };
    if value.is_infinite() {
        return Err(refused("value out of range"));
    }
    Ok(value)
}

fn parse_integer(text: &str) -> Option<i64> {
    let (digits, base) = match text.as_bytes() {
        b"0" => return Some(0),
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    // Underscores stand between digits or behind the base prefix.
    if digits.ends_with('_') || digits.contains("__") || (base == 10 && digits.starts_with('_')) {
        return None;
    }
    i64::from_str_radix(&digits.replace('_', ""), base).ok()
}

/// The value of a string token, quotes included. The lexer has checked every escape.
pub(super) fn unquote(text: &str) -> String {
    let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
    if text.starts_with('`') || !inner.contains('\\') {
        return inner.to_owned();
    }
    // `\x` and octal escapes are single bytes, which together may make up a character.
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        let mut chars = escaped.chars();
        let Some(kind) = chars.next() else { break };
        let (skipped, digits, base) = match kind {
            'x' => (1, 2, 16),
            'u' => (1, 4, 16),
            'U' => (1, 8, 16),
            '0'..='7' => (0, 3, 8),
            _ => (1, 0, 10),
        };
        let code = escaped
            .get(skipped..skipped + digits)
            .and_then(|digits| u32::from_str_radix(digits, base).ok())
            .unwrap_or_default();
        match kind {
            'a' => bytes.push(0x07),
            'b' => bytes.push(0x08),
            'f' => bytes.push(0x0c),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'v' => bytes.push(0x0b),
            'x' | '0'..='7' => bytes.push(code.to_le_bytes()[0]),
            'u' | 'U' => {
                let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        let length = if digits == 0 {
            kind.len_utf8()
        } else {
            skipped + digits
        };
        rest = escaped.get(length..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
