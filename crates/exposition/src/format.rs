//! Which format a target answers in.

/// The formats a target may expose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text, 0.0.4 or 1.0.0: one parser reads both.
    Text,
    /// OpenMetrics text, 0.0.1 or 1.0.0.
    OpenMetrics,
    /// Length-delimited `io.prometheus.client.MetricFamily` messages.
    Protobuf,
}

/// The Content-Type names no known format and no fallback is configured: the scrape fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnusableContentType {
    #[error(
        "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target"
    )]
    Blank,
    #[error("cannot parse Content-Type \"{0}\" and no fallback_scrape_protocol for target")]
    Malformed(String),
    #[error("received unsupported Content-Type \"{0}\" and no fallback_scrape_protocol specified for target")]
    Unsupported(String),
}

impl Format {
    /// Reads a Content-Type header; empty when absent. `fallback` is taken for any header that
    /// names no known format.
    pub fn from_content_type(header: &str, fallback: Option<Format>) -> Result<Format, UnusableContentType> {
        let error = match (header, media_type(header)) {
            ("", _) => UnusableContentType::Blank,
            (_, None) => UnusableContentType::Malformed(header.to_owned()),
            (_, Some(media_type)) => match media_type.as_str() {
                "text/plain" => return Ok(Format::Text),
                "application/openmetrics-text" => return Ok(Format::OpenMetrics),
                "application/vnd.google.protobuf" => return Ok(Format::Protobuf),
                _ => UnusableContentType::Unsupported(header.to_owned()),
            },
        };
        fallback.ok_or(error)
    }

    /// The format of a name in `scrape_protocols` or `fallback_scrape_protocol`.
    pub fn from_protocol_name(name: &str) -> Option<Format> {
        match name {
            "PrometheusText0.0.4" | "PrometheusText1.0.0" => Some(Format::Text),
            "OpenMetricsText0.0.1" | "OpenMetricsText1.0.0" => Some(Format::OpenMetrics),
            "PrometheusProto" => Some(Format::Protobuf),
            _ => None,
        }
    }
}

/// The media type in lower case, if the header is well-formed (RFC 2045, parameters included).
fn media_type(header: &str) -> Option<String> {
    let (media_type, mut parameters) = header.split_once(';').unwrap_or((header, ""));
    let media_type = media_type.trim().to_ascii_lowercase();
    let (main, sub) = media_type.split_once('/')?;
    if !is_token(main) || !is_token(sub) {
        return None;
    }
    loop {
        parameters = parameters.trim_start();
        if parameters.is_empty() {
            return Some(media_type);
        }
        let (name, rest) = parameters.split_once('=')?;
        if !is_token(name.trim()) {
            return None;
        }
        let rest = match rest.strip_prefix('"') {
            Some(quoted) => after_quoted(quoted)?,
            None => {
                let end = rest.find(';').unwrap_or(rest.len());
                if !is_token(rest[..end].trim_end()) {
                    return None;
                }
                &rest[end..]
            }
        };
        parameters = match rest.trim_start() {
            "" => "",
            rest => rest.strip_prefix(';')?,
        };
    }
}

/// What follows a quoted string whose opening quote is already taken off.
fn after_quoted(text: &str) -> Option<&str> {
    let mut is_escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return text.get(at + 1..),
            _ => {}
        }
    }
    None
}

fn is_token(text: &str) -> bool {
    let is_token_byte = |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token_byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_name_formats() {
        for (header, format) in [
            ("text/plain", Format::Text),
            ("Text/Plain; version=0.0.4; charset=utf-8", Format::Text),
            ("text/plain; version=1.0.0; escaping=allow-utf-8;", Format::Text),
            (
                "application/openmetrics-text; version=\"1.0;0\"",
                Format::OpenMetrics,
            ),
            (
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
                Format::Protobuf,
            ),
        ] {
            assert_eq!(Format::from_content_type(header, None), Ok(format), "{header}");
        }
    }

    #[test]
    fn without_a_format_the_fallback_decides() {
        for (header, message) in [
            (
                "",
                "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target",
            ),
            (
                "text/html",
                "received unsupported Content-Type \"text/html\" and no fallback_scrape_protocol specified for target",
            ),
            (
                "text/plain; a b",
                "cannot parse Content-Type \"text/plain; a b\" and no fallback_scrape_protocol for target",
            ),
            (
                "text/",
                "cannot parse Content-Type \"text/\" and no fallback_scrape_protocol for target",
            ),
        ] {
            let error = Format::from_content_type(header, None).unwrap_err();
            assert_eq!(error.to_string(), message);
            let fallback = Format::from_protocol_name("OpenMetricsText1.0.0");
            assert_eq!(
                Format::from_content_type(header, fallback),
                Ok(Format::OpenMetrics)
            );
        }
    }
}
