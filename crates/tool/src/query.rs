//! Asking a server and printing what it says.

use std::fmt::Write;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use vigie_model::{METRIC_NAME, format_go_f, parse_go_float, quote_go};

use crate::Outcome;
use crate::cli::{Format, QueryCommand, SpanArguments};
use crate::client::{Answer, ApiClient};
use crate::output::Output;
use crate::time::{now_ms, parse_step_ms, parse_time_ms, seconds};

const DEFAULT_RANGE_MS: i64 = 5 * 60_000;
/// How far from now series and labels are looked for where no time is given.
const DEFAULT_SPAN_MS: i64 = 9_999 * 3_600_000;
const DEFAULT_STEPS: i64 = 250;

pub(crate) fn run(command: &QueryCommand, format: Format, output: &mut Output) -> Outcome {
    let asked = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start a runtime")
        .and_then(|runtime| runtime.block_on(ask(command, output)));
    let printed = asked.and_then(|data| print(command, format, &data, output));
    match printed {
        Ok(()) => Outcome::Success,
        Err(error) => {
            output.error_line(&format!("{error:#}"));
            Outcome::Failure
        }
    }
}

async fn ask(command: &QueryCommand, output: &mut Output) -> Result<Value> {
    match command {
        QueryCommand::Instant {
            server,
            expr,
            time,
            header,
        } => {
            let client = client(server, header)?;
            let time_ms = given(time.as_ref(), "evaluation time")?.unwrap_or_else(now_ms);
            let form = [("query", expr.clone()), ("time", seconds(time_ms))];
            answered(client.post("/api/v1/query", &form).await).map(|answer| answer.data)
        }
        QueryCommand::Range {
            server,
            expr,
            header,
            start,
            end,
            step,
        } => {
            let client = client(server, header)?;
            let end_ms = given(end.as_ref(), "end time")?.unwrap_or_else(now_ms);
            let start_ms = given(start.as_ref(), "start time")?.unwrap_or(end_ms - DEFAULT_RANGE_MS);
            if start_ms >= end_ms {
                bail!("start time is not before end time");
            }
            let step_ms = match step {
                Some(step) => parse_step_ms(step)?,
                None => 0,
            };
            let step_ms = if step_ms > 0 {
                step_ms
            } else {
                // Whole seconds.
                ((end_ms - start_ms) / 1000 / DEFAULT_STEPS).max(1) * 1000
            };
            let form = [
                ("query", expr.clone()),
                ("start", seconds(start_ms)),
                ("end", seconds(end_ms)),
                ("step", seconds(step_ms)),
            ];
            answered(client.post("/api/v1/query_range", &form).await).map(|answer| answer.data)
        }
        QueryCommand::Series {
            server,
            matches,
            span,
        } => {
            let client = client(server, &[])?;
            let form = span_form(span, matches)?;
            answered(client.post("/api/v1/series", &form).await).map(|answer| answer.data)
        }
        QueryCommand::Labels {
            server,
            name,
            matches,
            span,
        } => {
            let client = client(server, &[])?;
            let form = span_form(span, matches)?;
            let path = format!("/api/v1/label/{}/values", path_segment(name));
            let answer = answered(client.get(&path, &form).await)?;
            for warning in &answer.warnings {
                output.error_line(&format!("query warning: {warning}"));
            }
            Ok(answer.data)
        }
    }
}

fn client(server: &str, headers: &[String]) -> Result<ApiClient> {
    ApiClient::new(server, headers).map_err(|error| anyhow!("error creating API client: {error}"))
}

fn answered(answer: Result<Answer, String>) -> Result<Answer> {
    answer.map_err(|error| anyhow!("query error: {error}"))
}

fn given(text: Option<&String>, what: &str) -> Result<Option<i64>> {
    text.map(|text| parse_time_ms(text).with_context(|| format!("error parsing {what}")))
        .transpose()
}

fn span_form(span: &SpanArguments, matches: &[String]) -> Result<Vec<(&'static str, String)>> {
    let now_ms = now_ms();
    let start_ms = given(span.start.as_ref(), "start time")?.unwrap_or(now_ms - DEFAULT_SPAN_MS);
    let end_ms = given(span.end.as_ref(), "end time")?.unwrap_or(now_ms + DEFAULT_SPAN_MS);
    let mut form = vec![("start", seconds(start_ms)), ("end", seconds(end_ms))];
    form.extend(matches.iter().map(|selector| ("match[]", selector.clone())));
    Ok(form)
}

/// A name that is no legacy one has its own form in paths.
fn path_segment(name: &str) -> String {
    if vigie_model::is_legacy_label_name(name) {
        return name.to_owned();
    }
    name.chars().fold("U__".to_owned(), |mut escaped, c| {
        match c {
            '_' => escaped.push_str("__"),
            c if c.is_ascii_alphanumeric() => escaped.push(c),
            c => {
                let _ = write!(escaped, "_{:x}_", u32::from(c));
            }
        }
        escaped
    })
}

fn print(command: &QueryCommand, format: Format, data: &Value, output: &mut Output) -> Result<()> {
    let is_value = matches!(command, QueryCommand::Instant { .. } | QueryCommand::Range { .. });
    if format == Format::Json {
        let shown = if is_value { &data["result"] } else { data };
        output.line(&shown.to_string());
        return Ok(());
    }
    match command {
        QueryCommand::Instant { .. } | QueryCommand::Range { .. } => {
            output.line(&value_text(data).context("the answer is not understood")?);
        }
        QueryCommand::Series { .. } => {
            for series in data.as_array().into_iter().flatten() {
                output.line(&label_set(series));
            }
        }
        QueryCommand::Labels { .. } => {
            for value in data.as_array().into_iter().flatten() {
                output.line(value.as_str().unwrap_or_default());
            }
        }
    }
    Ok(())
}

