//! Reads text exposition 0.0.4 as exporters write it.
//!
//! It shares nothing with the server's parser on purpose: where the two disagree, a recording shows it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::series::{Family, MetricKind};

/// What one scrape returned.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScrapedPage {
    /// In the order of the page.
    pub samples: Vec<ScrapedSample>,
}

/// A line with a value.
#[derive(Debug, Clone, PartialEq)]
pub struct ScrapedSample {
    /// By ascending name, `__name__` among them; none is empty.
    pub labels: Vec<(String, String)>,
    /// From the comments before it; of kind [`MetricKind::Unknown`] and without help if there were none.
    pub family: Arc<Family>,
    pub value: f64,
    /// Milliseconds since the Unix epoch, if the page says it.
    pub time_ms: Option<i64>,
}

/// A line that is not in the format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("exposition: line {line}: {problem}")]
pub struct ScrapeError {
    /// Counted from 1.
    pub line: usize,
    pub problem: &'static str,
}

impl ScrapedPage {
    /// All lines, or the first that is wrong.
    pub fn parse(text: &str) -> Result<Self, ScrapeError> {
        let mut page = Self::default();
        let mut families = Families::default();
        for (index, line) in text.split('\n').enumerate() {
            let line = line.strip_suffix('\r').unwrap_or(line).trim_matches([' ', '\t']);
            if line.is_empty() {
                continue;
            }
            let parsed = match line.strip_prefix('#') {
                Some(comment) => families.take_comment(comment),
                None => parse_sample(line, &mut families).map(|sample| page.samples.push(sample)),
            };
            parsed.map_err(|problem| ScrapeError {
                line: index + 1,
                problem,
            })?;
        }
        Ok(page)
    }
}

/// What the comments said.
#[derive(Default)]
struct Families {
    declared: HashMap<String, (MetricKind, String)>,
    /// By the name of the series; a family is final once a sample was seen.
    resolved: HashMap<String, Arc<Family>>,
    shared: HashMap<String, Arc<Family>>,
}

impl Families {
    fn take_comment(&mut self, comment: &str) -> Result<(), &'static str> {
        let mut words = comment.trim_start_matches([' ', '\t']).splitn(3, [' ', '\t']);
        let keyword = words.next().unwrap_or_default();
        if !matches!(keyword, "HELP" | "TYPE") {
            return Ok(());
        }
        let name = words.next().unwrap_or_default();
        if !is_name(name, true) {
            return Err("a comment's metric name is not valid");
        }
        let rest = words.next().unwrap_or_default().trim_start_matches([' ', '\t']);
        let entry = self
            .declared
            .entry(name.to_owned())
            .or_insert_with(|| (MetricKind::Unknown, String::new()));
        if keyword == "HELP" {
            entry.1 = unescape(rest, false)?;
            return Ok(());
        }
        entry.0 = match rest {
            "counter" => MetricKind::Counter,
            "gauge" => MetricKind::Gauge,
            "histogram" => MetricKind::Histogram,
            "summary" => MetricKind::Summary,
            "untyped" => MetricKind::Unknown,
            _ => return Err("a type is not one of counter, gauge, histogram, summary and untyped"),
        };
        Ok(())
    }

    fn of(&mut self, series: &str) -> Arc<Family> {
        if let Some(family) = self.resolved.get(series) {
            return Arc::clone(family);
        }
        let part = ["_bucket", "_sum", "_count"].iter().find_map(|ending| {
            let base = series.strip_suffix(ending)?;
            let (kind, _) = self.declared.get(base)?;
            let has_part = match kind {
                MetricKind::Histogram => true,
                MetricKind::Summary => *ending != "_bucket",
                _ => false,
            };
            has_part.then_some(base)
        });
        let name = part.unwrap_or(series);
        let (kind, help) = self.declared.get(name).cloned().unwrap_or_default();
        let family = self.shared.entry(name.to_owned()).or_insert_with(|| {
            Arc::new(Family {
                name: name.to_owned(),
                kind,
                help,
                unit: String::new(),
            })
        });
        let family = Arc::clone(family);
        self.resolved.insert(series.to_owned(), Arc::clone(&family));
        family
    }
}

fn parse_sample(line: &str, families: &mut Families) -> Result<ScrapedSample, &'static str> {
    let end = line.find(['{', ' ', '\t']).ok_or("there is no value")?;
    let (name, rest) = line.split_at(end);
    if !is_name(name, true) {
        return Err("the metric name is not valid");
    }
    let mut labels = vec![("__name__".to_owned(), name.to_owned())];
    let rest = rest.trim_start_matches([' ', '\t']);
    let rest = match rest.strip_prefix('{') {
        Some(inner) => parse_labels(inner, &mut labels)?,
        None => rest,
    };
    labels.sort_unstable();
    if labels.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err("a label comes twice");
    }
    labels.retain(|(_, value)| !value.is_empty());
    let mut words = rest.split_ascii_whitespace();
    let value = parse_value(words.next().ok_or("there is no value")?)?;
    let time_ms = match words.next() {
        Some(word) => Some(word.parse().map_err(|_| "the time is not a whole number")?),
        None => None,
    };
    if words.next().is_some() {
        return Err("something follows the time");
    }
    Ok(ScrapedSample {
        labels,
        family: families.of(name),
        value,
        time_ms,
    })
}

