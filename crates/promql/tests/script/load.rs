//! Series as scripts write them, and a source that serves them.

use std::collections::BTreeMap;

use vigie_model::{
    CounterResetHint, FloatHistogram, Labels, METRIC_NAME, Span, parse_duration_ms, parse_go_float, stale_nan,
};
use vigie_promql::{SelectRequest, Series, SeriesSet, Source, SourceError, parse_selector};

/// One item of a series line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    Absent,
    Value(f64),
    Histogram(FloatHistogram),
}

/// Loaded series, by labels.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    series: BTreeMap<Labels, Series>,
}

impl Memory {
    pub(crate) fn clear(&mut self) {
        self.series.clear();
    }

    /// The items stand `step_ms` apart from time 0 on; `starts` are when they began to count, relative
    /// to their times, and may be fewer.
    pub(crate) fn load(&mut self, labels: Labels, items: &[Item], starts: &[Option<i64>], step_ms: i64) {
        let series = self.series.entry(labels.clone()).or_default();
        series.labels = labels;
        for (at, item) in items.iter().enumerate() {
            let time_ms = at as i64 * step_ms;
            let start = starts.get(at).copied().flatten();
            let start_ms = start.map_or(0, |offset_ms| time_ms + offset_ms);
            match item {
                Item::Absent => {}
                Item::Value(value) => match series.timestamps_ms.binary_search(&time_ms) {
                    Ok(at) => series.values[at] = *value,
                    Err(at) => {
                        series.timestamps_ms.insert(at, time_ms);
                        series.values.insert(at, *value);
                        series.starts_ms.insert(at, start_ms);
                    }
                },
                Item::Histogram(histogram) => {
                    let at = series.histograms.partition_point(|(at_ms, _)| *at_ms < time_ms);
                    let stored = as_stored(series, at, histogram);
                    series.histograms.insert(at, (time_ms, stored));
                    series.histogram_starts_ms.insert(at, start_ms);
                }
            }
        }
    }
}

/// A histogram with the hint Prometheus's storage gives it as the next one of its series: `NotReset` if
/// it goes on in the chunk of the one before, else none, as nothing is said across chunks.
fn as_stored(series: &Series, at: usize, histogram: &FloatHistogram) -> FloatHistogram {
    let mut stored = histogram.clone();
    if stored.counter_reset_hint == CounterResetHint::Gauge {
        return stored;
    }
    stored.counter_reset_hint = CounterResetHint::Unknown;
    let Some((before_ms, previous)) = at.checked_sub(1).and_then(|before| series.histograms.get(before))
    else {
        return stored;
    };
    let follows_float = series
        .timestamps_ms
        .last()
        .is_some_and(|float_ms| float_ms > before_ms);
    let cuts_chunk = follows_float
        || histogram.counter_reset_hint == CounterResetHint::Reset
        || previous.counter_reset_hint == CounterResetHint::Gauge
        || previous.is_stale()
        || previous.schema != stored.schema
        || previous.zero_threshold != stored.zero_threshold
        || previous.custom_values != stored.custom_values
        || stored.is_reset_after(previous);
    if !cuts_chunk {
        stored.counter_reset_hint = CounterResetHint::NotReset;
    }
    stored
}

impl Source for Memory {
    fn select(&self, request: &SelectRequest) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
        let matching: Vec<&Series> = self
            .series
            .values()
            .filter(|series| {
                request
                    .matchers
                    .iter()
                    .all(|matcher| matcher.matches(series.labels.get(&matcher.name).unwrap_or_default()))
            })
            .collect();
        Ok(Box::new(Selected {
            rest: matching.into_iter(),
            start_ms: request.start_ms,
            end_ms: request.end_ms,
        }))
    }
}

struct Selected<'a> {
    rest: std::vec::IntoIter<&'a Series>,
    start_ms: i64,
    end_ms: i64,
}

