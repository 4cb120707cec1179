//! series, labels and label values.

use axum::extract::{Path, State};

use crate::Found;
use crate::error::ApiError;
use crate::json::{write_array, write_labels, write_string};
use crate::names::unescape_name;
use crate::params::Params;
use crate::reply::Reply;
use crate::routes::Api;
use crate::tenant::Tenant;

const TRUNCATED: &str = "results truncated due to limit";

pub(crate) async fn series(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Reply, ApiError> {
    if !params.has_matchers() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let request = params.labels_request()?;
    let found = api.query()?.series(&tenant, &request).await?;
    Ok(reply(found, request.limit, |body, labels| {
        write_labels(body, &labels)
    }))
}

pub(crate) async fn label_names(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Reply, ApiError> {
    let request = params.labels_request()?;
    let found = api.query()?.label_names(&tenant, &request).await?;
    Ok(reply(found, request.limit, |body, name| {
        write_string(body, &name)
    }))
}

pub(crate) async fn label_values(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Path(name): Path<String>,
    params: Params,
) -> Result<Reply, ApiError> {
    let name = unescape_name(&name);
    if name.is_empty() {
        return Err(ApiError::bad_data(format!("invalid label name: {name:?}")));
    }
    let request = params.labels_request()?;
    let found = api.query()?.label_values(&tenant, &name, &request).await?;
    Ok(reply(found, request.limit, |body, value| {
        write_string(body, &value)
    }))
}

/// `hint` is one more than the client asked for.
fn reply<T>(mut found: Found<T>, hint: Option<usize>, write: impl FnMut(&mut Vec<u8>, T)) -> Reply {
    let is_truncated = hint.is_some_and(|hint| found.items.len() >= hint);
    if let (true, Some(hint)) = (is_truncated, hint) {
        found.items.truncate(hint - 1);
    }
    Reply::written(|body| write_array(body, found.items, write))
        .with_warnings(found.warnings)
        .with_warnings(is_truncated.then(|| TRUNCATED.to_owned()))
}
