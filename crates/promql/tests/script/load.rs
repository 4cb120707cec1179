//! Lines of scripts that load series.

use vigie_model::{Labels, parse_duration_ms};
use vigie_promql::MemorySource;
use vigie_promql::notation::{parse_metric, parse_series};

pub(crate) use vigie_promql::notation::SeriesValue as Item;

/// Adds a line's items, which stand `step_ms` apart from time 0 on; `starts` are when they began to
/// count, relative to their times, and may be fewer.
pub(crate) fn load(
    memory: &mut MemorySource,
    labels: &Labels,
    items: &[Item],
    starts: &[Option<i64>],
    step_ms: i64,
) {
    for (at, item) in items.iter().enumerate() {
        let time_ms = at as i64 * step_ms;
        let start = starts.get(at).copied().flatten();
        let start_ms = start.map_or(0, |offset_ms| time_ms + offset_ms);
        memory.insert(labels, time_ms, item, start_ms);
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

/// `name{label="value"} item item…`; `None` if the line is not one.
pub(crate) fn series_line(line: &str) -> Option<(Labels, Vec<Item>)> {
    parse_series(line).ok()
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
    Some((parse_metric(metric).ok()?, starts))
}
