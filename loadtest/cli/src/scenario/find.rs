use std::fmt::{self, Display, Formatter};

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use vigie_systems::{Answer, Api, Find};

/// A request that asks which series there are, and for no samples.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FindSpec {
    /// `/api/v1/labels`
    LabelNames {
        /// Selectors; only series that match one of them count.
        #[serde(default, rename = "match")]
        selectors: Vec<String>,
        /// No more results than this are wanted; which, is the server's choice.
        #[serde(default)]
        limit: Option<u32>,
    },
    /// `/api/v1/label/{label}/values`
    LabelValues {
        label: String,
        #[serde(default, rename = "match")]
        selectors: Vec<String>,
        #[serde(default)]
        limit: Option<u32>,
    },
    /// `/api/v1/series`
    Series {
        #[serde(rename = "match")]
        selectors: Vec<String>,
        #[serde(default)]
        limit: Option<u32>,
    },
}

impl FindSpec {
    /// Asks for what there is between two times.
    pub fn ask(&self, api: &Api, start_ms: i64, end_ms: i64) -> Result<Answer> {
        let (find, selectors, limit) = self.parts();
        api.find_answer(find, selectors, limit, start_ms, end_ms)
    }

    /// What tells an answer from the right one, in words. The order of the results is not defined, nor is it which of
    /// them a limit leaves.
    pub fn difference(&self, right: &Answer, given: &Answer) -> Result<Option<String>> {
        let (_, _, limit) = self.parts();
        let (right, given) = (results(right)?, results(given)?);
        if right.len() != given.len() {
            let text = format!("{} results where {} are right", given.len(), right.len());
            return Ok(Some(text));
        }
        if limit.is_some_and(|limit| right.len() >= limit as usize) {
            return Ok(None);
        }
        let other = right.iter().zip(&given).find(|(right, given)| right != given);
        Ok(other.map(|(right, given)| format!("{given} where {right} is right")))
    }

    pub(super) fn validate(&self) -> Result<()> {
        let (find, selectors, limit) = self.parts();
        ensure!(limit != Some(0), "`{self}`: a limit of 0 is none; leave it out");
        match find {
            Find::Series => ensure!(!selectors.is_empty(), "`{self}`: `match` names no selector"),
            Find::LabelValues(label) => ensure!(!label.is_empty(), "`{self}`: `label` is empty"),
            Find::LabelNames => {}
        }
        Ok(())
    }

    fn parts(&self) -> (Find<'_>, &[String], Option<u32>) {
        match self {
            Self::LabelNames { selectors, limit } => (Find::LabelNames, selectors, *limit),
            Self::LabelValues {
                label,
                selectors,
                limit,
            } => (Find::LabelValues(label), selectors, *limit),
            Self::Series { selectors, limit } => (Find::Series, selectors, *limit),
        }
    }
}

/// The results in an order of their own; label sets as JSON with sorted names.
fn results(answer: &Answer) -> Result<Vec<String>> {
    let data = answer.data()?;
    let items = data.as_array().map_or(&[][..], Vec::as_slice);
    let mut results: Vec<String> = items.iter().map(ToString::to_string).collect();
    results.sort_unstable();
    Ok(results)
}

/// As Grafana writes the queries of its variables: `label_values(pod, {namespace="a"})`.
impl Display for FindSpec {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (find, selectors, limit) = self.parts();
        let (name, label) = match find {
            Find::LabelNames => ("label_names", None),
            Find::LabelValues(label) => ("label_values", Some(label)),
            Find::Series => ("series", None),
        };
        let limit = limit.map(|limit| format!("limit {limit}"));
        let parts = label
            .into_iter()
            .chain(selectors.iter().map(|selector| &**selector));
        let parts: Vec<&str> = parts.chain(limit.as_deref()).collect();
        write!(f, "{name}({})", parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(yaml: &str) -> FindSpec {
        serde_saphyr::from_str(yaml).unwrap()
    }

    #[track_caller]
    fn check(yaml: &str, right: &str, given: &str, expected: Option<&str>) {
        let answer = |data: &str| Answer {
            status: 200,
            body: format!(r#"{{"status":"success","data":{data}}}"#),
        };
        let difference = spec(yaml).difference(&answer(right), &answer(given)).unwrap();
        assert_eq!(difference.as_deref(), expected);
    }

    #[test]
    fn answers_are_compared_as_sets() {
        check("label_names: {}", r#"["a","b"]"#, r#"["b","a"]"#, None);
        let missing = Some("1 results where 2 are right");
        check("label_names: {}", r#"["a","b"]"#, r#"["b"]"#, missing);
        let series = r#"series: {match: ["{a=\"1\"}"]}"#;
        let other = Some(r#"{"a":"2"} where {"a":"1"} is right"#);
        check(series, r#"[{"a":"1"}]"#, r#"[{"a":"2"}]"#, other);
        check(series, r#"[{"a":"1","b":"2"}]"#, r#"[{"b":"2","a":"1"}]"#, None);
    }

    #[test]
    fn a_limit_leaves_the_choice_to_the_server() {
        let limited = "label_values: {label: pod, limit: 1}";
        check(limited, r#"["a"]"#, r#"["b"]"#, None);
        check(limited, r#"["a"]"#, "[]", Some("0 results where 1 are right"));
    }

    #[test]
    fn requests_are_shown_as_grafana_writes_them() {
        let text = spec(r#"label_values: {label: pod, match: ["up", "{a=\"1\"}"], limit: 7}"#).to_string();
        assert_eq!(text, r#"label_values(pod, up, {a="1"}, limit 7)"#);
    }
}