/// Returns what follows the closing brace.
fn parse_labels<'a>(mut rest: &'a str, labels: &mut Vec<(String, String)>) -> Result<&'a str, &'static str> {
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        if let Some(after) = rest.strip_prefix('}') {
            return Ok(after);
        }
        let (name, after) = rest.split_once('=').ok_or("a label has no `=`")?;
        let name = name.trim_end_matches([' ', '\t']);
        if !is_name(name, false) {
            return Err("a label name is not valid");
        }
        let quoted = after
            .trim_start_matches([' ', '\t'])
            .strip_prefix('"')
            .ok_or("a label value has no quotes")?;
        let end = closing_quote(quoted).ok_or("a label value does not end")?;
        labels.push((name.to_owned(), unescape(&quoted[..end], true)?));
        rest = quoted[end + 1..].trim_start_matches([' ', '\t']);
        if let Some(after) = rest.strip_prefix(',') {
            rest = after;
        } else if !rest.starts_with('}') {
            return Err("labels are not separated by commas");
        }
    }
}

/// Position of the first quote that no backslash stands before.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

fn unescape(text: &str, quotes: bool) -> Result<String, &'static str> {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        match letters.next() {
            Some('\\') => out.push('\\'),
            Some('n') => out.push('\n'),
            Some('"') if quotes => out.push('"'),
            // In help texts a lone backslash stands for itself, as Prometheus reads them.
            Some(other) if !quotes => out.extend(['\\', other]),
            None if !quotes => out.push('\\'),
            _ => return Err("a label value has an unknown escape"),
        }
    }
    Ok(out)
}

fn parse_value(word: &str) -> Result<f64, &'static str> {
    // Rust reads `infinity` and the like too, which the format knows as well; nothing else beyond Go's decimal forms.
    word.parse().map_err(|_| "the value is not a number")
}

fn is_name(name: &str, colons: bool) -> bool {
    !name.starts_with(|letter: char| letter.is_ascii_digit())
        && !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || (colons && byte == b':'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_is_read_with_its_families() {
        let text = "# HELP a_seconds Time.\\nTwo \\\\ lines.\n# TYPE a_seconds histogram\n\
             a_seconds_bucket{le=\"+Inf\",} 3\r\na_seconds_sum 1.5e-3\na_seconds_count 3 1700000000000\n\
             # a remark\n\nup{b=\"x\\\"\\\\\\n}\", a = \"1\",e=\"\"} NaN\n# TYPE t counter\nt +Inf\nt_sum 1";
        let page = ScrapedPage::parse(text).unwrap();
        let seen: Vec<_> = page
            .samples
            .iter()
            .map(|s| {
                let labels: Vec<_> = s.labels.iter().map(|(n, v)| (&**n, &**v)).collect();
                (
                    crate::canonical_text(labels),
                    s.family.name.clone(),
                    s.family.kind,
                    s.value.to_string(),
                )
            })
            .collect();
        let row = |text: &str, family: &str, kind, value: &str| {
            (text.to_owned(), family.to_owned(), kind, value.to_owned())
        };
        assert_eq!(
            seen,
            [
                row(
                    r#"{__name__="a_seconds_bucket",le="+Inf"}"#,
                    "a_seconds",
                    MetricKind::Histogram,
                    "3"
                ),
                row(
                    r#"{__name__="a_seconds_sum"}"#,
                    "a_seconds",
                    MetricKind::Histogram,
                    "0.0015"
                ),
                row(
                    r#"{__name__="a_seconds_count"}"#,
                    "a_seconds",
                    MetricKind::Histogram,
                    "3"
                ),
                row(
                    r#"{__name__="up",a="1",b="x\"\\\n}"}"#,
                    "up",
                    MetricKind::Unknown,
                    "NaN"
                ),
                row(r#"{__name__="t"}"#, "t", MetricKind::Counter, "inf"),
                row(r#"{__name__="t_sum"}"#, "t_sum", MetricKind::Unknown, "1"),
            ]
        );
        assert_eq!(page.samples[0].family.help, "Time.\nTwo \\ lines.");
        assert_eq!(page.samples[2].time_ms, Some(1_700_000_000_000));
    }

    #[test]
    fn wrong_lines_are_named() {
        for (line, problem) in [
            ("up", "there is no value"),
            ("up{a=\"1\"}", "there is no value"),
            ("1up 1", "the metric name is not valid"),
            ("up{a=\"1\" 1", "labels are not separated by commas"),
            ("up{a=\"1 1", "a label value does not end"),
            ("up{a=1} 1", "a label value has no quotes"),
            ("up{a=\"\\x\"} 1", "a label value has an unknown escape"),
            ("up{a=\"1\",a=\"2\"} 1", "a label comes twice"),
            ("up{a:b=\"1\"} 1", "a label name is not valid"),
            ("up one", "the value is not a number"),
            ("up 1 2.5", "the time is not a whole number"),
            ("up 1 2 3", "something follows the time"),
            (
                "# TYPE up thing",
                "a type is not one of counter, gauge, histogram, summary and untyped",
            ),
        ] {
            let error = ScrapedPage::parse(&format!("a 1\n{line}\n")).unwrap_err();
            assert_eq!((error.line, error.problem), (2, problem), "{line}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "[#a{}=\", \\\\\n\t1.eTYPE_\u{e9}]{0,80}") {
            let _ = ScrapedPage::parse(&text);
        }
    }
}
