//! Walks an exposition line by line.

use std::borrow::Cow;

use memchr::memchr;
use vigie_model::MetricKind;

use crate::error::excerpt;
use crate::labels::{is_metric_name_byte, name_length, quoted_end, unescape};
use crate::{Entry, Format, ParseError, SyntaxError, openmetrics, text};

/// Reads entries out of a buffer. Nothing is allocated for a sample.
#[derive(Debug, Clone)]
pub struct Parser<'a> {
    input: &'a [u8],
    /// Where the next line starts.
    position: usize,
    /// The number of the last line read; the first is 1.
    line: usize,
    dialect: Dialect,
    /// What the last TYPE line said.
    kind: MetricKind,
    is_done: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Text,
    OpenMetrics,
}

/// What a line holds.
pub(crate) enum Line<'a> {
    Blank,
    Entry(Entry<'a>),
    Eof,
}

impl<'a> Parser<'a> {
    /// A parser for `format`, or `None` for the one format that is not text.
    pub fn new(format: Format, input: &'a [u8]) -> Option<Parser<'a>> {
        match format {
            Format::Text => Some(Parser::text(input)),
            Format::OpenMetrics => Some(Parser::open_metrics(input)),
            Format::Protobuf => None,
        }
    }

    /// The Prometheus text format. The last line may lack its line end.
    pub fn text(input: &'a [u8]) -> Parser<'a> {
        Parser::with_dialect(Dialect::Text, input)
    }

    /// OpenMetrics. The input must end with `# EOF`.
    pub fn open_metrics(input: &'a [u8]) -> Parser<'a> {
        Parser::with_dialect(Dialect::OpenMetrics, input)
    }

    fn with_dialect(dialect: Dialect, input: &'a [u8]) -> Parser<'a> {
        Parser {
            input,
            position: 0,
            line: 0,
            dialect,
            kind: MetricKind::Unknown,
            is_done: false,
        }
    }

    /// The next entry, or `None` at the proper end. After an error there is nothing more.
    #[expect(
        clippy::should_implement_trait,
        reason = "an error ends the walk, which `?` on a result says better than an iterator of results"
    )]
    pub fn next(&mut self) -> Result<Option<Entry<'a>>, ParseError> {
        while !self.is_done {
            let start = self.position;
            match self.read_line() {
                Ok(Some(Line::Entry(entry))) => return Ok(Some(entry)),
                Ok(Some(Line::Blank)) => {}
                Ok(Some(Line::Eof) | None) => self.is_done = true,
                Err(reason) => {
                    self.is_done = true;
                    return Err(ParseError {
                        line: self.line,
                        byte_offset: start,
                        reason,
                    });
                }
            }
        }
        Ok(None)
    }

    fn read_line(&mut self) -> Result<Option<Line<'a>>, SyntaxError> {
        self.line += 1;
        let rest = &self.input[self.position..];
        let line = match memchr(b'\n', rest) {
            Some(length) => {
                self.position += length + 1;
                &rest[..length]
            }
            None => {
                self.position = self.input.len();
                if rest.is_empty() || self.dialect == Dialect::OpenMetrics {
                    return self.end(rest);
                }
                rest
            }
        };
        let line = match self.dialect {
            Dialect::Text => text::parse_line(line, self.kind)?,
            Dialect::OpenMetrics => openmetrics::parse_line(line, self.kind)?,
        };
        match line {
            Line::Entry(Entry::Type { kind, .. }) => self.kind = kind,
            Line::Eof if self.position < self.input.len() => return Err(SyntaxError::DataAfterEof),
            Line::Eof | Line::Blank | Line::Entry(_) => {}
        }
        Ok(Some(line))
    }

    /// The rest of the input after the last line end.
    fn end(&self, rest: &[u8]) -> Result<Option<Line<'a>>, SyntaxError> {
        match self.dialect {
            Dialect::Text => Ok(None),
            Dialect::OpenMetrics if rest == openmetrics::EOF_LINE => Ok(None),
            Dialect::OpenMetrics => Err(SyntaxError::MissingEof),
        }
    }
}

/// Splits what follows `# TYPE ` and its like into the metric name and the text behind it.
/// `text` starts with the blank that ends the name, and is empty if nothing follows.
pub(crate) fn split_metadata<'a>(
    rest: &'a [u8],
    keyword: &'static str,
) -> Result<(Cow<'a, str>, &'a [u8]), SyntaxError> {
    let (name, text) = match quoted_end(rest) {
        Some(end) => (&rest[1..end - 1], &rest[end..]),
        None => match name_length(rest, is_metric_name_byte) {
            0 => return Err(SyntaxError::MetadataName(keyword)),
            end => rest.split_at(end),
        },
    };
    let name = std::str::from_utf8(name).map_err(|_| SyntaxError::NotUtf8(excerpt(name)))?;
    if !matches!(text.first(), None | Some(b' ' | b'\t')) {
        return Err(SyntaxError::MetadataText(keyword));
    }
    Ok((unescape(name, true), text))
}

#[cfg(test)]
mod tests;
