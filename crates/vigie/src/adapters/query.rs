//! The querier behind the edge.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use vigie_api::{
    Found, HeadStats, LabelsRequest, MetadataRequest, NamedCount, QueryAnswer, QueryBackend, QueryError,
    QueryErrorKind, QueryOptions, QueryRange, QueryStats, SelectRequest, TsdbStats,
};
use vigie_model::{Exemplar, Labels, Matcher, MetricMetadata, TenantId};
use vigie_promql::{Series, Vector};
use vigie_querier::{FindRequest, Querier, QueryRequest};
use vigie_runtime::{Clock as _, SystemClock};

use super::query_log::LoggedQuery;
use super::{ActiveQueries, QueryLog};

pub(crate) struct QueryAdapter {
    pub(crate) querier: Arc<Querier>,
    pub(crate) lookback_ms: i64,
    /// `--query.max-samples`
    pub(crate) max_samples: u64,
    pub(crate) active: Arc<ActiveQueries>,
    pub(crate) log: Arc<QueryLog>,
}

#[async_trait]
impl QueryBackend for QueryAdapter {
    async fn instant(
        &self,
        tenant: &TenantId,
        query: &str,
        time_ms: i64,
        options: &QueryOptions,
    ) -> Result<QueryAnswer, QueryError> {
        let range = QueryRange {
            start_ms: time_ms,
            end_ms: time_ms,
            step_ms: 0,
        };
        self.query(tenant, query, range, options).await
    }

    async fn range(
        &self,
        tenant: &TenantId,
        query: &str,
        range: QueryRange,
        options: &QueryOptions,
    ) -> Result<QueryAnswer, QueryError> {
        self.query(tenant, query, range, options).await
    }

    async fn series(&self, tenant: &TenantId, request: &LabelsRequest) -> Result<Found<Labels>, QueryError> {
        found(self.querier.series(tenant, &find(request)).await)
    }

    async fn label_names(
        &self,
        tenant: &TenantId,
        request: &LabelsRequest,
    ) -> Result<Found<Bytes>, QueryError> {
        found(self.querier.label_names(tenant, &find(request)).await)
    }

    async fn label_values(
        &self,
        tenant: &TenantId,
        name: &str,
        request: &LabelsRequest,
    ) -> Result<Found<Bytes>, QueryError> {
        found(self.querier.label_values(tenant, name, &find(request)).await)
    }

    async fn metadata(
        &self,
        tenant: &TenantId,
        request: &MetadataRequest,
    ) -> Result<BTreeMap<String, Vec<MetricMetadata>>, QueryError> {
        let families = self
            .querier
            .metadata(tenant, request.metric.as_deref())
            .await
            .map_err(edge_error)?;
        let per_metric = request.limit_per_metric.unwrap_or(usize::MAX);
        Ok(families
            .into_iter()
            .take(request.limit.unwrap_or(usize::MAX))
            .map(|(name, entries)| (name, entries.into_iter().take(per_metric).collect()))
            .collect())
    }

