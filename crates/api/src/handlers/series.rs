//! series, labels and label values.

use std::fmt::Write as _;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Uri;
use vigie_model::quote_go;

use crate::Found;
use crate::error::ApiError;
use crate::json::{write_array, write_labels, write_utf8};
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
    params.require_well_formed()?;
    if !params.has_matchers() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let request = params
        .labels_request()
        .map_err(|error| of_matchers(error, &params))?;
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
    Ok(reply(found, request.limit, |body, name| write_utf8(body, &name)))
}

pub(crate) async fn label_values(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    name: Result<Path<String>, PathRejection>,
    uri: Uri,
    params: Params,
) -> Result<Reply, ApiError> {
    let invalid = |quoted: String| ApiError::bad_data(format!("invalid label name: {quoted}"));
    let Path(name) = name.map_err(|_| invalid(quote_path_name(uri.path())))?;
    let name = unescape_name(&name);
    if name.is_empty() {
        return Err(invalid(quote_go(&name)));
    }
    let request = params.labels_request()?;
    let found = api.query()?.label_values(&tenant, &name, &request).await?;
    Ok(reply(found, request.limit, |body, value| {
        write_utf8(body, &value)
    }))
}

/// Here, and only here, the parameter is named.
fn of_matchers(error: ApiError, params: &Params) -> ApiError {
    match params.matcher_sets() {
        Err(same) if same == error => ApiError::invalid_parameter("match[]", error.message),
        _ => error,
    }
}

/// The label's name in a path, which is not UTF-8, as Go quotes it.
fn quote_path_name(path: &str) -> String {
    let name = path
        .trim_end_matches("/values")
        .rsplit('/')
        .next()
        .unwrap_or_default();
    let bytes: Vec<u8> = percent_decode(name.as_bytes());
    let mut quoted = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        let valid = quote_go(chunk.valid());
        quoted.push_str(&valid[1..valid.len() - 1]);
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(quoted, "\\x{byte:02x}");
        }
    }
    quoted.push('"');
    quoted
}

fn percent_decode(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let escape = (first == b'%')
            .then(|| after.get(..2))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(escape.unwrap_or(first));
        rest = if escape.is_some() { &after[2..] } else { after };
    }
    decoded
}

/// The search API is behind a feature flag that this process does not have.
pub(crate) async fn search_disabled() -> ApiError {
    ApiError::unavailable("search API disabled")
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
