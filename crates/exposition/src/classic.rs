//! From the buckets of a classic histogram to a native one with custom buckets.

use vigie_model::{CUSTOM_BUCKETS_SCHEMA, FloatHistogram, Histogram, Span, format_go_g};

use crate::NativeValue;

/// Why the series of a classic histogram make no histogram.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClassicError {
    #[error("bucket count must be non-negative: le={bound}, count={count}")]
    NegativeBucket { bound: String, count: String },
    #[error("bucket boundary must not be NaN")]
    NanBound,
    #[error("count must be non-negative: count={0}")]
    NegativeCount(String),
    #[error("count is not cumulative: {0} {1} {2}")]
    NotCumulative(String, char, String),
    #[error("count mismatch: count={count} != le={bound} count={in_buckets}")]
    CountMismatch {
        count: String,
        bound: String,
        in_buckets: String,
    },
}

/// Collects the series of one classic histogram, in any order.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClassicHistogram {
    /// Upper bounds, ascending, and cumulative counts.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
    error: Option<ClassicError>,
}

impl ClassicHistogram {
    pub(crate) fn clear(&mut self) {
        self.buckets.clear();
        self.count = None;
        self.sum = 0.0;
        self.error = None;
    }

    /// The first of two buckets with the same bound counts.
    pub(crate) fn set_bucket(&mut self, bound: f64, count: f64) {
        if self.error.is_none()
            && let Err(error) = self.insert_bucket(bound, count)
        {
            self.error = Some(error);
        }
    }

    pub(crate) fn set_count(&mut self, count: f64) {
        if count < 0.0 && self.error.is_none() {
            self.error = Some(ClassicError::NegativeCount(format_go_g(count)));
        }
        self.count = Some(count);
    }

    pub(crate) fn set_sum(&mut self, sum: f64) {
        self.sum = sum;
    }

    fn insert_bucket(&mut self, bound: f64, count: f64) -> Result<(), ClassicError> {
        if bound.is_nan() {
            return Err(ClassicError::NanBound);
        }
        if count < 0.0 {
            return Err(ClassicError::NegativeBucket {
                bound: format_go_g(bound),
                count: format_go_g(count),
            });
        }
        let not_cumulative =
            |sign, other| ClassicError::NotCumulative(format_go_g(count), sign, format_go_g(other));
        let at = self.buckets.partition_point(|(other, _)| *other < bound);
        if let Some((next_bound, next_count)) = self.buckets.get(at) {
            if *next_bound == bound {
                return Ok(());
            }
            if count > *next_count {
                return Err(not_cumulative('>', *next_count));
            }
        }
        if let Some((_, before)) = at.checked_sub(1).and_then(|before| self.buckets.get(before))
            && count < *before
        {
            return Err(not_cumulative('<', *before));
        }
        self.buckets.insert(at, (bound, count));
        Ok(())
    }

    /// The histogram: with integer counts if all are whole numbers. Afterwards nothing is collected.
    pub(crate) fn convert(&mut self) -> Result<NativeValue, ClassicError> {
        let outcome = self.take();
        self.clear();
        outcome
    }

    fn take(&mut self) -> Result<NativeValue, ClassicError> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let count = self
            .count
            .or_else(|| self.buckets.last().map(|(_, count)| *count))
            .unwrap_or_default();
        if self
            .buckets
            .last()
            .is_none_or(|(bound, _)| *bound != f64::INFINITY)
        {
            self.buckets.push((f64::INFINITY, count));
        }
        let (bound, in_buckets) = self.buckets.last().copied().unwrap_or_default();
        if count != in_buckets {
            return Err(ClassicError::CountMismatch {
                count: format_go_g(count),
                bound: format_go_g(bound),
                in_buckets: format_go_g(in_buckets),
            });
        }
        let is_whole = self.buckets.iter().all(|(_, count)| count.round() == *count);
        let mut histogram = self.with_custom_buckets(count);
        histogram.compact(if is_whole { 2 } else { 0 });
        let integer = is_whole.then(|| Histogram::from_float(&histogram)).flatten();
        Ok(integer.map_or_else(|| NativeValue::Float(histogram), NativeValue::Integer))
    }

    fn with_custom_buckets(&self, count: f64) -> FloatHistogram {
        let mut before = 0.0;
        let positive_buckets = self
            .buckets
            .iter()
            .map(|(_, cumulative)| cumulative - std::mem::replace(&mut before, *cumulative))
            .collect();
        FloatHistogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            count,
            sum: self.sum,
            positive_spans: vec![Span {
                offset: 0,
                length: self.buckets.len() as u32,
            }],
            positive_buckets,
            custom_values: self.buckets[..self.buckets.len() - 1]
                .iter()
                .map(|(bound, _)| *bound)
                .collect(),
            ..FloatHistogram::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Buckets as `bound:cumulative`.
    fn check(buckets: &str, count: Option<f64>, expected: Result<&str, &str>) {
        let mut classic = ClassicHistogram::default();
        for bucket in buckets.split_whitespace() {
            let (bound, cumulative) = bucket.split_once(':').unwrap();
            classic.set_bucket(bound.parse().unwrap(), cumulative.parse().unwrap());
        }
        if let Some(count) = count {
            classic.set_count(count);
        }
        classic.set_sum(2.5);
        let converted = classic.convert().map(|value| {
            let form = match &value {
                NativeValue::Integer(_) => "integer",
                NativeValue::Float(_) => "float",
            };
            let float = value.to_float();
            let spans: Vec<_> = float
                .positive_spans
                .iter()
                .map(|span| format!("{}+{}", span.offset, span.length))
                .collect();
            format!(
                "{form} {} {:?} {spans:?} {:?}",
                float.count, float.custom_values, float.positive_buckets
            )
        });
        let expected = expected.map(str::to_owned);
        assert_eq!(
            converted.map_err(|error| error.to_string()),
            expected.map_err(str::to_owned)
        );
    }

    #[test]
    fn buckets_become_a_native_histogram() {
        check(
            "1:2 2:5 inf:6",
            Some(6.0),
            Ok("integer 6 [1.0, 2.0] [\"0+3\"] [2.0, 3.0, 1.0]"),
        );
        // Out of order, twice, and without the last one.
        check(
            "2:5 1:2 1:9",
            Some(6.0),
            Ok("integer 6 [1.0, 2.0] [\"0+3\"] [2.0, 3.0, 1.0]"),
        );
        check("1:0.5 inf:1", None, Ok("float 1 [1.0] [\"0+2\"] [0.5, 0.5]"));
        check("1:3", None, Ok("integer 3 [1.0] [\"0+1\"] [3.0]"));
        check("", Some(0.0), Ok("integer 0 [] [] []"));
    }

    #[test]
    fn contradictions_are_refused() {
        check("1:2 2:1", None, Err("count is not cumulative: 1 < 2"));
        check("2:1 1:2", None, Err("count is not cumulative: 2 > 1"));
        check(
            "1:-1",
            None,
            Err("bucket count must be non-negative: le=1, count=-1"),
        );
        check("nan:1", None, Err("bucket boundary must not be NaN"));
        check("1:1", Some(-1.0), Err("count must be non-negative: count=-1"));
        check(
            "1:1 inf:2",
            Some(3.0),
            Err("count mismatch: count=3 != le=+Inf count=2"),
        );
    }
}
