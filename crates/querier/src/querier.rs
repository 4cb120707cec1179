//! Evaluating queries.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use vigie_cluster::{Directory, Placement};
use vigie_model::TenantId;
use vigie_promql::{
    Annotations, Answer, Explained, Expr, ParseOptions, Plan, QueryContext, QueryParams, QueryStats,
    QueryValue, ValueType, evaluate, evaluate_explained, parse_with,
};
use vigie_runtime::Metrics;

use crate::QueryError;
use crate::metrics::QuerierMetrics;
use crate::patience::Patience;
use crate::source::IngesterSource;
use crate::turns::Turns;

#[derive(Debug, Clone)]
pub struct QuerierOptions {
    /// `--query.timeout`
    pub timeout: Duration,
    /// `--query.max-concurrency`
    pub max_concurrency: usize,
    /// Queries of one tenant that wait for their turn; more are refused at once.
    pub max_queued_per_tenant: usize,
    /// `--query.max-samples`
    pub max_samples: u64,
    /// Memory of one query.
    pub max_bytes: u64,
    /// `--query.lookback-delta`
    pub lookback_ms: i64,
    /// The step of subqueries that give none: the global evaluation interval.
    pub subquery_step_ms: i64,
    /// How many threads work on one query.
    pub threads: usize,
    /// Parts of PromQL behind feature flags.
    pub promql: ParseOptions,
    pub delayed_name_removal: bool,
    /// Rates and increases begin at the times at which counters did, where those are known: of native
    /// histograms, so far.
    pub use_start_timestamps: bool,
}

impl Default for QuerierOptions {
    /// Prometheus's own defaults; a query may take 2 GiB, and all cores.
    fn default() -> QuerierOptions {
        QuerierOptions {
            timeout: Duration::from_secs(120),
            max_concurrency: 20,
            max_queued_per_tenant: 256,
            max_samples: 50_000_000,
            max_bytes: 2 << 30,
            lookback_ms: 300_000,
            subquery_step_ms: 60_000,
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            promql: ParseOptions::default(),
            delayed_name_removal: false,
            use_start_timestamps: false,
        }
    }
}

/// A query and its evaluation times: `start_ms`, `start_ms + step_ms` and so on up to `end_ms`.
#[derive(Debug, Clone)]
pub struct QueryRequest {
    pub query: String,
    pub start_ms: i64,
    /// Equal to the start for an instant query.
    pub end_ms: i64,
    /// 0 for an instant query.
    pub step_ms: i64,
    /// Shortens the configured timeout.
    pub timeout: Option<Duration>,
    /// Replaces the configured lookback.
    pub lookback_ms: Option<i64>,
    /// The answer should carry the plan with its costs.
    pub explain: bool,
}

#[derive(Debug, Clone)]
pub struct QueryAnswer {
    pub value: QueryValue,
    pub annotations: Annotations,
    pub stats: QueryStats,
    /// Absent unless asked for.
    pub explained: Option<Explained>,
    /// Time spent waiting for a turn.
    pub queued: Duration,
    pub took: Duration,
}

/// Answers queries over all ingesters. Lives behind an `Arc`, shared by all requests.
#[derive(Debug)]
pub struct Querier {
    options: QuerierOptions,
    pub(crate) directory: Arc<Directory>,
    turns: Arc<Turns>,
    metrics: QuerierMetrics,
}

impl Querier {
    pub fn new(options: QuerierOptions, directory: Arc<Directory>, metrics: &Metrics) -> Querier {
        let metrics = QuerierMetrics::register(metrics);
        metrics.set_limit(options.max_concurrency);
        Querier {
            turns: Turns::new(options.max_concurrency, options.max_queued_per_tenant),
            metrics,
            options,
            directory,
        }
    }

