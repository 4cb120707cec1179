use std::fmt::{self, Display, Formatter};

use anyhow::{Context, Result, bail};
use serde_json::Value as Json;

use crate::query::seconds;
use crate::schema::Labels;

/// What a server answered to a query, as data.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Of HTTP.
    pub status: u16,
    pub outcome: Outcome,
    pub warnings: Vec<String>,
    pub infos: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Success(Data),
    Error { error_type: String, message: String },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    /// `vector`, `matrix`, `scalar` or `string`.
    pub result_type: String,
    /// In the order of the answer. A scalar or string is one series without labels.
    pub series: Vec<Series>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub labels: Labels,
    /// Milliseconds and value, by time.
    pub points: Vec<(i64, Value)>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Float(f64),
    Histogram(Histogram),
    Text(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    pub count: f64,
    pub sum: f64,
    pub buckets: Vec<Bucket>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Which of the bounds belong to the bucket, as the API encodes it: 0 the upper, 1 the lower,
    /// 2 none, 3 both.
    pub rule: u8,
    pub lower: f64,
    pub upper: f64,
    pub count: f64,
}

impl Answer {
    /// Fails on a body that is no answer of Prometheus's API, which is never right.
    pub fn parse(status: u16, body: &str) -> Result<Self> {
        let body: Json = serde_json::from_str(body)
            .with_context(|| format!("parse the body of an answer with status {status}"))?;
        let outcome = match body["status"].as_str() {
            Some("success") => Outcome::Success(data(&body["data"]).context("read the data of an answer")?),
            Some("error") => Outcome::Error {
                error_type: text(&body["errorType"])?,
                message: text(&body["error"])?,
            },
            _ => bail!("an answer whose status is {}", body["status"]),
        };
        Ok(Self {
            status,
            outcome,
            warnings: texts(&body["warnings"])?,
            infos: texts(&body["infos"])?,
        })
    }

    /// The greatest magnitude among the finite floats; 0 without any.
    pub fn greatest(&self) -> f64 {
        let series = self.data().map_or(&[][..], |data| &data.series);
        let floats = series.iter().flat_map(|series| &series.points);
        floats
            .filter_map(|(_, value)| match value {
                Value::Float(value) if value.is_finite() => Some(value.abs()),
                _ => None,
            })
            .fold(0.0, f64::max)
    }

    pub fn data(&self) -> Option<&Data> {
        match &self.outcome {
            Outcome::Success(data) => Some(data),
            Outcome::Error { .. } => None,
        }
    }

    /// A success with at least one sample.
    pub fn is_non_empty(&self) -> bool {
        self.data().is_some_and(|data| !data.series.is_empty())
    }
}

fn data(data: &Json) -> Result<Data> {
    let result_type = text(&data["resultType"])?;
    let result = &data["result"];
    let series = match result_type.as_str() {
        "scalar" => vec![Series {
            labels: Labels::new(),
            points: vec![point(result, float)?],
        }],
        "string" => vec![Series {
            labels: Labels::new(),
            points: vec![point(result, |value| Ok(Value::Text(text(value)?)))?],
        }],
        "vector" | "matrix" => result
            .as_array()
            .context("find the list of series")?
            .iter()
            .map(|item| series(item).with_context(|| format!("read the series {}", item["metric"])))
            .collect::<Result<_>>()?,
        other => bail!("a result of type {other:?}"),
    };
    Ok(Data { result_type, series })
}

fn series(item: &Json) -> Result<Series> {
    let labels = serde_json::from_value(item["metric"].clone()).context("read the labels")?;
    let mut points = Vec::new();
    if !item["value"].is_null() {
        points.push(point(&item["value"], float)?);
    }
    if !item["histogram"].is_null() {
        points.push(point(&item["histogram"], histogram)?);
    }
    for pair in item["values"].as_array().into_iter().flatten() {
        points.push(point(pair, float)?);
    }
    for pair in item["histograms"].as_array().into_iter().flatten() {
        points.push(point(pair, histogram)?);
    }
    if points.is_empty() {
        bail!("no samples");
    }
    // Floats and histograms come in two lists, each by time already: the sort is stable.
    points.sort_by_key(|(time_ms, _)| *time_ms);
    Ok(Series { labels, points })
}

fn point(pair: &Json, value: impl Fn(&Json) -> Result<Value>) -> Result<(i64, Value)> {
    let time = pair[0]
        .as_f64()
        .with_context(|| format!("read the time of {pair}"))?;
    Ok(((time * 1000.0).round() as i64, value(&pair[1])?))
}

