use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

use crate::answer::{Answer, Data, Histogram, Outcome, Series, ShowLabels, Value};
use crate::schema::Labels;

/// What counts as equal. See [`crate::order`] for what a query defines of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tolerance {
    /// Two numbers are equal when they differ by at most this share of the greater one.
    pub relative: f64,
    /// Or by at most this. It is 0 unless asked for.
    pub absolute: f64,
    /// Whether warnings and infos are compared, as sets.
    pub annotations: bool,
    /// Whether the text of errors is compared, not only their type.
    pub error_messages: bool,
    pub identity: Identity,
    /// Whether the values of an instant answer must come in the same sequence.
    pub ordered: bool,
}

/// How series of the two answers are matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// By their labels.
    Labels,
    /// Not at all: at each time the same values occur equally often. For `topk` and `bottomk`, which
    /// may keep any of several series with the same value.
    Values,
    /// Only success, or the same type of error, is compared. For text that holds one of the above in
    /// a place where its choice decides the rest.
    Outcome,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self {
            relative: 1e-12,
            absolute: 0.0,
            annotations: false,
            error_messages: false,
            identity: Identity::Labels,
            ordered: false,
        }
    }
}

/// The first difference between two answers, and all the series that differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub kind: DifferenceKind,
    pub detail: String,
    /// Labels of the series that differ; empty when the difference is not one of series.
    pub series: BTreeSet<Labels>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// One answers with data and the other with an error.
    Outcome,
    /// HTTP status or type of error.
    ErrorType,
    ErrorMessage,
    ResultType,
    /// A label set appears twice in one answer.
    Duplicate,
    /// A series is in one answer only.
    Series,
    /// A series has samples at different times.
    Timestamps,
    Value,
    Order,
    Annotations,
    /// One server gave no answer at all, or one that is no answer of the API.
    NoAnswer,
}

/// `None` when both say the same.
pub fn compare(a: &Answer, b: &Answer, tolerance: &Tolerance) -> Option<Difference> {
    let (data_a, data_b) = match (&a.outcome, &b.outcome) {
        (Outcome::Success(data_a), Outcome::Success(data_b)) => (data_a, data_b),
        (Outcome::Error { .. }, Outcome::Error { .. }) => return compare_errors(a, b, tolerance),
        _ => {
            let detail = format!("{} and {}", headline(a), headline(b));
            return Some(Difference::new(DifferenceKind::Outcome, detail));
        }
    };
    if tolerance.identity == Identity::Outcome {
        return None;
    }
    if data_a.result_type != data_b.result_type {
        let detail = format!("{} and {}", data_a.result_type, data_b.result_type);
        return Some(Difference::new(DifferenceKind::ResultType, detail));
    }
    let difference = match tolerance.identity {
        Identity::Values => compare_values_per_time(data_a, data_b, tolerance),
        _ => compare_by_labels(data_a, data_b, tolerance),
    };
    difference
        .or_else(|| {
            let sequence = tolerance.ordered && data_a.result_type == "vector";
            sequence
                .then(|| compare_order(data_a, data_b, tolerance))
                .flatten()
        })
        .or_else(|| tolerance.annotations.then(|| compare_annotations(a, b)).flatten())
}

fn compare_errors(a: &Answer, b: &Answer, tolerance: &Tolerance) -> Option<Difference> {
    let (
        Outcome::Error {
            error_type: type_a,
            message: message_a,
        },
        Outcome::Error {
            error_type: type_b,
            message: message_b,
        },
    ) = (&a.outcome, &b.outcome)
    else {
        return None;
    };
    if (a.status, type_a) != (b.status, type_b) {
        let detail = format!("{} and {}", headline(a), headline(b));
        return Some(Difference::new(DifferenceKind::ErrorType, detail));
    }
    (tolerance.error_messages && message_a != message_b).then(|| {
        Difference::new(
            DifferenceKind::ErrorMessage,
            format!("{message_a:?} and {message_b:?}"),
        )
    })
}