impl SeriesSet for Selected<'_> {
    fn next(&mut self) -> Result<Option<Series>, SourceError> {
        // Exactly what was asked for, so that a bound that is too narrow shows.
        let Some(series) = self.rest.next() else {
            return Ok(None);
        };
        let mut series = series.clone();
        let (low, high) = self.range(&series.timestamps_ms);
        for column in [&mut series.timestamps_ms, &mut series.starts_ms] {
            column.truncate(high);
            column.drain(..low);
        }
        series.values.truncate(high);
        series.values.drain(..low);
        let times: Vec<i64> = series.histograms.iter().map(|(time_ms, _)| *time_ms).collect();
        let (low, high) = self.range(&times);
        series.histograms.truncate(high);
        series.histograms.drain(..low);
        series.histogram_starts_ms.truncate(high);
        series.histogram_starts_ms.drain(..low);
        for starts_ms in [&mut series.starts_ms, &mut series.histogram_starts_ms] {
            if starts_ms.iter().all(|start_ms| *start_ms == 0) {
                starts_ms.clear();
            }
        }
        Ok(Some(series))
    }
}

impl Selected<'_> {
    fn range(&self, times: &[i64]) -> (usize, usize) {
        (
            times.partition_point(|time_ms| *time_ms < self.start_ms),
            times.partition_point(|time_ms| *time_ms <= self.end_ms),
        )
    }
}

/// A duration, with a sign, or a number of seconds.
pub(crate) fn time_ms(text: &str) -> i64 {
    if let Some(positive) = text.strip_prefix('-') {
        return -time_ms(positive);
    }
    match parse_duration_ms(text) {
        Ok(duration_ms) => duration_ms,
        Err(error) => match text.parse::<f64>() {
            Ok(seconds) => (seconds * 1000.0).round() as i64,
            Err(_) => panic!("{text}: {error}"),
        },
    }
}

/// `name{label="value"} item item…`; `None` if the line does not begin with a series.
pub(crate) fn series_line(line: &str) -> Option<(Labels, Vec<Item>)> {
    let (metric, items) = split_metric(line)?;
    Some((labels(metric)?, self::items(items)))
}

/// `series@st offset offset…`: when the samples of the next line for the series began to count,
/// relative to their times. `None` for other lines.
pub(crate) fn starts_line(line: &str) -> Option<(Labels, Vec<Option<i64>>)> {
    let (metric, offsets) = line.split_once("@st")?;
    if !offsets.starts_with(char::is_whitespace) {
        return None;
    }
    let mut starts = Vec::new();
    for token in offsets.split_whitespace() {
        let (head, times) = match token.rsplit_once('x') {
            Some((head, times)) => (head, times.parse::<usize>().ok()?),
            None => (token, 0),
        };
        if head == "_" {
            starts.extend(std::iter::repeat_n(None, times.max(1)));
            continue;
        }
        let step_at = head.rfind(['+', '-']).filter(|at| *at > 0);
        let (first, step) = head.split_at(step_at.unwrap_or(head.len()));
        let signed = |text: &str| time_ms(text.trim_start_matches('+'));
        let step_ms = if step.is_empty() { 0 } else { signed(step) };
        let first_ms = signed(first);
        starts.extend((0..=times as i64).map(|at| Some(first_ms + at * step_ms)));
    }
    Some((labels(metric)?, starts))
}

fn split_metric(line: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    let mut in_braces = false;
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '{') => in_braces = true,
            (None, '}') => return Some(line.split_at(at + 1)),
            (None, c) if c.is_whitespace() && !in_braces => return Some(line.split_at(at)),
            (None, _) => {}
        }
    }
    Some((line, ""))
}

pub(crate) fn labels(metric: &str) -> Option<Labels> {
    let metric = metric.trim();
    if metric
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .is_some_and(|body| body.trim().is_empty())
    {
        return Some(Labels::empty());
    }
    // The parser wants one condition that is not on the empty value.
    let anchored = match metric.rfind('}') {
        Some(_) if metric.ends_with("{}") => metric.replace("{}", ""),
        _ => metric.to_owned(),
    };
    let matchers = parse_selector(&anchored).ok()?;
    let mut pairs: BTreeMap<String, String> = BTreeMap::new();
    for matcher in matchers {
        pairs.insert(matcher.name, matcher.value);
    }
    if pairs.get(METRIC_NAME).is_some_and(String::is_empty) {
        pairs.remove(METRIC_NAME);
    }
    Labels::from_pairs(pairs).ok()
}

pub(crate) fn items(text: &str) -> Vec<Item> {
    let mut items = Vec::new();
    for token in tokens(text) {
        expand(&token, &mut items);
    }
    items
}

