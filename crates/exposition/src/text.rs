//! Lines of the Prometheus text format.

use memchr::memrchr;
use vigie_model::MetricKind;

use crate::error::excerpt;
use crate::labels::{is_metric_name_byte, name_length, trim_blanks, unescape};
use crate::number::{parse_timestamp_ms, parse_value};
use crate::parser::{Line, split_metadata};
use crate::{Entry, Series, SyntaxError};

pub(crate) fn parse_line<'a>(line: &'a [u8], kind: MetricKind) -> Result<Line<'a>, SyntaxError> {
    let line = trim_blanks(line);
    match line.first() {
        None => Ok(Line::Blank),
        Some(b'#') => comment(line).map(Line::Entry),
        Some(_) => series(line, kind).map(|series| Line::Entry(Entry::Series(series))),
    }
}

/// Only `# HELP ` and `# TYPE ` mean something; what merely looks like them is a comment.
fn comment(line: &[u8]) -> Result<Entry<'_>, SyntaxError> {
    let words = trim_blanks(&line[1..]);
    if words.len() < line.len() - 1 {
        if let Some(rest) = keyword(words, b"HELP") {
            let (name, text) = split_metadata(rest, "HELP")?;
            let text = std::str::from_utf8(text.get(1..).unwrap_or_default())
                .map_err(|_| SyntaxError::HelpNotUtf8)?;
            return Ok(Entry::Help {
                name,
                text: unescape(text, false),
            });
        }
        if let Some(rest) = keyword(words, b"TYPE") {
            let (name, text) = split_metadata(rest, "TYPE")?;
            let kind = match text.get(1..).unwrap_or_default() {
                b"counter" => MetricKind::Counter,
                b"gauge" => MetricKind::Gauge,
                b"histogram" => MetricKind::Histogram,
                b"summary" => MetricKind::Summary,
                b"untyped" => MetricKind::Unknown,
                unknown => return Err(SyntaxError::UnknownType(excerpt(unknown))),
            };
            return Ok(Entry::Type { name, kind });
        }
    }
    Ok(Entry::Comment(line))
}

fn keyword<'a>(words: &'a [u8], keyword: &[u8]) -> Option<&'a [u8]> {
    let rest = words.strip_prefix(keyword)?;
    let trimmed = trim_blanks(rest);
    (trimmed.len() < rest.len()).then_some(trimmed)
}

fn series<'a>(line: &'a [u8], kind: MetricKind) -> Result<Series<'a>, SyntaxError> {
    // Neither value nor timestamp holds a brace, so the last one of the line closes the labels.
    let raw_end = match memrchr(b'}', line) {
        Some(brace) => brace + 1,
        None => name_length(line, is_metric_name_byte),
    };
    if raw_end == 0 || !(line[0] == b'{' || (is_metric_name_byte(line[0]) && !line[0].is_ascii_digit())) {
        return Err(SyntaxError::Start(excerpt(line)));
    }
    let (raw, rest) = line.split_at(raw_end);
    let (value_text, rest) = next_word(rest);
    let value = parse_value(value_text).ok_or_else(|| SyntaxError::Value {
        after: "metric",
        found: excerpt(value_text),
    })?;
    let (timestamp_text, rest) = next_word(rest);
    let timestamp_ms = match timestamp_text {
        b"" => None,
        text => Some(parse_timestamp_ms(text).ok_or_else(|| SyntaxError::Timestamp(excerpt(text)))?),
    };
    match trim_blanks(rest) {
        b"" => Ok(Series {
            raw,
            kind,
            value,
            timestamp_ms,
            start_timestamp_ms: None,
            exemplar: None,
        }),
        rest => Err(SyntaxError::TrailingData(excerpt(rest))),
    }
}

#[inline]
fn next_word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = trim_blanks(text);
    let end = text
        .iter()
        .position(|byte| matches!(byte, b' ' | b'\t'))
        .unwrap_or(text.len());
    text.split_at(end)
}