    async fn exemplars(
        &self,
        tenant: &TenantId,
        matcher_sets: &[Vec<Matcher>],
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Vec<(Labels, Vec<Exemplar>)>, QueryError> {
        self.querier
            .exemplars(tenant, matcher_sets, start_ms, end_ms)
            .await
            .map_err(edge_error)
    }

    async fn federate(
        &self,
        tenant: &TenantId,
        matcher_sets: &[Vec<Matcher>],
        time_ms: i64,
    ) -> Result<Vector, QueryError> {
        self.querier
            .newest_samples(tenant, matcher_sets, time_ms, self.lookback_ms)
            .await
            .map_err(edge_error)
    }

    async fn select(&self, tenant: &TenantId, request: SelectRequest) -> Result<Vec<Series>, QueryError> {
        if request.start_ms > request.end_ms {
            return Ok(Vec::new());
        }
        let range = vigie_promql::SelectRequest {
            matchers: request.matchers,
            start_ms: request.start_ms,
            end_ms: request.end_ms,
            labels: None,
        };
        // What is not limited for itself is held in memory all the same.
        let max_samples = request
            .max_samples
            .unwrap_or(self.max_samples)
            .min(self.max_samples);
        self.querier
            .raw_series(tenant, range, max_samples)
            .await
            .map_err(edge_error)
    }

    async fn tsdb_stats(&self, tenant: &TenantId, limit: usize) -> Result<TsdbStats, QueryError> {
        let stats = self
            .querier
            .tenant_stats(tenant, limit)
            .await
            .map_err(edge_error)?;
        let list = |counts: Vec<(String, u64)>| {
            counts
                .into_iter()
                .map(|(name, value)| NamedCount { name, value })
                .collect()
        };
        Ok(TsdbStats {
            head_stats: HeadStats {
                num_series: stats.series,
                num_label_pairs: stats.label_pairs,
                chunk_count: stats.chunks,
                // What Prometheus shows of an empty head.
                min_time: stats.min_time_ms.unwrap_or(i64::MAX),
                max_time: stats.max_time_ms.unwrap_or(i64::MIN),
            },
            series_count_by_metric_name: list(stats.series_by_metric),
            label_value_count_by_label_name: list(stats.values_by_label),
            memory_in_bytes_by_label_name: list(stats.bytes_by_label),
            series_count_by_label_value_pair: list(stats.series_by_pair),
        })
    }
}

impl QueryAdapter {
    async fn query(
        &self,
        tenant: &TenantId,
        query: &str,
        range: QueryRange,
        options: &QueryOptions,
    ) -> Result<QueryAnswer, QueryError> {
        let now_ms = SystemClock.now_ms();
        let _active = self.active.begin(query, now_ms / 1000);
        let outcome = self.evaluate(tenant, query, range, options).await;
        if self.log.is_on() {
            let stats = outcome.as_ref().ok().map(|(_, stats)| *stats);
            let logged = LoggedQuery {
                query,
                range,
                options,
                stats: stats.unwrap_or_default(),
                error: outcome.as_ref().err(),
            };
            self.log.write(&logged, SystemClock.now_ms());
        }
        outcome.map(|(answer, stats)| QueryAnswer {
            stats: options.wants_stats.then_some(stats),
            ..answer
        })
    }

    async fn evaluate(
        &self,
        tenant: &TenantId,
        query: &str,
        range: QueryRange,
        options: &QueryOptions,
    ) -> Result<(QueryAnswer, QueryStats), QueryError> {
        let request = QueryRequest {
            query: query.to_owned(),
            start_ms: range.start_ms,
            end_ms: range.end_ms,
            step_ms: range.step_ms,
            timeout: options
                .timeout_ms
                .map(|ms| Duration::from_millis(ms.max(0).unsigned_abs())),
            lookback_ms: options.lookback_ms,
            explain: options.wants_explain,
        };
        let answer = self.querier.query(tenant, request).await.map_err(edge_error)?;
        let stats = QueryStats {
            eval_total_seconds: answer.took.as_secs_f64(),
            inner_eval_seconds: answer.took.as_secs_f64(),
            exec_queue_seconds: answer.queued.as_secs_f64(),
            exec_total_seconds: (answer.queued + answer.took).as_secs_f64(),
            total_queryable_samples: answer.stats.samples_read,
            samples_read: answer.stats.samples_read,
            peak_samples: answer.stats.peak_samples,
            ..QueryStats::default()
        };
        let answer = QueryAnswer {
            value: answer.value,
            annotations: answer.annotations,
            stats: None,
            explained: answer.explained,
        };
        Ok((answer, stats))
    }
}

fn find(request: &LabelsRequest) -> FindRequest {
    FindRequest {
        matcher_sets: request.matcher_sets.clone(),
        start_ms: request.start_ms,
        end_ms: request.end_ms,
        limit: request.limit,
    }
}

fn found<T>(outcome: Result<Vec<T>, vigie_querier::QueryError>) -> Result<Found<T>, QueryError> {
    outcome
        .map(|items| Found {
            items,
            warnings: Vec::new(),
        })
        .map_err(edge_error)
}

fn edge_error(error: vigie_querier::QueryError) -> QueryError {
    use vigie_querier::QueryError as Cause;
    let (kind, message) = match error {
        Cause::BadData(message) => (QueryErrorKind::BadData, message),
        Cause::Execution(message) => (QueryErrorKind::Execution, message),
        Cause::Timeout(message) => (QueryErrorKind::Timeout, message),
        Cause::Canceled(message) => (QueryErrorKind::Canceled, message),
        Cause::Internal(message) => (QueryErrorKind::Internal, message),
        Cause::Unavailable(message) => (QueryErrorKind::Unavailable, message),
    };
    QueryError { kind, message }
}
