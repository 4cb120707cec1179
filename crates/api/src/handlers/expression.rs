//! format_query, parse_query and query_exemplars: what can be said from the query text alone.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use vigie_promql::{Expr, parse_with, pretty};

use crate::ast;
use crate::error::ApiError;
use crate::json::write_string;
use crate::params::Params;
use crate::reply::Reply;
use crate::routes::Api;

pub(crate) async fn format(State(api): State<Api>, params: Params) -> Result<Reply, ApiError> {
    let expr = parse(&api, &params)?;
    Ok(Reply::written(|body| write_string(body, &pretty(&expr))))
}

pub(crate) async fn syntax_tree(State(api): State<Api>, params: Params) -> Result<Reply, ApiError> {
    let expr = parse(&api, &params)?;
    Reply::json(&ast::tree(&expr))
}

/// Exemplars are not kept yet: a query that would select some finds none.
pub(crate) async fn exemplars(State(api): State<Api>, params: Params) -> Result<Response, ApiError> {
    let start_ms = params.time_or("start", i64::MIN)?;
    let end_ms = params.time_or("end", i64::MAX)?;
    if end_ms < start_ms {
        return Err(ApiError::bad_data(
            "end timestamp must not be before start timestamp",
        ));
    }
    let query = params.get("query");
    let expr =
        parse_with(query, &api.options.promql).map_err(|error| ApiError::bad_data(error.to_string()))?;
    if ast::has_selector(&expr) {
        Ok(Reply::written(|body| body.extend_from_slice(b"[]")).into_response())
    } else {
        Ok(StatusCode::NO_CONTENT.into_response())
    }
}

fn parse(api: &Api, params: &Params) -> Result<Expr, ApiError> {
    parse_with(params.get("query"), &api.options.promql)
        .map_err(|error| ApiError::invalid_parameter("query", error))
}
