//! However many threads an evaluation has, its answer has the same bits, and its failure is the same.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which fail by panicking")]

use vigie_model::Labels;
use vigie_promql::{
    EvalError, Plan, QueryContext, QueryParams, QueryValue, SelectRequest, Series, SeriesSet, Source,
    SourceError, evaluate, parse,
};

/// Values of very different size, so that the order of summation shows; some series end or have gaps.
struct Uneven {
    series: usize,
    /// Reading fails at this one.
    broken: Option<usize>,
}

impl Source for Uneven {
    fn select(&self, _: &SelectRequest) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
        Ok(Box::new(Rest {
            source: self,
            next: 0,
        }))
    }
}

struct Rest<'a> {
    source: &'a Uneven,
    next: usize,
}

impl SeriesSet for Rest<'_> {
    fn next(&mut self) -> Result<Option<Series>, SourceError> {
        let at = self.next;
        if at == self.source.series {
            return Ok(None);
        }
        self.next += 1;
        if self.source.broken == Some(at) {
            return Err(SourceError {
                message: format!("series {at} is gone"),
                retryable: false,
            });
        }
        let labels = Labels::from_pairs([
            ("__name__", "m_total".to_owned()),
            ("group", (at % 7).to_string()),
            ("at", at.to_string()),
        ]);
        let times = (0..200).filter(|sample| (sample + at as i64) % 17 != 0 || at.is_multiple_of(3));
        let timestamps_ms: Vec<i64> = times.map(|sample| sample * 15_000 + (at as i64 % 5)).collect();
        let scale = 10f64.powi((at % 23) as i32 - 11);
        let value = |time_ms: &i64| (*time_ms as f64 / 7e3 + at as f64).sin().abs() * scale;
        Ok(Some(Series {
            labels: labels.unwrap(),
            values: timestamps_ms.iter().map(value).collect(),
            timestamps_ms,
            ..Series::default()
        }))
    }
}

fn ask(query: &str, source: &Uneven, threads: usize) -> Result<Vec<(String, Vec<u64>)>, EvalError> {
    let params = QueryParams::range(query, 0, 3_000_000, 30_000);
    let plan = Plan::new(&parse(query).unwrap(), &params).unwrap();
    let context = QueryContext {
        threads,
        ..QueryContext::unlimited()
    };
    let QueryValue::Matrix(rows) = evaluate(&plan, source, &context)?.value else {
        panic!("a range query has a matrix");
    };
    let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect();
    Ok(rows
        .iter()
        .map(|row| (row.labels.to_string(), bits(&row.values)))
        .collect())
}

fn check(query: &str, source: &Uneven) {
    let alone = ask(query, source, 1);
    for threads in [2, 3, 8] {
        assert_eq!(ask(query, source, threads), alone, "{query} on {threads} threads");
    }
}

#[test]
fn answers_have_the_same_bits() {
    for series in [1, 16, 17, 500] {
        let source = Uneven { series, broken: None };
        for query in [
            "sum(m_total)",
            "sum by (group) (rate(m_total[5m]))",
            "avg(irate(m_total[1m]))",
            "stddev by (group) (avg_over_time(m_total[3m]))",
            "quantile(0.3, increase(m_total[5m]))",
            "topk(3, m_total)",
            "m_total",
            "sum(rate(m_total[5m])) / sum(m_total offset 1m)",
            "count(max_over_time(rate(m_total[1m])[5m:1m]))",
        ] {
            check(query, &source);
        }
    }
}

#[test]
fn the_first_failure_is_the_one_that_is_told() {
    for broken in [0, 5, 16, 40, 499] {
        let source = Uneven {
            series: 500,
            broken: Some(broken),
        };
        let error = ask("sum(rate(m_total[5m]))", &source, 4).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("expanding series: series {broken} is gone")
        );
    }
}
