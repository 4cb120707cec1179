//! Reading.

use std::collections::BTreeMap;
use std::net::IpAddr;

use async_trait::async_trait;
use bytes::Bytes;
use serde::Serialize;
use vigie_model::{Exemplar, Labels, Matcher, MetricMetadata, TenantId};
use vigie_promql::{Annotations, Explained, QueryValue, Series, Vector};

/// Answers queries. A call is dropped when its client goes away, which must stop its work.
#[async_trait]
pub trait QueryBackend: Send + Sync {
    async fn instant(
        &self,
        tenant: &TenantId,
        query: &str,
        time_ms: i64,
        options: &QueryOptions,
    ) -> Result<QueryAnswer, QueryError>;

    /// The value is a matrix.
    async fn range(
        &self,
        tenant: &TenantId,
        query: &str,
        range: QueryRange,
        options: &QueryOptions,
    ) -> Result<QueryAnswer, QueryError>;

    /// The series that match any of the matcher sets, each once, in no order.
    async fn series(&self, tenant: &TenantId, request: &LabelsRequest) -> Result<Found<Labels>, QueryError>;

    /// Sorted, in UTF-8. No matcher set means all series.
    async fn label_names(
        &self,
        tenant: &TenantId,
        request: &LabelsRequest,
    ) -> Result<Found<Bytes>, QueryError>;

    /// Sorted, in UTF-8. No matcher set means all series.
    async fn label_values(
        &self,
        tenant: &TenantId,
        name: &str,
        request: &LabelsRequest,
    ) -> Result<Found<Bytes>, QueryError>;

    /// What is known about metrics, by name; several entries where targets disagree.
    async fn metadata(
        &self,
        tenant: &TenantId,
        request: &MetadataRequest,
    ) -> Result<BTreeMap<String, Vec<MetricMetadata>>, QueryError>;

    /// Exemplars between two times, both inclusive, of the series that match any of the sets: by series, then by
    /// time. Series without any are left out.
    async fn exemplars(
        &self,
        tenant: &TenantId,
        matcher_sets: &[Vec<Matcher>],
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Vec<(Labels, Vec<Exemplar>)>, QueryError>;

    /// The newest sample of every series that matches any of the sets and is not stale at `time_ms`.
    async fn federate(
        &self,
        tenant: &TenantId,
        matcher_sets: &[Vec<Matcher>],
        time_ms: i64,
    ) -> Result<Vector, QueryError>;

    /// The series that match and have samples, in the order of their labels. Fails with
    /// [`QueryErrorKind::BadData`] if they have more samples than are wanted.
    async fn select(&self, tenant: &TenantId, request: SelectRequest) -> Result<Vec<Series>, QueryError>;

    /// Cardinality figures; the lists hold at most `limit` entries, largest first.
    async fn tsdb_stats(&self, tenant: &TenantId, limit: usize) -> Result<TsdbStats, QueryError>;
}

/// What a request may say besides the query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueryOptions {
    /// Caps the configured timeout.
    pub timeout_ms: Option<i64>,
    /// Replaces the configured lookback.
    pub lookback_ms: Option<i64>,
    /// The answer should carry [`QueryStats`].
    pub wants_stats: bool,
    /// The answer should carry the plan with its costs.
    pub wants_explain: bool,
    pub origin: RequestOrigin,
}

/// Who asks, for the query log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestOrigin {
    /// `None` if the connection is not one of a network.
    pub client_ip: Option<IpAddr>,
    pub method: String,
    pub path: String,
}

/// Evaluation times: `start_ms`, `start_ms + step_ms`, and so on up to `end_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryRange {
    pub start_ms: i64,
    pub end_ms: i64,
    /// Positive.
    pub step_ms: i64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct QueryAnswer {
    pub value: QueryValue,
    pub annotations: Annotations,
    /// Absent unless asked for.
    pub stats: Option<QueryStats>,
    /// Absent unless asked for.
    pub explained: Option<Explained>,
}

/// What an evaluation cost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct QueryStats {
    pub eval_total_seconds: f64,
    pub result_sort_seconds: f64,
    pub query_preparation_seconds: f64,
    pub inner_eval_seconds: f64,
    pub exec_queue_seconds: f64,
    pub exec_total_seconds: f64,
    pub total_queryable_samples: u64,
    pub samples_read: u64,
    pub peak_samples: u64,
}

/// Which series, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelsRequest {
    pub matcher_sets: Vec<Vec<Matcher>>,
    /// `i64::MIN` when the request names no start.
    pub start_ms: i64,
    /// `i64::MAX` when the request names no end.
    pub end_ms: i64,
    /// More results than this are of no use. One more than the client asked for, which is how the
    /// edge notices that it has to cut.
    pub limit: Option<usize>,
}

/// Raw samples of a time range, both ends inclusive.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectRequest {
    pub matchers: Vec<Matcher>,
    pub start_ms: i64,
    pub end_ms: i64,
    pub max_samples: Option<u64>,
}

/// Results and remarks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found<T> {
    pub items: Vec<T>,
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetadataRequest {
    /// Only this metric.
    pub metric: Option<String>,
    /// At most this many metrics.
    pub limit: Option<usize>,
    /// At most this many entries per metric.
    pub limit_per_metric: Option<usize>,
}

/// A query failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    pub kind: QueryErrorKind,
    pub message: String,
}

/// Who is to blame and whether asking again helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryErrorKind {
    /// The query text is wrong: a parse error, or an expression of the wrong type.
    BadData,
    Execution,
    Timeout,
    Canceled,
    Internal,
    /// Not now: still starting, or a shard has no leader.
    Unavailable,
}

/// The body of status/tsdb.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TsdbStats {
    pub head_stats: HeadStats,
    pub series_count_by_metric_name: Vec<NamedCount>,
    pub label_value_count_by_label_name: Vec<NamedCount>,
    pub memory_in_bytes_by_label_name: Vec<NamedCount>,
    pub series_count_by_label_value_pair: Vec<NamedCount>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeadStats {
    pub num_series: u64,
    pub num_label_pairs: u64,
    pub chunk_count: u64,
    /// Milliseconds since the epoch.
    pub min_time: i64,
    /// Milliseconds since the epoch.
    pub max_time: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NamedCount {
    pub name: String,
    pub value: u64,
}
