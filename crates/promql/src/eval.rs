//! Columnar evaluation: per series one contiguous column over the step grid.
//!
//! Series are pushed from the leaves to a sink, one at a time and in the source's order, although several
//! threads may decode them and compute their windows (module `pipeline`). What can be computed series by
//! series (selectors, window functions, arithmetic with a scalar, the input of an aggregation) never holds
//! more than the one series, or some batches of them if there are threads; the rest collects what it needs,
//! and every collected column is charged to the query's memory.

mod absent;
mod aggregate;
mod binary;
mod column;
mod context;
mod evaluator;
mod explain;
mod functions;
mod histogram_sum;
mod kahan;
mod key;
mod memory;
mod merge;
mod notes;
mod pipeline;
mod profile;
mod scalar;
mod selector;
mod shared;
mod window;

pub(crate) use scalar::scalar_operation;

pub use context::{Answer, Interrupt, QueryContext, QueryStats};

use crate::plan::{Grid, RootNode};
use crate::{EvalError, Explained, MatrixSeries, Plan, QueryValue, Source, VectorSample};

use column::{StepSeries, is_absent};
use evaluator::Evaluator;
use merge::Collected;
use profile::Profile;

/// Reads the samples a plan needs and computes its answer.
///
/// An error leaves nothing behind. The same plan over the same series in the same order gives the
/// same bits.
pub fn evaluate(plan: &Plan, source: &dyn Source, context: &QueryContext<'_>) -> Result<Answer, EvalError> {
    let evaluator = Evaluator::new(plan, source, context);
    let value = root_value(&evaluator, plan)?;
    Ok(Answer {
        value,
        annotations: evaluator.annotations(),
        stats: evaluator.stats(),
    })
}

/// As [`evaluate`], and tells what each part of the plan cost by a clock that counts nanoseconds from any moment. The
/// answer is the same; looking at the clock around every series costs some percent.
pub fn evaluate_explained(
    plan: &Plan,
    source: &dyn Source,
    context: &QueryContext<'_>,
    clock_ns: &(dyn Fn() -> u64 + Sync),
) -> Result<(Answer, Explained), EvalError> {
    let start_ns = clock_ns();
    let mut evaluator = Evaluator::new(plan, source, context);
    evaluator.profile = Some(Profile::new(clock_ns));
    let value = root_value(&evaluator, plan)?;
    let took_ns = clock_ns().saturating_sub(start_ns);
    let answer = Answer {
        value,
        annotations: evaluator.annotations(),
        stats: evaluator.stats(),
    };
    let explained = match &evaluator.profile {
        Some(profile) => explain::explain(plan, profile, &answer.value, took_ns),
        None => Explained::default(),
    };
    Ok((answer, explained))
}

fn root_value(evaluator: &Evaluator<'_>, plan: &Plan) -> Result<QueryValue, EvalError> {
    let grid = plan.grid();
    let timestamp_ms = grid.start_ms;
    evaluator.poll()?;
    match plan.root() {
        RootNode::String(value) => Ok(QueryValue::String {
            timestamp_ms,
            value: value.clone(),
        }),
        RootNode::Scalar(node) => {
            let column = evaluator.scalar(node, grid)?;
            if plan.params().is_instant() {
                let value = column.at(0);
                return Ok(QueryValue::Scalar { timestamp_ms, value });
            }
            Ok(QueryValue::Matrix(vec![MatrixSeries {
                timestamps_ms: (0..grid.len).map(|step| grid.time_ms(step)).collect(),
                values: (0..grid.len).map(|step| column.at(step)).collect(),
                ..MatrixSeries::default()
            }]))
        }
        RootNode::Vector(node) => {
            let collected = evaluator.final_vector(node, grid)?;
            if plan.params().is_instant() {
                Ok(QueryValue::Vector(instant_vector(&collected, timestamp_ms)))
            } else {
                Ok(QueryValue::Matrix(matrix(collected, grid)))
            }
        }
        RootNode::Matrix(input) => {
            let mut series = evaluator.raw_matrix(input, grid)?;
            series.sort_by(|left, right| left.labels.cmp(&right.labels));
            Ok(QueryValue::Matrix(series))
        }
    }
}

fn instant_vector(collected: &Collected<'_>, timestamp_ms: i64) -> Vec<VectorSample> {
    let samples = collected.series.iter().filter_map(|series| {
        let value = series.values.first().copied().filter(|value| !is_absent(*value));
        let histogram = series.histograms.first().map(|(_, histogram)| histogram);
        if value.is_none() && histogram.is_none() {
            return None;
        }
        Some(VectorSample {
            labels: series.labels.clone(),
            timestamp_ms,
            value: value.unwrap_or_default(),
            histogram: histogram.map(|histogram| Box::new((**histogram).clone())),
        })
    });
    samples.collect()
}

/// Takes the columns where nothing is missing from them.
fn matrix(mut collected: Collected<'_>, grid: Grid) -> Vec<MatrixSeries> {
    let all_times: Vec<i64> = (0..grid.len).map(|step| grid.time_ms(step)).collect();
    let mut rows: Vec<MatrixSeries> = std::mem::take(&mut collected.series)
        .into_iter()
        .map(|series| row(series, grid, &all_times))
        .filter(|row| !row.values.is_empty() || !row.histograms.is_empty())
        .collect();
    rows.sort_by(|left, right| left.labels.cmp(&right.labels));
    rows
}

fn row(series: StepSeries, grid: Grid, all_times: &[i64]) -> MatrixSeries {
    let histograms = series.histograms.iter();
    let histograms = histograms
        .map(|(step, histogram)| (grid.time_ms(*step), (**histogram).clone()))
        .collect();
    let mut values = series.values;
    let count = values.iter().filter(|value| !is_absent(**value)).count();
    let timestamps_ms = if count == values.len() {
        all_times.to_vec()
    } else {
        let present = values.iter().zip(all_times);
        let times = present
            .filter(|(value, _)| !is_absent(**value))
            .map(|(_, time_ms)| *time_ms)
            .collect();
        values.retain(|value| !is_absent(*value));
        times
    };
    MatrixSeries {
        labels: series.labels,
        timestamps_ms,
        values,
        histograms,
    }
}