fn compare_by_labels(a: &Data, b: &Data, tolerance: &Tolerance) -> Option<Difference> {
    let (by_labels_a, by_labels_b) = match (by_labels(a), by_labels(b)) {
        (Ok(by_labels_a), Ok(by_labels_b)) => (by_labels_a, by_labels_b),
        (Err(labels), _) | (_, Err(labels)) => {
            let detail = format!("{} appears twice in one answer", ShowLabels(labels));
            return Some(Difference::new(DifferenceKind::Duplicate, detail).of(labels));
        }
    };
    let mut found: Option<Difference> = None;
    let all: BTreeSet<&Labels> = by_labels_a.keys().chain(by_labels_b.keys()).copied().collect();
    for labels in all {
        let difference = match (by_labels_a.get(labels), by_labels_b.get(labels)) {
            (Some(series_a), Some(series_b)) => compare_series(series_a, series_b, tolerance),
            (in_a, _) => {
                let side = if in_a.is_some() { "first" } else { "second" };
                Some((DifferenceKind::Series, format!("only in the {side} answer")))
            }
        };
        if let Some((kind, what)) = difference {
            let found =
                found.get_or_insert_with(|| Difference::new(kind, format!("{}: {what}", ShowLabels(labels))));
            found.series.insert(labels.clone());
        }
    }
    found
}

/// The series by their labels, or the labels that occur twice.
fn by_labels(data: &Data) -> Result<BTreeMap<&Labels, &Series>, &Labels> {
    let mut map = BTreeMap::new();
    for series in &data.series {
        if map.insert(&series.labels, series).is_some() {
            return Err(&series.labels);
        }
    }
    Ok(map)
}

fn compare_series(a: &Series, b: &Series, tolerance: &Tolerance) -> Option<(DifferenceKind, String)> {
    let times = |series: &Series| -> Vec<i64> { series.points.iter().map(|(time, _)| *time).collect() };
    let (times_a, times_b) = (times(a), times(b));
    if times_a != times_b {
        let (set_a, set_b): (BTreeSet<i64>, BTreeSet<i64>) =
            (times_a.into_iter().collect(), times_b.into_iter().collect());
        let first = set_a.symmetric_difference(&set_b).next();
        let (count_a, count_b) = (set_a.len(), set_b.len());
        return Some((
            DifferenceKind::Timestamps,
            format!("samples at {count_a} and {count_b} times, first difference at {first:?} ms"),
        ));
    }
    a.points
        .iter()
        .zip(&b.points)
        .find(|((_, a), (_, b))| !tolerance.equal(a, b))
        .map(|((time, a), (_, b))| (DifferenceKind::Value, format!("{a} and {b} at {time} ms")))
}

fn compare_values_per_time(a: &Data, b: &Data, tolerance: &Tolerance) -> Option<Difference> {
    let (a, b) = (values_per_time(a), values_per_time(b));
    let times: BTreeSet<&i64> = a.keys().chain(b.keys()).collect();
    for time in times {
        let none = Vec::new();
        let (values_a, values_b) = (a.get(time).unwrap_or(&none), b.get(time).unwrap_or(&none));
        let equal = values_a.len() == values_b.len()
            && values_a.iter().zip(values_b).all(|(a, b)| tolerance.equal(a, b));
        if !equal {
            let show = |values: &[&Value]| -> String {
                let texts: Vec<String> = values.iter().map(|value| value.to_string()).collect();
                texts.join(" ")
            };
            let detail = format!(
                "values [{}] and [{}] at {time} ms",
                show(values_a),
                show(values_b)
            );
            return Some(Difference::new(DifferenceKind::Value, detail));
        }
    }
    None
}

/// The values at each time, ascending, NaN last.
fn values_per_time(data: &Data) -> BTreeMap<i64, Vec<&Value>> {
    let mut map: BTreeMap<i64, Vec<&Value>> = BTreeMap::new();
    for (time, value) in data.series.iter().flat_map(|series| &series.points) {
        map.entry(*time).or_default().push(value);
    }
    let key = |value: &Value| match value {
        Value::Float(value) if !value.is_nan() => *value,
        Value::Histogram(histogram) => histogram.count,
        Value::Float(_) | Value::Text(_) => f64::NAN,
    };
    for values in map.values_mut() {
        // `total_cmp` puts positive NaN above everything.
        values.sort_by(|a, b| key(a).total_cmp(&key(b)));
    }
    map
}