fn float(value: &Json) -> Result<Value> {
    Ok(Value::Float(number(value)?))
}

fn histogram(value: &Json) -> Result<Value> {
    let buckets = value["buckets"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|bucket| {
            Ok(Bucket {
                rule: bucket[0].as_u64().context("read the rule of a bucket")? as u8,
                lower: number(&bucket[1])?,
                upper: number(&bucket[2])?,
                count: number(&bucket[3])?,
            })
        })
        .collect::<Result<_>>()?;
    Ok(Value::Histogram(Histogram {
        count: number(&value["count"])?,
        sum: number(&value["sum"])?,
        buckets,
    }))
}

fn number(value: &Json) -> Result<f64> {
    text(value)?
        .parse()
        .with_context(|| format!("read {value} as a number"))
}

fn text(value: &Json) -> Result<String> {
    let text = value
        .as_str()
        .with_context(|| format!("find text instead of {value}"))?;
    Ok(text.to_owned())
}

fn texts(list: &Json) -> Result<Vec<String>> {
    list.as_array().into_iter().flatten().map(text).collect()
}

impl Display for Answer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Outcome::Error { error_type, message } => {
                write!(f, "{} {error_type}: {message}", self.status)?;
            }
            Outcome::Success(data) => {
                let count = data.series.len();
                write!(f, "{} {} of {count} series", self.status, data.result_type)?;
                for series in &data.series {
                    write!(f, "\n  {series}")?;
                }
            }
        }
        for note in self.warnings.iter().chain(&self.infos) {
            write!(f, "\n  note: {note}")?;
        }
        Ok(())
    }
}

/// The number of points of a series that are written out.
const SHOWN_POINTS: usize = 8;

impl Display for Series {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", ShowLabels(&self.labels))?;
        for (time_ms, value) in self.points.iter().take(SHOWN_POINTS) {
            write!(f, " {value}@{}", seconds(*time_ms))?;
        }
        if self.points.len() > SHOWN_POINTS {
            write!(f, " ... ({} points)", self.points.len())?;
        }
        Ok(())
    }
}

/// Labels in the form of a selector.
pub(crate) struct ShowLabels<'a>(pub(crate) &'a Labels);

impl Display for ShowLabels<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> = self
            .0
            .iter()
            .map(|(name, value)| format!("{name}={value:?}"))
            .collect();
        write!(f, "{{{}}}", pairs.join(","))
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Histogram(histogram) => {
                write!(f, "{{{{count:{:?} sum:{:?}", histogram.count, histogram.sum)?;
                for bucket in &histogram.buckets {
                    let (lower, upper) = (bucket.lower, bucket.upper);
                    write!(f, " {}:{lower:?}..{upper:?}={:?}", bucket.rule, bucket.count)?;
                }
                f.write_str("}}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: &str) {
        let shown = match Answer::parse(200, body) {
            Ok(answer) => answer.to_string(),
            Err(error) => format!("{error:#}"),
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn reads_every_kind_of_answer() {
        check(
            r#"{"status":"success","data":{"resultType":"matrix","result":[
                {"metric":{"a":"b"},"values":[[1,"+Inf"],[3,"NaN"]],
                 "histograms":[[2.5,{"count":"1","sum":"2","buckets":[[0,"0.5","1","1"]]}]]}]},
                "warnings":["w"],"infos":["i"]}"#,
            "200 matrix of 1 series\n  {a=\"b\"} inf@1 {{count:1.0 sum:2.0 0:0.5..1.0=1.0}}@2.500 NaN@3\n  note: w\n  note: i",
        );
        check(
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1.001,"1e-07"]}]}}"#,
            "200 vector of 1 series\n  {} 1e-7@1.001",
        );
        check(
            r#"{"status":"success","data":{"resultType":"string","result":[1,"x"]}}"#,
            "200 string of 1 series\n  {} \"x\"@1",
        );
        check(
            r#"{"status":"error","errorType":"bad_data","error":"no"}"#,
            "200 bad_data: no",
        );
    }

    #[test]
    fn refuses_what_is_no_answer() {
        check(
            "",
            "parse the body of an answer with status 200: EOF while parsing a value at line 1 column 0",
        );
        check(r#"{"status":"odd"}"#, r#"an answer whose status is "odd""#);
        check(
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{}}]}}"#,
            "read the data of an answer: read the series {}: no samples",
        );
    }
}
