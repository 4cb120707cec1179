use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

pub type SeriesLabels = BTreeMap<String, String>;

/// Any reply, before anybody asks whether it is an error.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// The data of a successful query. A scalar or string is one series without labels.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryData {
    /// `vector`, `matrix`, `scalar` or `string`.
    pub result_type: String,
    /// Timestamps in milliseconds; values as the server printed them.
    pub series: BTreeMap<SeriesLabels, Vec<(i64, String)>>,
}

/// One series of a vector or matrix, in numbers: what a ledger reads back.
#[derive(Debug, Clone, PartialEq)]
pub struct FloatSeries {
    pub labels: SeriesLabels,
    /// Milliseconds and the float nearest to what the server printed.
    pub samples: Vec<(i64, f64)>,
    /// Native histograms: milliseconds and the JSON the server printed.
    pub histograms: Vec<(i64, String)>,
}

impl Answer {
    /// `(errorType, error)` of an error envelope.
    pub fn api_error(&self) -> Option<(String, String)> {
        let body: Value = serde_json::from_str(&self.body).ok()?;
        let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
        Some((text("errorType")?, text("error")?))
    }

    pub fn query_data(&self) -> Result<QueryData> {
        let data = self.data()?;
        let result_type = data["resultType"]
            .as_str()
            .context("find resultType in the answer")?
            .to_owned();
        let result = &data["result"];
        let mut series = BTreeMap::new();
        if matches!(result_type.as_str(), "scalar" | "string") {
            series.insert(SeriesLabels::new(), vec![point(result)?]);
            return Ok(QueryData { result_type, series });
        }
        for item in result.as_array().context("find the result list in the answer")? {
            let labels = labels(&item["metric"])?;
            let points = match (&item["value"], &item["values"]) {
                (Value::Array(_), _) => vec![point(&item["value"])?],
                (_, Value::Array(values)) => values.iter().map(point).collect::<Result<_>>()?,
                _ => bail!("a series without float samples: {item}"),
            };
            if series.insert(labels, points).is_some() {
                bail!("two series with the same labels: {}", item["metric"]);
            }
        }
        Ok(QueryData { result_type, series })
    }

    /// The series of a vector or matrix, without the detour over [`QueryData`], which costs several times the memory.
    /// In the order of the answer; series that stand twice stand twice.
    pub fn float_series(&self) -> Result<Vec<FloatSeries>> {
        #[derive(Deserialize)]
        struct Envelope<'a> {
            #[serde(borrow)]
            data: Data<'a>,
        }
        #[derive(Deserialize)]
        struct Data<'a> {
            #[serde(borrow)]
            result: Vec<Item<'a>>,
        }
        #[derive(Deserialize)]
        struct Item<'a> {
            #[serde(default)]
            metric: SeriesLabels,
            #[serde(borrow)]
            value: Option<(f64, &'a str)>,
            #[serde(borrow, default)]
            values: Vec<(f64, &'a str)>,
            histogram: Option<(f64, Value)>,
            #[serde(default)]
            histograms: Vec<(f64, Value)>,
        }
        self.check_status()?;
        let envelope: Envelope<'_> = serde_json::from_str(&self.body).context("parse the answer")?;
        let read = |item: Item<'_>| -> Result<FloatSeries> {
            let samples = item.value.into_iter().chain(item.values);
            let histograms = item.histogram.into_iter().chain(item.histograms);
            Ok(FloatSeries {
                labels: item.metric,
                samples: samples
                    .map(|(t, text)| Ok((milliseconds(t), value_of(text)?)))
                    .collect::<Result<_>>()?,
                histograms: histograms
                    .map(|(t, json)| (milliseconds(t), json.to_string()))
                    .collect(),
            })
        };
        envelope.data.result.into_iter().map(read).collect()
    }

    /// The list of strings which label names and label values are.
    pub fn strings(&self) -> Result<Vec<String>> {
        serde_json::from_value(self.data()?).context("read a list of strings")
    }

    /// The list of label sets which `/api/v1/series` gives.
    pub fn label_sets(&self) -> Result<Vec<SeriesLabels>> {
        serde_json::from_value(self.data()?).context("read a list of label sets")
    }

    /// `data` of a success envelope.
    pub fn data(&self) -> Result<Value> {
        self.check_status()?;
        let mut body: Value = serde_json::from_str(&self.body).context("parse the answer")?;
        Ok(body.get_mut("data").context("find data in the answer")?.take())
    }

    fn check_status(&self) -> Result<()> {
        if self.status != 200 {
            bail!("status {}: {}", self.status, self.body.trim());
        }
        Ok(())
    }
}