/// Sequences are compared by value: series with the same value may come in any order.
fn compare_order(a: &Data, b: &Data, tolerance: &Tolerance) -> Option<Difference> {
    let values = |data: &'_ Data| -> Vec<Value> {
        let points = data.series.iter().filter_map(|series| series.points.first());
        points.map(|(_, value)| value.clone()).collect()
    };
    values(a)
        .iter()
        .zip(&values(b))
        .position(|(a, b)| !tolerance.equal(a, b))
        .map(|position| {
            Difference::new(
                DifferenceKind::Order,
                format!("the sequence of values differs at position {position}"),
            )
        })
}

/// Servers cut long lists, keeping any of them: such lists are not compared.
fn compare_annotations(a: &Answer, b: &Answer) -> Option<Difference> {
    const CUT: usize = 10;
    for (a, b) in [(&a.warnings, &b.warnings), (&a.infos, &b.infos)] {
        let (set_a, set_b): (BTreeSet<&String>, BTreeSet<&String>) = (a.iter().collect(), b.iter().collect());
        if set_a != set_b && a.len() < CUT && b.len() < CUT {
            let only: Vec<&&String> = set_a.symmetric_difference(&set_b).collect();
            let detail = format!("only in one answer: {only:?}");
            return Some(Difference::new(DifferenceKind::Annotations, detail));
        }
    }
    None
}

impl Tolerance {
    fn equal(&self, a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Float(a), Value::Float(b)) => self.close(*a, *b),
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::Histogram(a), Value::Histogram(b)) => self.histograms_equal(a, b),
            _ => false,
        }
    }

    fn histograms_equal(&self, a: &Histogram, b: &Histogram) -> bool {
        self.close(a.count, b.count)
            && self.close(a.sum, b.sum)
            && a.buckets.len() == b.buckets.len()
            && a.buckets.iter().zip(&b.buckets).all(|(a, b)| {
                a.rule == b.rule
                    && self.close(a.lower, b.lower)
                    && self.close(a.upper, b.upper)
                    && self.close(a.count, b.count)
            })
    }

    /// NaN equals NaN, an infinity only itself.
    fn close(&self, a: f64, b: f64) -> bool {
        if a == b || (a.is_nan() && b.is_nan()) {
            return true;
        }
        if !a.is_finite() || !b.is_finite() {
            return false;
        }
        // Halved first, so that the difference of two huge numbers does not overflow.
        let difference = (a / 2.0 - b / 2.0).abs();
        difference <= self.relative * (a.abs().max(b.abs()) / 2.0) || difference * 2.0 <= self.absolute
    }
}

impl Difference {
    pub(crate) fn new(kind: DifferenceKind, detail: String) -> Self {
        Self {
            kind,
            detail,
            series: BTreeSet::new(),
        }
    }

    fn of(mut self, labels: &Labels) -> Self {
        self.series.insert(labels.clone());
        self
    }

    /// The answer without the series that do not differ; whole when the difference is not in series.
    pub fn cut(&self, answer: &Answer) -> Answer {
        let mut answer = answer.clone();
        if let (Outcome::Success(data), false) = (&mut answer.outcome, self.series.is_empty()) {
            data.series.retain(|series| self.series.contains(&series.labels));
        }
        answer
    }
}

impl Display for Difference {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.detail)?;
        match self.series.len() {
            0 | 1 => Ok(()),
            count => write!(f, " (and {} more series)", count - 1),
        }
    }
}

fn headline(answer: &Answer) -> String {
    match &answer.outcome {
        Outcome::Success(data) => format!("{} {}", answer.status, data.result_type),
        Outcome::Error { error_type, message } => format!("{} {error_type} ({message})", answer.status),
    }
}
