//! query and query_range.

use axum::extract::State;
use serde_json::json;
use vigie_model::quote_go;
use vigie_promql::{Explained, QueryValue};

use crate::error::ApiError;
use crate::json::write_query_value;
use crate::params::Params;
use crate::reply::Reply;
use crate::routes::Api;
use crate::tenant::Tenant;
use crate::{QueryAnswer, QueryRange, QueryStats};

/// Enough for a point per pixel on any screen, and for a week at one point a minute.
const MAX_STEPS: i64 = 11_000;

const TRUNCATED: &str = "results truncated due to limit";

pub(crate) async fn instant(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Reply, ApiError> {
    let limit = params.limit()?;
    let time_ms = params.time_or("time", api.now_ms())?;
    let options = params.query_options()?;
    let answer = api
        .query()?
        .instant(&tenant, params.get("query"), time_ms, &options)
        .await
        .map_err(ApiError::of_query)?;
    Ok(reply(answer, limit).with_warnings(stats_warning(&params)))
}

pub(crate) async fn range(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Reply, ApiError> {
    let limit = params.limit()?;
    let start_ms = params.time("start")?;
    let end_ms = params.time("end")?;
    if end_ms < start_ms {
        return Err(ApiError::invalid_parameter(
            "end",
            "end timestamp must not be before start time",
        ));
    }
    let step_ms = params.duration_ms("step")?;
    if step_ms <= 0 {
        return Err(ApiError::invalid_parameter(
            "step",
            "zero or negative query resolution step widths are not accepted. Try a positive integer",
        ));
    }
    if end_ms.saturating_sub(start_ms) / step_ms > MAX_STEPS {
        return Err(ApiError::bad_data(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ));
    }
    let options = params.query_options()?;
    let range = QueryRange {
        start_ms,
        end_ms,
        step_ms,
    };
    let answer = api
        .query()?
        .range(&tenant, params.get("query"), range, &options)
        .await
        .map_err(ApiError::of_query)?;
    Ok(reply(answer, limit).with_warnings(stats_warning(&params)))
}

/// Any value asks for statistics; all but two will stop to do so.
fn stats_warning(params: &Params) -> Option<String> {
    match params.get("stats") {
        "" | "true" | "all" => None,
        other => Some(format!(
            "value {} for parameter \"stats\" is deprecated and will be rejected in the next major release, use \"true\" or \"all\"",
            quote_go(other)
        )),
    }
}

fn reply(mut answer: QueryAnswer, limit: Option<usize>) -> Reply {
    let is_truncated = limit.is_some_and(|limit| truncate(&mut answer.value, limit));
    Reply::written(|body| {
        body.push(b'{');
        write_query_value(body, &answer.value);
        if let Some(stats) = answer.stats {
            body.extend_from_slice(b",\"stats\":");
            body.extend_from_slice(stats_json(&stats).to_string().as_bytes());
        }
        if let Some(explained) = answer.explained {
            body.extend_from_slice(b",\"explain\":");
            body.extend_from_slice(explain_json(&explained).to_string().as_bytes());
        }
        body.push(b'}');
    })
    .with_annotations(answer.annotations)
    .with_warnings(is_truncated.then(|| TRUNCATED.to_owned()))
}

fn truncate(value: &mut QueryValue, limit: usize) -> bool {
    let length = match value {
        QueryValue::Vector(vector) => vector.len(),
        QueryValue::Matrix(matrix) => matrix.len(),
        QueryValue::Scalar { .. } | QueryValue::String { .. } => return false,
    };
    match value {
        QueryValue::Vector(vector) => vector.truncate(limit),
        QueryValue::Matrix(matrix) => matrix.truncate(limit),
        QueryValue::Scalar { .. } | QueryValue::String { .. } => {}
    }
    length > limit
}

/// Statistics as the API shows them.
pub fn stats_json(stats: &QueryStats) -> serde_json::Value {
    json!({
        "timings": {
            "evalTotalTime": stats.eval_total_seconds,
            "resultSortTime": stats.result_sort_seconds,
            "queryPreparationTime": stats.query_preparation_seconds,
            "innerEvalTime": stats.inner_eval_seconds,
            "execQueueTime": stats.exec_queue_seconds,
            "execTotalTime": stats.exec_total_seconds,
        },
        "samples": {
            "totalQueryableSamples": stats.total_queryable_samples,
            "samplesRead": stats.samples_read,
            "peakSamples": stats.peak_samples,
        },
    })
}

/// A part of the plan and its parts. Times are in seconds, as those of the statistics.
fn explain_json(explained: &Explained) -> serde_json::Value {
    let seconds = |nanoseconds: u64| nanoseconds as f64 / 1e9;
    let mut part = json!({
        "operation": explained.operation,
        "totalTime": seconds(explained.took_ns),
        "ownTime": seconds(explained.own_ns),
        "series": explained.series,
        "samples": explained.samples,
        "bytes": explained.bytes,
    });
    if let Some(read) = explained.read {
        part["read"] = json!({"series": read.series, "samples": read.samples, "bytes": read.bytes});
    }
    if !explained.parts.is_empty() {
        part["parts"] = explained.parts.iter().map(explain_json).collect();
    }
    part
}
