//! Series as Prometheus's tests write them: `http_requests{job="x"} 0+10x5 _ stale {{sum:3 count:2}}`.

use std::collections::BTreeMap;

use vigie_model::{
    CounterResetHint, FloatHistogram, Labels, METRIC_NAME, MatchOp, Span, parse_go_float, stale_nan,
};

use crate::parse_selector;

/// Values of one line at most.
const MAX_VALUES: usize = 10_000_000;

/// One place of a line of values.
#[derive(Debug, Clone, PartialEq)]
pub enum SeriesValue {
    /// `_`: no sample.
    Absent,
    Float(f64),
    Histogram(FloatHistogram),
}

/// The text is not a series.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotationError(String);

fn error<T>(message: impl Into<String>) -> Result<T, NotationError> {
    Err(NotationError(message.into()))
}

/// Reads a metric and the values behind it.
pub fn parse_series(text: &str) -> Result<(Labels, Vec<SeriesValue>), NotationError> {
    let (metric, values) = split_metric(text.trim());
    Ok((parse_metric(metric)?, parse_values(values)?))
}

/// Reads a metric: a name, labels in braces, or both.
pub fn parse_metric(text: &str) -> Result<Labels, NotationError> {
    let text = text.trim();
    let body = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    if body.is_some_and(|body| body.trim().is_empty()) {
        return Ok(Labels::empty());
    }
    // The selector of a name alone does not want empty braces.
    let text = text.strip_suffix("{}").unwrap_or(text);
    let matchers = parse_selector(text).or_else(|problem| error(problem.to_string()))?;
    let mut pairs: BTreeMap<String, String> = BTreeMap::new();
    for matcher in matchers {
        if matcher.op != MatchOp::Equal {
            return error(format!("label {} of a metric is not given by =", matcher.name));
        }
        if matcher.name != METRIC_NAME || !matcher.value.is_empty() {
            pairs.insert(matcher.name, matcher.value);
        }
    }
    Labels::from_pairs(pairs).or_else(|problem| error(problem.to_string()))
}

/// Reads values separated by blanks.
pub fn parse_values(text: &str) -> Result<Vec<SeriesValue>, NotationError> {
    let mut values = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let token = first_token(rest);
        expand(token, &mut values)?;
        rest = rest[token.len()..].trim_start();
    }
    Ok(values)
}

/// Where the metric ends: at its closing brace, or at the first blank.
fn split_metric(line: &str) -> (&str, &str) {
    let mut quote = None;
    let mut in_braces = false;
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some('"' | '\''), '\\') => escaped = true,
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '{') => in_braces = true,
            (None, '}') => return line.split_at(at + 1),
            (None, c) if c.is_whitespace() && !in_braces => {
                // Braces may follow the name after blanks.
                let after = line[at..].trim_start();
                if !after.starts_with('{') || after.starts_with("{{") {
                    return line.split_at(at);
                }
            }
            (None, _) => {}
        }
    }
    (line, "")
}

/// Up to a blank outside of `{{…}}`; the text begins with none.
fn first_token(text: &str) -> &str {
    let mut end = 0;
    while let Some(next) = text[end..].chars().next().filter(|c| !c.is_whitespace()) {
        if text[end..].starts_with("{{") {
            end = text[end..].find("}}").map_or(text.len(), |close| end + close + 2);
        } else {
            end += next.len_utf8();
        }
    }
    &text[..end]
}

fn expand(token: &str, values: &mut Vec<SeriesValue>) -> Result<(), NotationError> {
    let (head, times) = match token.rsplit_once('x') {
        Some((head, count)) if !head.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit()) => {
            match count.parse::<usize>() {
                Ok(times) => (head, Some(times)),
                Err(_) => return error(format!("not a number of repetitions: {count:?}")),
            }
        }
        _ => (token, None),
    };
    if values.len().saturating_add(times.unwrap_or(0)) > MAX_VALUES {
        return error(format!("more than {MAX_VALUES} values in a series"));
    }
    // A value is there once more than it is repeated, a gap as often.
    let count = times.map_or(1, |times| times + 1);
    if head == "_" {
        values.extend(std::iter::repeat_n(SeriesValue::Absent, times.unwrap_or(1)));
    } else if head == "stale" {
        values.extend(std::iter::repeat_n(SeriesValue::Float(stale_nan()), count));
    } else if head.starts_with("{{") {
        expand_histogram(head, count, values)?;
    } else {
        let operator = head
            .char_indices()
            .skip(1)
            .find(|(at, c)| matches!(c, '+' | '-') && !head[..*at].ends_with(['e', 'E']));
        let (first, step) = match operator {
            Some((at, _)) => (number(&head[..at])?, number(&head[at..])?),
            None => (number(head)?, 0.0),
        };
        let mut value = first;
        for _ in 0..count {
            values.push(SeriesValue::Float(value));
            value += step;
        }
    }
    Ok(())
}

