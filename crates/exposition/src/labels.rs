//! The inside of a series: metric name and labels.

use std::borrow::Cow;

use memchr::{memchr, memchr2};
use vigie_model::{METRIC_NAME, MetricKind, parse_go_float};

use crate::SyntaxError;
use crate::error::excerpt;
use crate::number::format_openmetrics_float;

/// Name and value of a label, borrowed where nothing had to be decoded.
pub type LabelPair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Checks and decodes the bytes of a series as a [`crate::Parser`] hands them out.
///
/// The metric name comes first, as `__name__`; labels follow in the order of the input, empty ones
/// included. `le` of a histogram and `quantile` of a summary are rewritten to one spelling of the
/// number. A label given twice is an error.
pub fn parse_series(raw: &[u8], kind: MetricKind) -> Result<Vec<LabelPair<'_>>, SyntaxError> {
    let name_end = name_length(raw, is_metric_name_byte);
    let (name, rest) = raw.split_at(name_end);
    let mut pairs = Vec::with_capacity(8);
    if name_end > 0 {
        pairs.push((Cow::Borrowed(METRIC_NAME), decode(name)?));
    }
    let rest = trim_blanks(rest);
    if !rest.is_empty() {
        let inside = rest
            .strip_prefix(b"{")
            .and_then(|rest| rest.strip_suffix(b"}"))
            .ok_or(SyntaxError::UnclosedLabels)?;
        for pair in LabelPairs::new(inside) {
            match pair? {
                (Some(name), value) => {
                    let value = normalise_number(kind, &name, value);
                    pairs.push((name, value));
                }
                (None, _) if name_end > 0 => return Err(SyntaxError::SecondMetricName),
                (None, name) => pairs.push((Cow::Borrowed(METRIC_NAME), name)),
            }
        }
    }
    if let Some((name, value)) = pairs
        .iter()
        .find(|(name, value)| name.is_empty() || (is_metric_name(name) && value.is_empty()))
    {
        return Err(match is_metric_name(name) {
            true => SyntaxError::NoMetricName,
            false => SyntaxError::LabelName(value.clone().into_owned()),
        });
    }
    // A quoted name may stand anywhere between the braces.
    match pairs.iter().position(|(name, _)| is_metric_name(name)) {
        Some(0) => {}
        Some(at) => pairs[..=at].rotate_right(1),
        None => return Err(SyntaxError::NoMetricName),
    }
    for (at, (name, _)) in pairs.iter().enumerate() {
        if pairs[..at].iter().any(|(earlier, _)| earlier == name) {
            return Err(if is_metric_name(name) {
                SyntaxError::SecondMetricName
            } else {
                SyntaxError::DuplicateLabel(name.clone().into_owned())
            });
        }
    }
    Ok(pairs)
}

/// Walks the inside of a pair of braces: `name="value"` pairs, and quoted metric names, which come
/// without a label name. Nothing is allocated for text without escapes.
#[derive(Debug, Clone)]
pub struct LabelPairs<'a> {
    rest: &'a [u8],
}

impl<'a> LabelPairs<'a> {
    pub(crate) fn new(inside: &'a [u8]) -> LabelPairs<'a> {
        LabelPairs {
            rest: trim_blanks(inside),
        }
    }

    fn pair(&mut self) -> Result<(Option<Cow<'a, str>>, Cow<'a, str>), SyntaxError> {
        let (name, rest) = match quoted_end(self.rest) {
            Some(end) => (&self.rest[1..end - 1], &self.rest[end..]),
            None => match name_length(self.rest, is_label_name_byte) {
                0 => return Err(SyntaxError::LabelName(excerpt(self.rest))),
                end => self.rest.split_at(end),
            },
        };
        let is_quoted = self.rest.starts_with(b"\"");
        let rest = trim_blanks(rest);
        let pair = match rest.split_first() {
            None | Some((b',', _)) if is_quoted => {
                self.rest = rest;
                (None, decode(name)?)
            }
            Some((b'=', rest)) => {
                let rest = trim_blanks(rest);
                let end = quoted_end(rest).ok_or_else(|| SyntaxError::LabelValue(excerpt(name)))?;
                self.rest = trim_blanks(&rest[end..]);
                (Some(decode(name)?), decode(&rest[1..end - 1])?)
            }
            _ => return Err(SyntaxError::Equal(excerpt(name))),
        };
        // A comma may follow the last pair.
        match self.rest.split_first() {
            None => {}
            Some((b',', rest)) => self.rest = trim_blanks(rest),
            Some(_) => return Err(SyntaxError::Comma(excerpt(self.rest))),
        }
        Ok(pair)
    }
}

impl<'a> Iterator for LabelPairs<'a> {
    /// No name: the text is a quoted metric name.
    type Item = Result<(Option<Cow<'a, str>>, Cow<'a, str>), SyntaxError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let pair = self.pair();
        if pair.is_err() {
            self.rest = &[];
        }
        Some(pair)
    }
}

/// How many bytes from the start make a name; a name does not start with a digit.
#[inline]
pub(crate) fn name_length(text: &[u8], is_name_byte: fn(u8) -> bool) -> usize {
    match text.first() {
        Some(first) if !first.is_ascii_digit() => text
            .iter()
            .position(|&byte| !is_name_byte(byte))
            .unwrap_or(text.len()),
        _ => 0,
    }
}

#[inline]
pub(crate) fn is_metric_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':'
}

#[inline]
fn is_label_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Where a quoted string that starts `text` ends, closing quote included.
pub(crate) fn quoted_end(text: &[u8]) -> Option<usize> {
    if text.first() != Some(&b'"') {
        return None;
    }
    let mut at = 1;
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Where the braces that start `text` close, closing brace included.
pub(crate) fn braces_end(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr2(b'"', b'}', text.get(at..)?)?;
        if text[at] == b'}' {
            return Some(at + 1);
        }
        at += quoted_end(&text[at..])?;
    }
}

#[inline]
pub(crate) fn trim_blanks(text: &[u8]) -> &[u8] {
    let blanks = text
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    &text[blanks..]
}

fn is_metric_name(name: &str) -> bool {
    name == METRIC_NAME
}

fn decode(text: &[u8]) -> Result<Cow<'_, str>, SyntaxError> {
    let text = std::str::from_utf8(text).map_err(|_| SyntaxError::NotUtf8(excerpt(text)))?;
    Ok(unescape(text, true))
}

/// Resolves `\\` and `\n`, and `\"` where quotes are escaped; any other backslash stands for itself.
pub(crate) fn unescape(text: &str, quotes: bool) -> Cow<'_, str> {
    let Some(mut backslash) = memchr(b'\\', text.as_bytes()) else {
        return Cow::Borrowed(text);
    };
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        decoded.push_str(&rest[..backslash]);
        let escape = &rest[backslash..];
        let (character, length) = match escape.as_bytes().get(1) {
            Some(b'\\') => ('\\', 2),
            Some(b'n') => ('\n', 2),
            Some(b'"') if quotes => ('"', 2),
            _ => ('\\', 1),
        };
        decoded.push(character);
        rest = &escape[length..];
        match memchr(b'\\', rest.as_bytes()) {
            Some(next) => backslash = next,
            None => break,
        }
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

fn normalise_number<'a>(kind: MetricKind, name: &str, value: Cow<'a, str>) -> Cow<'a, str> {
    let is_number = matches!(
        (kind, name),
        (MetricKind::Histogram, "le") | (MetricKind::Summary, "quantile")
    );
    match is_number.then(|| parse_go_float(&value)).flatten() {
        Some(number) => Cow::Owned(format_openmetrics_float(number)),
        None => value,
    }
}
