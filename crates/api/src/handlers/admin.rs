//! admin/tsdb/*: deleting series, and copying the storage.

use axum::extract::State;
use axum::http::StatusCode;
use serde_json::json;

use crate::error::{ApiError, ErrorKind};
use crate::params::{Params, parse_go_bool};
use crate::reply::Reply;
use crate::routes::Api;
use crate::tenant::Tenant;
use crate::{AdminBackend, AdminError};

pub(crate) async fn delete_series(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<StatusCode, ApiError> {
    let admin = enabled(&api)?;
    params.require_well_formed()?;
    if !params.has_matchers() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let start_ms = params.time_or("start", i64::MIN)?;
    let end_ms = params.time_or("end", i64::MAX)?;
    let matcher_sets = params
        .any_matcher_sets()
        .map_err(|error| ApiError::invalid_parameter("match[]", error.message))?;
    for matchers in &matcher_sets {
        admin.delete_series(&tenant, matchers, start_ms, end_ms).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn clean_tombstones(State(api): State<Api>) -> Result<StatusCode, ApiError> {
    enabled(&api)?.clean_tombstones().await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn snapshot(State(api): State<Api>, params: Params) -> Result<Reply, ApiError> {
    let admin = enabled(&api)?;
    let skip_head = match params.get("skip_head") {
        "" => false,
        text => parse_go_bool(text).map_err(|error| {
            ApiError::invalid_parameter("skip_head", format!("unable to parse boolean: {error}"))
        })?,
    };
    let name = admin.snapshot(!skip_head).await.map_err(|error| ApiError {
        kind: ErrorKind::Internal,
        message: format!("create snapshot: {error}"),
    })?;
    Reply::json(&json!({ "name": name }))
}

fn enabled(api: &Api) -> Result<&dyn AdminBackend, ApiError> {
    api.backends
        .admin
        .as_deref()
        .ok_or_else(|| ApiError::unavailable("admin APIs disabled"))
}

impl From<AdminError> for ApiError {
    fn from(error: AdminError) -> ApiError {
        ApiError {
            kind: ErrorKind::Internal,
            message: error.0,
        }
    }
}
