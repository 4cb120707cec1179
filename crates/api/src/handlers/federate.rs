//! /federate: newest samples for another server to scrape.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::error::plain_error;
use crate::federation::Format;
use crate::params::Params;
use crate::routes::Api;
use crate::tenant::Tenant;

pub(crate) async fn federate(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    headers: HeaderMap,
    params: Params,
) -> Response {
    let matcher_sets = match params.any_matcher_sets() {
        Ok(matcher_sets) => matcher_sets,
        Err(error) => return plain_error(StatusCode::BAD_REQUEST, &error.message),
    };
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::accepted(accept.unwrap_or_default());
    let content_type = [(header::CONTENT_TYPE, format.content_type())];
    if matcher_sets.is_empty() {
        return content_type.into_response();
    }
    let backend = match api.query() {
        Ok(backend) => backend,
        Err(error) => return plain_error(StatusCode::NOT_FOUND, &error.message),
    };
    match backend.federate(&tenant, &matcher_sets, api.now_ms()).await {
        Ok(vector) => {
            let body = format.encode(vector, &api.options.external_labels);
            (content_type, body).into_response()
        }
        Err(error) => plain_error(StatusCode::INTERNAL_SERVER_ERROR, &error.message),
    }
}
