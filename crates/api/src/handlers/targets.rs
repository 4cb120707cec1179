//! targets and scrape_pools.

use std::collections::BTreeMap;

use axum::extract::State;
use serde_json::json;
use vigie_model::{Labels, format_duration_ms};

use crate::error::ApiError;
use crate::json::{write_array, write_float, write_labels, write_string};
use crate::params::Params;
use crate::reply::Reply;
use crate::routes::Api;
use crate::{ActiveTarget, RelabelRule};

use super::status::rfc3339;

pub(crate) async fn targets(State(api): State<Api>, params: Params) -> Result<Reply, ApiError> {
    let backend = api.targets()?;
    let state = params.get("state").to_ascii_lowercase();
    let pool = Some(params.get("scrapePool")).filter(|pool| !pool.is_empty());
    let active = match state.as_str() {
        "" | "any" | "active" => backend.active(pool).await,
        _ => Vec::new(),
    };
    let (dropped, counts) = match state.as_str() {
        "" | "any" | "dropped" => (backend.dropped(pool).await, Some(backend.dropped_counts().await)),
        _ => (Vec::new(), None),
    };
    Ok(Reply::written(|body| {
        body.extend_from_slice(b"{\"activeTargets\":");
        write_array(body, &active, write_active);
        body.extend_from_slice(b",\"droppedTargets\":");
        write_array(body, &dropped, |body, target| {
            body.extend_from_slice(b"{\"discoveredLabels\":");
            write_labels(body, &target.discovered_labels);
            body.extend_from_slice(b",\"scrapePool\":");
            write_string(body, &target.scrape_pool);
            body.push(b'}');
        });
        body.extend_from_slice(b",\"droppedTargetCounts\":");
        body.extend_from_slice(json!(counts).to_string().as_bytes());
        body.push(b'}');
    }))
}

fn write_active(body: &mut Vec<u8>, target: &ActiveTarget) {
    body.extend_from_slice(b"{\"discoveredLabels\":");
    write_labels(body, &target.discovered_labels);
    body.extend_from_slice(b",\"labels\":");
    write_labels(body, &target.labels);
    let last_scrape = rfc3339(target.last_scrape_ms);
    for (key, text) in [
        ("scrapePool", target.scrape_pool.as_str()),
        ("scrapeUrl", &target.scrape_url),
        ("globalUrl", &target.global_url),
        ("lastError", &target.last_error),
        ("lastScrape", &last_scrape),
    ] {
        body.push(b',');
        write_string(body, key);
        body.push(b':');
        write_string(body, text);
    }
    body.extend_from_slice(b",\"lastScrapeDuration\":");
    // JSON has no infinities.
    write_float(
        body,
        Some(target.last_scrape_duration_seconds)
            .filter(|seconds| seconds.is_finite())
            .unwrap_or(0.0),
    );
    body.extend_from_slice(b",\"health\":");
    write_string(body, target.health.as_str());
    body.extend_from_slice(b",\"scrapeInterval\":");
    write_string(body, &format_duration_ms(target.scrape_interval_ms));
    body.extend_from_slice(b",\"scrapeTimeout\":");
    write_string(body, &format_duration_ms(target.scrape_timeout_ms));
    body.push(b'}');
}

/// What each relabelling rule of a pool makes of a label set.
pub(crate) async fn relabel_steps(State(api): State<Api>, params: Params) -> Result<Reply, ApiError> {
    let pool = params.get("scrapePool");
    if pool.is_empty() {
        return Err(ApiError::bad_data("no scrapePool parameter provided"));
    }
    let text = params.get("labels");
    if text.is_empty() {
        return Err(ApiError::bad_data("no labels parameter provided"));
    }
    let malformed =
        |error: &dyn std::fmt::Display| ApiError::bad_data(format!("error parsing labels: {error}"));
    let pairs: BTreeMap<String, String> = serde_json::from_str(text).map_err(|error| malformed(&error))?;
    let labels = Labels::from_pairs(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        .map_err(|error| malformed(&error))?;
    let steps = api
        .targets()?
        .relabel_steps(pool, &labels)
        .await
        .map_err(|error| ApiError::bad_data(format!("error retrieving scrape config: {error}")))?;
    Ok(Reply::written(|body| {
        body.extend_from_slice(b"{\"steps\":");
        write_array(body, &steps, |body, step| {
            body.extend_from_slice(b"{\"rule\":");
            body.extend_from_slice(rule_json(&step.rule).to_string().as_bytes());
            body.extend_from_slice(b",\"output\":");
            write_labels(body, step.output.as_ref().unwrap_or(&Labels::empty()));
            body.extend_from_slice(b",\"keep\":");
            body.extend_from_slice(step.output.is_some().to_string().as_bytes());
            body.push(b'}');
        });
        body.push(b'}');
    }))
}

fn rule_json(rule: &RelabelRule) -> serde_json::Value {
    let mut shown = json!({
        "separator": rule.separator,
        "regex": rule.regex,
        "replacement": rule.replacement,
        "action": rule.action,
    });
    if !rule.source_labels.is_empty() {
        shown["source_labels"] = json!(rule.source_labels);
    }
    if rule.modulus > 0 {
        shown["modulus"] = json!(rule.modulus);
    }
    if !rule.target_label.is_empty() {
        shown["target_label"] = json!(rule.target_label);
    }
    shown
}

pub(crate) async fn scrape_pools(State(api): State<Api>) -> Result<Reply, ApiError> {
    Reply::json(&json!({"scrapePools": api.targets()?.scrape_pools().await}))
}
