//! The series of a test and what rules make of them, as a database that fills with time.

use std::cell::RefCell;
use std::collections::BTreeMap;

use vigie_model::Labels;
use vigie_promql::notation::{SeriesValue, parse_series};
use vigie_promql::{
    MemorySource, ParseOptions, Plan, QueryContext, QueryParams, QueryValue, Vector, VectorSample, evaluate,
    parse_with,
};
use vigie_rules::Environment;

use super::file::TestGroup;

#[derive(Debug)]
pub(crate) struct TestStore {
    source: RefCell<MemorySource>,
    /// Samples that have not come yet, the next one last.
    coming: BTreeMap<Labels, Vec<(i64, SeriesValue)>>,
    promql: ParseOptions,
    delayed_name_removal: bool,
    subquery_step_ms: i64,
}

impl TestStore {
    pub(crate) fn new(
        group: &TestGroup,
        subquery_step_ms: i64,
        promql: ParseOptions,
        delayed_name_removal: bool,
    ) -> Result<TestStore, String> {
        let mut coming = BTreeMap::new();
        for input in &group.series {
            let text = format!("{} {}", input.series, input.values);
            let (labels, values) =
                parse_series(&text).map_err(|error| format!("series {:?}: {error}", input.series))?;
            let mut samples: Vec<(i64, SeriesValue)> = (0..)
                .map(|at: i64| {
                    group
                        .start_ms
                        .saturating_add(at.saturating_mul(group.interval_ms))
                })
                .zip(values)
                .filter(|(_, value)| *value != SeriesValue::Absent)
                .collect();
            samples.reverse();
            coming.insert(labels, samples);
        }
        Ok(TestStore {
            source: RefCell::default(),
            coming,
            promql,
            delayed_name_removal,
            subquery_step_ms,
        })
    }

    /// Lets the samples up to a time come.
    pub(crate) fn advance(&mut self, time_ms: i64) {
        let source = self.source.get_mut();
        for (labels, samples) in &mut self.coming {
            while let Some((at_ms, value)) = samples.pop_if(|(at_ms, _)| *at_ms <= time_ms) {
                append(source, labels, at_ms, &value);
            }
        }
    }

    /// All series and their samples, for whoever looks for a mistake.
    pub(crate) fn dump(&self) -> Vec<String> {
        let source = self.source.borrow();
        let mut lines = Vec::new();
        for series in source.series() {
            lines.push(format!("{} =>", series.labels));
            let floats = series.timestamps_ms.iter().zip(&series.values);
            lines.extend(
                floats.map(|(time_ms, value)| format!("{} @[{time_ms}]", vigie_model::format_go_f(*value))),
            );
            let histograms = series.histograms.iter();
            lines.extend(histograms.map(|(time_ms, histogram)| format!("{histogram} @[{time_ms}]")));
        }
        lines
    }
}

/// As a database without a window for late samples: what is not newer than the series is refused.
fn append(source: &mut MemorySource, labels: &Labels, time_ms: i64, value: &SeriesValue) {
    if source
        .newest_ms(labels)
        .is_none_or(|newest_ms| newest_ms < time_ms)
    {
        source.insert(labels, time_ms, value, 0);
    }
}

impl Environment for TestStore {
    fn query(&self, query: &str, time_ms: i64) -> Result<Vector, String> {
        let expr = parse_with(query, &self.promql).map_err(|error| error.to_string())?;
        let params = QueryParams {
            subquery_step_ms: self.subquery_step_ms,
            delayed_name_removal: self.delayed_name_removal,
            ..QueryParams::instant(query, time_ms)
        };
        let plan = Plan::new(&expr, &params).map_err(|error| error.to_string())?;
        let source = self.source.borrow();
        let answer =
            evaluate(&plan, &*source, &QueryContext::unlimited()).map_err(|error| error.to_string())?;
        match answer.value {
            QueryValue::Vector(vector) => Ok(vector),
            QueryValue::Scalar { timestamp_ms, value } => Ok(vec![VectorSample {
                labels: Labels::empty(),
                timestamp_ms,
                value,
                histogram: None,
            }]),
            QueryValue::String { .. } | QueryValue::Matrix(_) => {
                Err("rule result is not a vector or scalar".to_owned())
            }
        }
    }

    fn append(&self, samples: Vector) -> Result<(), String> {
        let mut source = self.source.borrow_mut();
        for sample in samples {
            let value = match sample.histogram {
                Some(histogram) => SeriesValue::Histogram(*histogram),
                None => SeriesValue::Float(sample.value),
            };
            append(&mut source, &sample.labels, sample.timestamp_ms, &value);
        }
        Ok(())
    }
}