    /// Dropping the future stops the evaluation: at once where it waits for an ingester, whose stream then ends
    /// too, else at its next look at the interrupt.
    pub async fn query(&self, tenant: &TenantId, request: QueryRequest) -> Result<QueryAnswer, QueryError> {
        let expr = parse_with(&request.query, &self.options.promql)?;
        if request.step_ms > 0 {
            check_range_type(&expr)?;
        }
        let arrived = Instant::now();
        let deadline = arrived
            + request
                .timeout
                .map_or(self.options.timeout, |own| own.min(self.options.timeout));
        let _running = Running::enter(&self.metrics);
        let _turn = tokio::time::timeout_at(deadline.into(), self.turns.acquire(tenant))
            .await
            .map_err(|_| QueryError::Timeout("query timed out in query queue".to_owned()))?
            .map_err(|_| QueryError::Unavailable("too many queries of the tenant are waiting".to_owned()))?;
        let started = Instant::now();
        let outcome = self.evaluate(tenant, &expr, request, deadline).await;
        let (queued, took) = (started - arrived, started.elapsed());
        self.metrics.observe(
            queued,
            took,
            outcome.as_ref().ok().map(|(answer, _)| &answer.stats),
        );
        outcome.map(|(answer, explained)| QueryAnswer {
            value: answer.value,
            annotations: answer.annotations,
            stats: answer.stats,
            explained,
            queued,
            took,
        })
    }

    async fn evaluate(
        &self,
        tenant: &TenantId,
        expr: &Expr,
        request: QueryRequest,
        deadline: Instant,
    ) -> Result<(Answer, Option<Explained>), QueryError> {
        let explain = request.explain;
        let params = QueryParams {
            query: request.query,
            start_ms: request.start_ms,
            end_ms: request.end_ms,
            step_ms: request.step_ms,
            lookback_ms: request.lookback_ms.unwrap_or(self.options.lookback_ms),
            subquery_step_ms: self.options.subquery_step_ms,
            delayed_name_removal: self.options.delayed_name_removal,
            type_and_unit_labels: false,
            use_start_timestamps: self.options.use_start_timestamps,
        };
        let plan = Plan::new(expr, &params)?;
        // Dropped with the future.
        let (_asker, patience) = Patience::new(Some(deadline));
        let source = IngesterSource {
            placement: self.placement().await?,
            tenant: tenant.clone(),
            runtime: Handle::current(),
            patience: patience.clone(),
        };
        let (max_samples, max_bytes) = (self.options.max_samples, self.options.max_bytes);
        let threads = self.options.threads;
        let evaluation = tokio::task::spawn_blocking(move || {
            let interrupted = || patience.interrupted();
            let context = QueryContext {
                max_samples,
                max_bytes: Some(max_bytes),
                interrupted: &interrupted,
                threads,
            };
            if !explain {
                return evaluate(&plan, &source, &context).map(|answer| (answer, None));
            }
            let start = Instant::now();
            let clock_ns = || u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
            evaluate_explained(&plan, &source, &context, &clock_ns)
                .map(|(answer, explained)| (answer, Some(explained)))
        });
        evaluation
            .await
            .map_err(|error| QueryError::Internal(format!("evaluation failed: {error}")))?
            .map_err(QueryError::from)
    }

    /// A map in which every shard has an owner: an answer without one of them would be silently partial.
    pub(crate) async fn placement(&self) -> Result<Arc<Placement>, QueryError> {
        let unavailable = |error: vigie_cluster::DirectoryError| QueryError::Unavailable(error.to_string());
        let mut placement = self.directory.placement().await.map_err(unavailable)?;
        if placement.orphans().next().is_some() {
            placement = self.directory.refresh().await.map_err(unavailable)?;
        }
        let orphan = placement.orphans().next();
        match orphan {
            Some(shard) => Err(QueryError::Unavailable(format!(
                "no ingester serves shard {shard}"
            ))),
            None => Ok(placement),
        }
    }
}

fn check_range_type(expr: &Expr) -> Result<(), QueryError> {
    match expr.value_type() {
        ValueType::Scalar | ValueType::Vector => Ok(()),
        other @ (ValueType::Matrix | ValueType::String) => Err(QueryError::BadData(format!(
            "invalid expression type \"{other}\" for range query, must be Scalar or instant Vector"
        ))),
    }
}

/// Counts a query as running until dropped.
struct Running {
    metrics: QuerierMetrics,
}

impl Running {
    fn enter(metrics: &QuerierMetrics) -> Running {
        metrics.running.inc();
        Running {
            metrics: metrics.clone(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.metrics.running.dec();
    }
}
