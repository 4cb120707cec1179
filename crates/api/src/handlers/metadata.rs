//! metadata and targets/metadata.

use axum::extract::State;
use serde_json::json;
use vigie_model::MetricMetadata;
use vigie_promql::parse_selector;

use crate::error::ApiError;
use crate::json::{write_array, write_labels, write_string};
use crate::params::Params;
use crate::reply::Reply;
use crate::routes::Api;
use crate::tenant::Tenant;
use crate::{MetadataRequest, TargetMetadata};

pub(crate) async fn metrics(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Reply, ApiError> {
    let metric = params.get("metric");
    let request = MetadataRequest {
        metric: (!metric.is_empty()).then(|| metric.to_owned()),
        limit: limit(&params, "limit")?,
        // Here zero means none, too.
        limit_per_metric: limit(&params, "limit_per_metric")?.filter(|&limit| limit > 0),
    };
    let mut found = api.query()?.metadata(&tenant, &request).await?;
    if let Some(limit) = request.limit
        && let Some(name) = found.keys().nth(limit).cloned()
    {
        found.split_off(&name);
    }
    Ok(Reply::written(|body| {
        body.push(b'{');
        for (position, (name, entries)) in found.iter().enumerate() {
            if position > 0 {
                body.push(b',');
            }
            write_string(body, name);
            body.push(b':');
            let wanted = request.limit_per_metric.unwrap_or(usize::MAX);
            write_array(body, entries.iter().take(wanted), |body, entry| {
                body.push(b'{');
                write_entry(body, entry);
            });
        }
        body.push(b'}');
    }))
}

pub(crate) async fn of_targets(State(api): State<Api>, params: Params) -> Result<Reply, ApiError> {
    let limit = limit(&params, "limit")?.unwrap_or(usize::MAX);
    let matchers = match params.get("match_target") {
        "" => Vec::new(),
        selector => {
            parse_selector(selector).map_err(|error| ApiError::invalid_parameter("match_target", error))?
        }
    };
    let metric = params.get("metric");
    let found = api
        .targets()?
        .metadata((!metric.is_empty()).then_some(metric))
        .await;
    let is_wanted = |entry: &&TargetMetadata| {
        let value = |name: &str| entry.target.get(name).unwrap_or_default();
        matchers
            .iter()
            .all(|matcher| matcher.matches(value(&matcher.name)))
    };
    // Targets are taken whole until there is enough.
    let mut wanted: Vec<&TargetMetadata> = Vec::new();
    for of_target in found.chunk_by(|left, right| left.target == right.target) {
        if wanted.len() < limit {
            wanted.extend(of_target.iter().filter(is_wanted));
        }
    }
    Ok(Reply::written(|body| {
        write_array(body, wanted, |body, entry| {
            body.extend_from_slice(b"{\"target\":");
            write_labels(body, &entry.target);
            // Who asked for one metric knows its name.
            if metric.is_empty() {
                body.extend_from_slice(b",\"metric\":");
                write_string(body, &entry.metric);
            }
            body.push(b',');
            write_entry(body, &entry.metadata);
        });
    }))
}

/// Closes the object it is written into.
fn write_entry(body: &mut Vec<u8>, entry: &MetricMetadata) {
    body.extend_from_slice(b"\"type\":");
    write_string(body, entry.kind.as_str());
    body.extend_from_slice(b",\"help\":");
    write_string(body, &entry.help);
    body.extend_from_slice(b",\"unit\":");
    write_string(body, &entry.unit);
    body.push(b'}');
}

/// Unlike elsewhere a negative limit means none here, and zero means nothing.
fn limit(params: &Params, name: &str) -> Result<Option<usize>, ApiError> {
    match params.get(name) {
        "" => Ok(None),
        text => match text.parse::<i64>() {
            Ok(limit) => Ok(usize::try_from(limit).ok()),
            Err(_) => Err(ApiError::bad_data(format!("{name} must be a number"))),
        },
    }
}

/// Feature flags by category.
pub(crate) async fn features(State(api): State<Api>) -> Result<Reply, ApiError> {
    Reply::json(&json!(api.backends.lifecycle.features()))
}
