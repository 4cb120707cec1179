//! format_query and parse_query: what can be said from the query text alone.

use axum::extract::State;
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

fn parse(api: &Api, params: &Params) -> Result<Expr, ApiError> {
    parse_with(params.get("query"), &api.options.promql)
        .map_err(|error| ApiError::invalid_parameter("query", error))
}