/// Splits at blanks outside of `{{…}}`.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let mut end = 0;
        while let Some(next) = rest[end..].chars().next().filter(|c| !c.is_whitespace()) {
            if rest[end..].starts_with("{{") {
                end += rest[end..].find("}}").map_or(rest.len() - end, |close| close + 2);
            } else {
                end += next.len_utf8();
            }
        }
        tokens.push(rest[..end].to_owned());
        rest = rest[end..].trim_start();
    }
    tokens
}

fn expand(token: &str, items: &mut Vec<Item>) {
    let (head, times) = match token.rsplit_once('x') {
        Some((head, count)) if !head.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit()) => {
            (head, count.parse::<usize>().ok())
        }
        _ => (token, None),
    };
    if head == "_" {
        let count = times.unwrap_or(1);
        items.extend(std::iter::repeat_n(Item::Absent, count));
        return;
    }
    if head.starts_with("{{") {
        let first = head.find("}}").map_or(head, |end| &head[..end + 2]);
        let mut value = histogram(first);
        let step = &head[first.len()..];
        for _ in 0..times.map_or(1, |times| times + 1) {
            items.push(Item::Histogram(value.clone()));
            let combined = match step.split_at_checked(1) {
                Some(("+", step)) => value.add(&histogram(step)),
                Some(("-", step)) => value.sub(&histogram(step)),
                _ => continue,
            };
            combined.expect("a step with buckets of the same kind");
        }
        return;
    }
    if head == "stale" {
        items.extend(std::iter::repeat_n(
            Item::Value(stale_nan()),
            times.map_or(1, |times| times + 1),
        ));
        return;
    }
    let operator = head
        .char_indices()
        .skip(1)
        .find(|(at, c)| matches!(c, '+' | '-') && !head[..*at].ends_with(['e', 'E']))
        .map(|(at, _)| at);
    let (first, step) = match operator {
        Some(at) => {
            let step = number(head[at..].trim_start_matches('+'));
            (number(&head[..at]), step)
        }
        None => (number(head), 0.0),
    };
    let mut value = first;
    for _ in 0..times.map_or(1, |times| times + 1) {
        items.push(Item::Value(value));
        value += step;
    }
}

pub(crate) fn number(text: &str) -> f64 {
    let text = text.trim_start_matches('+');
    parse_go_float(text).unwrap_or_else(|| panic!("not a number: {text:?}"))
}

/// `{{schema:1 sum:-0.3 count:3.1 z_bucket:7.1 z_bucket_w:0.05 buckets:[5.1 10 7] offset:-3 …}}`
fn histogram(text: &str) -> FloatHistogram {
    let mut histogram = FloatHistogram::default();
    let (mut offset, mut negative_offset) = (0, 0);
    let mut rest = text.trim_start_matches('{').trim_end_matches('}').trim();
    while let Some((key, after)) = rest.split_once(':') {
        let (value, after) = match after.strip_prefix('[') {
            Some(list) => list.split_once(']').unwrap_or((list, "")),
            None => after.split_once(char::is_whitespace).unwrap_or((after, "")),
        };
        let list = || value.split_whitespace().map(number).collect::<Vec<f64>>();
        match key.trim() {
            "schema" => histogram.schema = number(value) as i32,
            "sum" => histogram.sum = number(value),
            "count" => histogram.count = number(value),
            "z_bucket" => histogram.zero_count = number(value),
            "z_bucket_w" => histogram.zero_threshold = number(value),
            "buckets" => histogram.positive_buckets = list(),
            "n_buckets" => histogram.negative_buckets = list(),
            "custom_values" => histogram.custom_values = list().into(),
            "offset" => offset = number(value) as i32,
            "n_offset" => negative_offset = number(value) as i32,
            "counter_reset_hint" => {
                histogram.counter_reset_hint = match value {
                    "reset" => CounterResetHint::Reset,
                    "not_reset" => CounterResetHint::NotReset,
                    "gauge" => CounterResetHint::Gauge,
                    _ => CounterResetHint::Unknown,
                };
            }
            other => panic!("unknown part {other:?} of {text}"),
        }
        rest = after.trim();
    }
    histogram.positive_spans = one_span(offset, histogram.positive_buckets.len());
    histogram.negative_spans = one_span(negative_offset, histogram.negative_buckets.len());
    histogram
}

fn one_span(offset: i32, length: usize) -> Vec<Span> {
    let length = length as u32;
    if length == 0 {
        Vec::new()
    } else {
        vec![Span { offset, length }]
    }
}
