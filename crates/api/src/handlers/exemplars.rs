//! query_exemplars.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use vigie_model::{Exemplar, Labels};
use vigie_promql::parse_with;

use crate::ast;
use crate::error::ApiError;
use crate::json::{write_array, write_float, write_labels, write_timestamp};
use crate::params::Params;
use crate::reply::Reply;
use crate::routes::Api;
use crate::tenant::Tenant;

/// The exemplars of all series that any selector of the query selects; what else the query says, be it an
/// offset, does not matter.
pub(crate) async fn query(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Response, ApiError> {
    let start_ms = params.time_or("start", i64::MIN)?;
    let end_ms = params.time_or("end", i64::MAX)?;
    if end_ms < start_ms {
        return Err(ApiError::bad_data(
            "end timestamp must not be before start timestamp",
        ));
    }
    let expr = parse_with(params.get("query"), &api.options.promql)
        .map_err(|error| ApiError::bad_data(error.to_string()))?;
    let selectors = ast::selectors(&expr);
    if selectors.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let found = api
        .query()?
        .exemplars(&tenant, &selectors, start_ms, end_ms)
        .await?;
    Ok(Reply::written(|body| write_array(body, &found, write_series)).into_response())
}

fn write_series(out: &mut Vec<u8>, (labels, exemplars): &(Labels, Vec<Exemplar>)) {
    out.extend_from_slice(b"{\"seriesLabels\":");
    write_labels(out, labels);
    out.extend_from_slice(b",\"exemplars\":");
    write_array(out, exemplars, write_exemplar);
    out.push(b'}');
}

fn write_exemplar(out: &mut Vec<u8>, exemplar: &Exemplar) {
    out.extend_from_slice(b"{\"labels\":");
    write_labels(out, &exemplar.labels);
    out.extend_from_slice(b",\"value\":\"");
    write_float(out, exemplar.value);
    out.extend_from_slice(b"\",\"timestamp\":");
    write_timestamp(out, exemplar.timestamp_ms);
    out.push(b'}');
}