fn value_text(data: &Value) -> Option<String> {
    let result = &data["result"];
    match data["resultType"].as_str()? {
        "scalar" => {
            let (time, value) = pair(result)?;
            Some(format!("scalar: {} @[{time}]", number(value.as_str()?)?))
        }
        "string" => Some(pair(result)?.1.as_str()?.to_owned()),
        "vector" => {
            let lines: Option<Vec<String>> = result.as_array()?.iter().map(element).collect();
            Some(lines?.join("\n"))
        }
        "matrix" => {
            let mut series: Vec<&Value> = result.as_array()?.iter().collect();
            series.sort_by_cached_key(|series| metric(&series["metric"]));
            let texts: Option<Vec<String>> = series.into_iter().map(stream).collect();
            Some(texts?.join("\n"))
        }
        _ => None,
    }
}

fn element(element: &Value) -> Option<String> {
    let sample = match element.get("histogram") {
        Some(sample) => histogram_sample(sample)?,
        None => float_sample(&element["value"])?,
    };
    Some(format!("{} => {sample}", metric(&element["metric"])))
}

fn stream(series: &Value) -> Option<String> {
    let floats = series
        .get("values")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let histograms = series
        .get("histograms")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let samples: Option<Vec<String>> = floats
        .map(float_sample)
        .chain(histograms.map(histogram_sample))
        .collect();
    Some(format!(
        "{} =>\n{}",
        metric(&series["metric"]),
        samples?.join("\n")
    ))
}

/// A time as it is shown, and what is there.
fn pair(sample: &Value) -> Option<(String, &Value)> {
    let time_ms = (sample.get(0)?.as_f64()? * 1000.0).round() as i64;
    Some((seconds(time_ms), sample.get(1)?))
}

fn float_sample(sample: &Value) -> Option<String> {
    let (time, value) = pair(sample)?;
    Some(format!("{} @[{time}]", number(value.as_str()?)?))
}

fn number(text: &str) -> Option<String> {
    parse_go_float(text).map(format_go_f)
}

fn histogram_sample(sample: &Value) -> Option<String> {
    let (time, histogram) = pair(sample)?;
    let mut text = format!(
        "Count: {}, Sum: {}, Buckets: [",
        fixed(&histogram["count"])?,
        fixed(&histogram["sum"])?
    );
    let buckets = histogram.get("buckets").and_then(Value::as_array);
    for (at, bucket) in buckets.into_iter().flatten().enumerate() {
        let (open, close) = match bucket.get(0)?.as_i64()? {
            0 => ('(', ']'),
            1 => ('[', ')'),
            2 => ('(', ')'),
            _ => ('[', ']'),
        };
        let separator = if at == 0 { "" } else { " " };
        let _ = write!(
            text,
            "{separator}{open}{},{}{close}:{}",
            number(bucket.get(1)?.as_str()?)?,
            number(bucket.get(2)?.as_str()?)?,
            number(bucket.get(3)?.as_str()?)?
        );
    }
    Some(format!("{text}] @[{time}]"))
}

/// Go's `%f`.
fn fixed(value: &Value) -> Option<String> {
    parse_go_float(value.as_str()?).map(|value| {
        if value.is_finite() {
            format!("{value:.6}")
        } else {
            format_go_f(value)
        }
    })
}

/// `name{label="value"}`.
fn metric(labels: &Value) -> String {
    let name = labels.get(METRIC_NAME).and_then(Value::as_str);
    let pairs = pairs(labels, |label| label != METRIC_NAME);
    match (name, pairs.is_empty()) {
        (Some(name), true) => name.to_owned(),
        (name, _) => format!("{}{{{}}}", name.unwrap_or_default(), pairs.join(", ")),
    }
}

fn label_set(labels: &Value) -> String {
    format!("{{{}}}", pairs(labels, |_| true).join(", "))
}

/// Sorted by name.
fn pairs(labels: &Value, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut pairs: Vec<String> = labels
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| wanted(name))
        .map(|(name, value)| format!("{name}={}", quote_go(value.as_str().unwrap_or_default())))
        .collect();
    pairs.sort_unstable();
    pairs
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_printed_as_promtool_does() {
        let vector = json!({"resultType": "vector", "result": [
            {"metric": {"__name__": "up", "job": "a"}, "value": [1.5, "1e+21"]},
            {"metric": {}, "histogram": [2, {"count": "2", "sum": "3", "buckets": [[0, "1", "2", "2"]]}]},
        ]});
        assert_eq!(
            value_text(&vector).unwrap(),
            "up{job=\"a\"} => 1000000000000000000000 @[1.5]\n\
             {} => Count: 2.000000, Sum: 3.000000, Buckets: [(1,2]:2] @[2]"
        );
        let matrix = json!({"resultType": "matrix", "result": [
            {"metric": {"__name__": "b"}, "values": [[1, "1"], [2, "NaN"]]},
            {"metric": {"__name__": "a"}, "values": [[1, "0.5"]]},
        ]});
        assert_eq!(
            value_text(&matrix).unwrap(),
            "a =>\n0.5 @[1]\nb =>\n1 @[1]\nNaN @[2]"
        );
        let scalar = json!({"resultType": "scalar", "result": [0.25, "3"]});
        assert_eq!(value_text(&scalar).unwrap(), "scalar: 3 @[0.25]");
    }
}