fn expand_histogram(text: &str, count: usize, values: &mut Vec<SeriesValue>) -> Result<(), NotationError> {
    let Some(end) = text.find("}}") else {
        return error(format!("histogram without end: {text:?}"));
    };
    let mut value = histogram(&text[..end + 2])?;
    let step = match text[end + 2..].split_at_checked(1) {
        Some((sign @ ("+" | "-"), step)) => Some((sign == "+", histogram(step)?)),
        Some(_) => return error(format!("unexpected text behind a histogram: {text:?}")),
        None => None,
    };
    for _ in 0..count {
        values.push(SeriesValue::Histogram(value.clone()));
        if let Some((adds, step)) = &step {
            let combined = if *adds { value.add(step) } else { value.sub(step) };
            combined.or_else(|problem| error(problem.to_string()))?;
        }
    }
    Ok(())
}

fn number(text: &str) -> Result<f64, NotationError> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    match parse_go_float(digits) {
        Some(value) => Ok(value),
        None => error(format!("not a number: {text:?}")),
    }
}

/// `{{schema:1 sum:-0.3 count:3.1 z_bucket:7.1 z_bucket_w:0.05 buckets:[5.1 10 7] offset:-3 …}}`
fn histogram(text: &str) -> Result<FloatHistogram, NotationError> {
    let Some(body) = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")) else {
        return error(format!("not a histogram: {text:?}"));
    };
    let mut histogram = FloatHistogram::default();
    let (mut offset, mut negative_offset) = (0, 0);
    let mut rest = body.trim();
    while !rest.is_empty() {
        let Some((key, after)) = rest.split_once(':') else {
            return error(format!("part of a histogram without value: {rest:?}"));
        };
        let (value, after) = match after.strip_prefix('[') {
            Some(list) => list.split_once(']').unwrap_or((list, "")),
            None => after.split_once(char::is_whitespace).unwrap_or((after, "")),
        };
        let list = || {
            value
                .split_whitespace()
                .map(number)
                .collect::<Result<Vec<f64>, _>>()
        };
        let whole = || number(value).map(|value| value as i32);
        match key.trim() {
            "schema" => histogram.schema = whole()?,
            "sum" => histogram.sum = number(value)?,
            "count" => histogram.count = number(value)?,
            "z_bucket" => histogram.zero_count = number(value)?,
            "z_bucket_w" => histogram.zero_threshold = number(value)?,
            "buckets" => histogram.positive_buckets = list()?,
            "n_buckets" => histogram.negative_buckets = list()?,
            "custom_values" => histogram.custom_values = list()?.into(),
            "offset" => offset = whole()?,
            "n_offset" => negative_offset = whole()?,
            "counter_reset_hint" => {
                histogram.counter_reset_hint = match value {
                    "unknown" => CounterResetHint::Unknown,
                    "reset" => CounterResetHint::Reset,
                    "not_reset" => CounterResetHint::NotReset,
                    "gauge" => CounterResetHint::Gauge,
                    other => return error(format!("unknown counter reset hint {other:?}")),
                };
            }
            other => return error(format!("unknown part of a histogram: {other:?}")),
        }
        rest = after.trim();
    }
    histogram.positive_spans = one_span(offset, histogram.positive_buckets.len());
    histogram.negative_spans = one_span(negative_offset, histogram.negative_buckets.len());
    Ok(histogram)
}

fn one_span(offset: i32, length: usize) -> Vec<Span> {
    match u32::try_from(length) {
        Ok(length) if length > 0 => vec![Span { offset, length }],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, labels: &str, values: &str) {
        let (found, items) = parse_series(text).unwrap();
        let shown: Vec<String> = items
            .iter()
            .map(|item| match item {
                SeriesValue::Absent => "_".to_owned(),
                SeriesValue::Float(value) => value.to_string(),
                SeriesValue::Histogram(histogram) => histogram.to_string(),
            })
            .collect();
        assert_eq!(
            (found.to_string().as_str(), shown.join(" ").as_str()),
            (labels, values)
        );
    }

    #[test]
    fn values_are_repeated_and_counted_up() {
        check(
            "m 0+10x3 _x2 1x2 _",
            r#"{__name__="m"}"#,
            "0 10 20 30 _ _ 1 1 1 _",
        );
        check(
            r#"m{a="b c"} -2-3x1 1e-3+1"#,
            r#"{__name__="m", a="b c"}"#,
            "-2 -5 0.001",
        );
        check("m {a='}'} stale", r#"{__name__="m", a="}"}"#, "NaN");
        check("{} 1", "{}", "1");
    }

    #[test]
    fn histograms_are_repeated() {
        check(
            "m {{sum:1 count:2 buckets:[2]}}+{{sum:1 count:1 buckets:[1]}}x1",
            r#"{__name__="m"}"#,
            "{count:2, sum:1, (0.5,1]:2} {count:3, sum:2, (0.5,1]:3}",
        );
    }

    #[test]
    fn nonsense_is_told() {
        for text in [
            "m x",
            "m{a!=\"b\"} 1",
            "m {{sum:x}}",
            "m {{nothing:1}}",
            "m {{sum:1",
            "m 1x99999999999",
            "m{ 1",
        ] {
            assert!(parse_series(text).is_err(), "{text}");
        }
    }
}
