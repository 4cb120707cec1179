//! status/*.

use axum::extract::State;
use jiff::Timestamp;
use serde_json::json;

use crate::error::ApiError;
use crate::params::Params;
use crate::reply::Reply;
use crate::routes::Api;
use crate::tenant::Tenant;

const DEFAULT_TSDB_LIMIT: usize = 10;
const MAX_TSDB_LIMIT: usize = 10_000;

pub(crate) async fn config(State(api): State<Api>) -> Result<Reply, ApiError> {
    Reply::json(&json!({"yaml": api.backends.lifecycle.config_yaml()}))
}

pub(crate) async fn flags(State(api): State<Api>) -> Result<Reply, ApiError> {
    Reply::json(&api.backends.lifecycle.flags())
}

pub(crate) async fn build_info(State(api): State<Api>) -> Result<Reply, ApiError> {
    Reply::json(&api.backends.lifecycle.build_info())
}

pub(crate) async fn runtime_info(State(api): State<Api>) -> Result<Reply, ApiError> {
    let info = api.backends.lifecycle.runtime_info();
    Reply::json(&json!({
        "startTime": rfc3339(Some(info.start_time_ms)),
        "CWD": info.working_directory,
        "hostname": info.hostname,
        "serverTime": rfc3339(Some(api.now_ms())),
        "reloadConfigSuccess": info.reload_config_success,
        "lastConfigTime": rfc3339(Some(info.last_config_time_ms)),
        "corruptionCount": info.corruption_count,
        "goroutineCount": info.threads,
        "GOMAXPROCS": info.threads,
        "GOMEMLIMIT": 0,
        "GOGC": "",
        "GODEBUG": "",
        "storageRetention": info.storage_retention,
    }))
}

pub(crate) async fn tsdb(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Reply, ApiError> {
    let limit = match params.get("limit") {
        "" => DEFAULT_TSDB_LIMIT,
        text => text
            .parse()
            .ok()
            .filter(|&limit| limit > 0)
            .ok_or_else(|| ApiError::bad_data("limit must be a positive number"))?,
    };
    if limit > MAX_TSDB_LIMIT {
        return Err(ApiError::bad_data(format!(
            "limit must not exceed {MAX_TSDB_LIMIT}"
        )));
    }
    Reply::json(&api.query()?.tsdb_stats(&tenant, limit).await?)
}

/// There are no blocks in Prometheus's sense.
pub(crate) async fn tsdb_blocks() -> Result<Reply, ApiError> {
    Reply::json(&json!({"blocks": []}))
}

pub(crate) async fn replay(State(api): State<Api>) -> Result<Reply, ApiError> {
    Reply::json(&api.backends.lifecycle.replay_status())
}

/// As Go prints times; its zero time for none.
pub(super) fn rfc3339(timestamp_ms: Option<i64>) -> String {
    timestamp_ms
        .and_then(|timestamp_ms| Timestamp::from_millisecond(timestamp_ms).ok())
        .map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |time| time.to_string())
}
