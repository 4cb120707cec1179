//! Lines of OpenMetrics. Unlike in the text format, exactly one space separates words, there are
//! no comments and no blank lines.

use memchr::{memchr, memrchr};
use vigie_model::MetricKind;

use crate::error::excerpt;
use crate::labels::{LabelPairs, braces_end, is_metric_name_byte, name_length, unescape};
use crate::number::{parse_timestamp_seconds, parse_value};
use crate::parser::{Line, split_metadata};
use crate::{Entry, Exemplar, Series, SyntaxError};

/// The last line; its line end is optional.
pub(crate) const EOF_LINE: &[u8] = b"# EOF";

pub(crate) fn parse_line<'a>(line: &'a [u8], kind: MetricKind) -> Result<Line<'a>, SyntaxError> {
    if line == EOF_LINE {
        Ok(Line::Eof)
    } else if line.starts_with(b"#") {
        metadata(line).map(Line::Entry)
    } else {
        series(line, kind).map(|series| Line::Entry(Entry::Series(series)))
    }
}

fn metadata(line: &[u8]) -> Result<Entry<'_>, SyntaxError> {
    if let Some(rest) = line.strip_prefix(b"# HELP ") {
        let (name, text) = split_metadata(rest, "HELP")?;
        let text = std::str::from_utf8(argument(text, "HELP")?).map_err(|_| SyntaxError::HelpNotUtf8)?;
        return Ok(Entry::Help {
            name,
            text: unescape(text, true),
        });
    }
    if let Some(rest) = line.strip_prefix(b"# TYPE ") {
        let (name, text) = split_metadata(rest, "TYPE")?;
        let kind = match argument(text, "TYPE")? {
            b"counter" => MetricKind::Counter,
            b"gauge" => MetricKind::Gauge,
            b"histogram" => MetricKind::Histogram,
            b"gaugehistogram" => MetricKind::GaugeHistogram,
            b"summary" => MetricKind::Summary,
            b"info" => MetricKind::Info,
            b"stateset" => MetricKind::StateSet,
            b"unknown" => MetricKind::Unknown,
            unknown => return Err(SyntaxError::UnknownType(excerpt(unknown))),
        };
        return Ok(Entry::Type { name, kind });
    }
    if let Some(rest) = line.strip_prefix(b"# UNIT ") {
        let (name, text) = split_metadata(rest, "UNIT")?;
        let text = argument(text, "UNIT")?;
        let unit = std::str::from_utf8(text).map_err(|_| SyntaxError::NotUtf8(excerpt(text)))?;
        let is_suffix = name.strip_suffix(unit).is_some_and(|stem| stem.ends_with('_'));
        if !unit.is_empty() && !is_suffix {
            return Err(SyntaxError::UnitNotSuffix {
                unit: unit.to_owned(),
                metric: name.into_owned(),
            });
        }
        return Ok(Entry::Unit { name, unit });
    }
    Err(SyntaxError::Start(excerpt(line)))
}

/// The text after the one space that has to follow the metric name.
fn argument<'a>(text: &'a [u8], keyword: &'static str) -> Result<&'a [u8], SyntaxError> {
    text.strip_prefix(b" ").ok_or(SyntaxError::MetadataText(keyword))
}

fn series<'a>(line: &'a [u8], kind: MetricKind) -> Result<Series<'a>, SyntaxError> {
    let name_end = name_length(line, is_metric_name_byte);
    let raw_end = match line.get(name_end) {
        Some(b'{') => labels_end(line, name_end)?,
        _ if name_end == 0 => return Err(SyntaxError::Start(excerpt(line))),
        _ => name_end,
    };
    let (raw, rest) = line.split_at(raw_end);
    let (value, rest) = value(rest, "metric")?;
    let (timestamp_ms, rest) = match rest.strip_prefix(b" # {") {
        Some(_) => (None, rest),
        None => timestamp(rest)?,
    };
    let exemplar = match rest.strip_prefix(b" # ") {
        Some(exemplar_text) => Some(exemplar(exemplar_text)?),
        None if rest.is_empty() => None,
        None => return Err(SyntaxError::TrailingData(excerpt(rest))),
    };
    Ok(Series {
        raw,
        kind,
        value,
        timestamp_ms,
        start_timestamp_ms: None,
        exemplar,
    })
}

/// Only an exemplar puts a second pair of braces on the line; without one the last brace closes
/// the labels, and the quotes need not be walked.
fn labels_end(line: &[u8], brace: usize) -> Result<usize, SyntaxError> {
    let end = match memchr(b'#', &line[brace..]) {
        None => memrchr(b'}', line).map(|close| close + 1),
        Some(_) => braces_end(&line[brace..]).map(|length| brace + length),
    };
    end.ok_or(SyntaxError::UnclosedLabels)
}

fn exemplar(text: &[u8]) -> Result<Exemplar<'_>, SyntaxError> {
    let end = braces_end(text)
        .filter(|_| text.starts_with(b"{"))
        .ok_or(SyntaxError::UnclosedLabels)?;
    let raw_labels = &text[1..end - 1];
    for pair in LabelPairs::new(raw_labels) {
        if let (None, name) = pair? {
            return Err(SyntaxError::LabelName(excerpt(name.as_bytes())));
        }
    }
    let (value, rest) = value(&text[end..], "exemplar labels")?;
    let (timestamp_ms, rest) = timestamp(rest)?;
    if !rest.is_empty() {
        return Err(SyntaxError::TrailingData(excerpt(rest)));
    }
    Ok(Exemplar {
        raw_labels,
        value,
        timestamp_ms,
    })
}

fn value<'a>(text: &'a [u8], after: &'static str) -> Result<(f64, &'a [u8]), SyntaxError> {
    let (word, rest) = spaced_word(text);
    let value = word.and_then(parse_value).ok_or_else(|| SyntaxError::Value {
        after,
        found: excerpt(text),
    })?;
    Ok((value, rest))
}

fn timestamp(text: &[u8]) -> Result<(Option<i64>, &[u8]), SyntaxError> {
    if text.is_empty() {
        return Ok((None, text));
    }
    let (word, rest) = spaced_word(text);
    let timestamp_ms = word
        .and_then(parse_timestamp_seconds)
        .ok_or_else(|| SyntaxError::Timestamp(excerpt(text)))?;
    Ok((Some(timestamp_ms), rest))
}

/// One space and the word behind it.
#[inline]
fn spaced_word(text: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let Some(word) = text.strip_prefix(b" ") else {
        return (None, text);
    };
    let end = word.iter().position(|&byte| byte == b' ').unwrap_or(word.len());
    (Some(&word[..end]), &word[end..])
}