impl QueryData {
    /// The value of the only series of an instant answer.
    pub fn only_value(&self) -> Result<f64> {
        let mut points = self.series.values().flatten();
        match (points.next(), points.next()) {
            (Some((_, value)), None) => value_of(value),
            (None, _) => bail!("no series in the answer"),
            (Some(_), Some(_)) => bail!("more than one sample in the answer"),
        }
    }
}

/// The float of a sample value as Prometheus prints it (`NaN`, `+Inf` and `-Inf` included).
pub fn value_of(text: &str) -> Result<f64> {
    text.parse().with_context(|| format!("parse the value {text}"))
}

fn labels(metric: &Value) -> Result<SeriesLabels> {
    let map = metric.as_object().context("find the labels of a series")?;
    map.iter()
        .map(|(name, value)| {
            Ok((
                name.clone(),
                value.as_str().context("read a label value")?.to_owned(),
            ))
        })
        .collect()
}

fn point(pair: &Value) -> Result<(i64, String)> {
    let seconds = pair[0]
        .as_f64()
        .with_context(|| format!("read the time of {pair}"))?;
    let value = pair[1]
        .as_str()
        .with_context(|| format!("read the value of {pair}"))?;
    Ok((milliseconds(seconds), value.to_owned()))
}

fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name, its floats, and how many histograms it has.
    type Expected<'a> = (&'a str, &'a [(i64, f64)], usize);

    /// The series of an answer with `result`, in numbers.
    fn check(result: &str, expected: &[Expected<'_>]) {
        let body = format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":{result}}}}}"#);
        let found = Answer { status: 200, body }.float_series().unwrap();
        assert_eq!(found.len(), expected.len());
        for (series, (name, samples, histograms)) in found.iter().zip(expected) {
            assert_eq!(series.labels["__name__"], *name);
            let bits = |samples: &[(i64, f64)]| -> Vec<(i64, u64)> {
                samples.iter().map(|(t, value)| (*t, value.to_bits())).collect()
            };
            assert_eq!(bits(&series.samples), bits(samples));
            assert_eq!(series.histograms.len(), *histograms);
        }
    }

    #[test]
    fn values_are_read_with_their_bits() {
        check(
            r#"[{"metric":{"__name__":"a"},"value":[1700000000.123,"0.1"]},
                {"metric":{"__name__":"b"},"values":[[0,"+Inf"],[0.001,"-0"],[1e9,"5e-324"]]},
                {"metric":{"__name__":"c"},"histograms":[[1,{"count":"3","sum":"1.5"}]]}]"#,
            &[
                ("a", &[(1_700_000_000_123, 0.1)], 0),
                (
                    "b",
                    &[(0, f64::INFINITY), (1, -0.0), (1_000_000_000_000, 5e-324)],
                    0,
                ),
                ("c", &[], 1),
            ],
        );
    }

    #[test]
    fn an_error_is_not_an_empty_answer() {
        let body = r#"{"status":"error","errorType":"bad_data","error":"no"}"#.to_owned();
        let answer = Answer { status: 400, body };
        assert_eq!(answer.api_error(), Some(("bad_data".to_owned(), "no".to_owned())));
        let refused = answer.float_series().unwrap_err().to_string();
        assert!(refused.starts_with("status 400"), "{refused}");
    }
}
